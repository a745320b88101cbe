"""Settings of an API over a Redis that a test may kill."""

from pathlib import Path

import pytest

from streams.config import Settings
from streams.devstack.redis import RedisServer
from tests.streams.serving.till import settings_for


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    return settings_for(redis_server.url, tmp_path)
