"""A Redis that a test may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.config import Settings
from streams.devstack.redis import RedisServer
from tests.streams.serving.till import settings_for


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    return settings_for(redis_server.url, tmp_path)
