"""A deployment of its own on the session's Kafka."""

from itertools import count
from pathlib import Path

import pytest

from streams.config import IngestSettings, KafkaSettings, Settings, SourceSettings, TickerSettings
from streams.devstack import DevStack
from streams.log_reading import admin_client
from streams.topic_admin import carry_out, plan, wanted_topics

_numbers = count()


@pytest.fixture
def settings(stack: DevStack) -> Settings:
    prefix = f"ticker-{next(_numbers)}-"
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap=stack.broker.bootstrap, topic_prefix=prefix, partitions=3, session_timeout_seconds=3
        ),
        ticker=TickerSettings(interval_seconds=0.2),
        ingest=IngestSettings(
            sources=(SourceSettings(topic=f"{prefix}orders", mapping=Path("orders.toml"), partitions=2),)
        ),
    )
    with admin_client(settings) as admin:
        carry_out(admin, plan(wanted_topics(settings, with_sources=True), {}), replication=1)
    return settings
