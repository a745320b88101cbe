"""A deployment of its own on the session's Kafka."""

from itertools import count

import pytest
from pydantic import SecretStr

from streams.config import KafkaSettings, MetricsSettings, RedisSettings, Settings
from streams.devstack import DevStack
from streams.devstack.redis import RedisServer
from streams.log_reading import admin_client
from streams.topic_admin import carry_out, plan, wanted_topics

_numbers = count()


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> Settings:
    return Settings(redis=RedisSettings(url=SecretStr(redis_server.url)))


@pytest.fixture
def settings(stack: DevStack, redis_server: RedisServer) -> Settings:
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap=stack.broker.bootstrap,
            topic_prefix=f"projector-{next(_numbers)}-",
            partitions=2,
            session_timeout_seconds=3,
        ),
        redis=RedisSettings(url=SecretStr(redis_server.url)),
        metrics=MetricsSettings(project_port=0),
    )
    with admin_client(settings) as admin:
        carry_out(admin, plan(wanted_topics(settings), {}), replication=1)
    return settings
