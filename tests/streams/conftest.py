"""A Redis that a test may kill, and signals that a test may handle."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.devstack.redis import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def handlers_put_back() -> Iterator[None]:
    """After the test, signals do what they did before."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCONT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
