"""A Redis that a test may kill."""

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
