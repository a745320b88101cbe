"""The policy is read from the log and followed, cuts included, and Kafka may come late."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
import orjson
import pytest
from prometheus_client import CollectorRegistry

from streams import policy_file
from streams.config import KafkaSettings, Settings
from streams.devstack import DevStack
from streams.log_reading import admin_client
from streams.log_writing import NewRecord, write
from streams.metrics.serving import ServingMetrics
from streams.policy_file import PolicyDocument, from_canonical
from streams.policy_publication import open_empty_partitions
from streams.preview.record import PublishedRecord, remember_publication
from streams.serving.policies import Policies
from streams.ticker.control import CUTS_KEY
from streams.topic_admin import carry_out, plan, wanted_topics
from streams.topics import CONTROL

pytestmark = pytest.mark.kafka

_numbers = count()
PATIENCE_SECONDS = 30


@pytest.fixture
def settings(stack: DevStack) -> Settings:
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap=stack.broker.bootstrap, topic_prefix=f"serving-policies-{next(_numbers)}-", partitions=2
        )
    )
    with admin_client(settings) as admin:
        carry_out(admin, plan(wanted_topics(settings), {}), replication=1)
    return settings


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[Policies]:
    policies = Policies(settings, ServingMetrics(CollectorRegistry()))
    policies.start()
    try:
        yield policies
    finally:
        await policies.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


def next_version(document: PolicyDocument, **changes: Any) -> PolicyDocument:
    return from_canonical(orjson.dumps(document.content() | {"version": document.version + 1, **changes}))


async def test_policies_are_read_from_the_log_and_followed_with_the_cuts_of_the_day(settings: Settings) -> None:
    first = policy_file.load("pyramid")
    second = next_version(first, min_order_amount=500)
    await asyncio.to_thread(open_empty_partitions, settings, first)
    async with following(settings) as policies:
        await until(lambda: policies.newest is not None)
        known = policies.of_version(first.version)
        assert known is not None
        assert known.policy.content_hash == first.content_hash
        assert policies.of_version(second.version) is None
        record = PublishedRecord(
            first.content_hash, second.version, second.content_hash, "eve", msgspec.Raw(second.canonical())
        )
        await asyncio.to_thread(remember_publication, settings, record)
        await until(lambda: policies.of_version(second.version) is not None)
        assert policies.newest is not None
        assert policies.newest.min_order_amount == 500
        names = [level.name for level in second.tiers.levels]
        cuts = {
            "date": "2026-03-01",
            "cuts": {
                "ranked": 900,
                "fallback": False,
                "tiers": {name: {"enter": 100 * rank, "leave": 90 * rank} for rank, name in enumerate(names) if rank},
            },
        }
        await asyncio.to_thread(
            write, settings, settings.topic(CONTROL), [NewRecord(None, CUTS_KEY, orjson.dumps(cuts))]
        )
        await until(lambda: policies.newest is not None and policies.newest.cuts is not None)
        assert policies.newest.cuts is not None
        assert policies.newest.cuts.enter[1] == 100


async def test_a_log_without_a_policy_is_asked_again_until_it_has_one(settings: Settings) -> None:
    async with following(settings) as policies:
        await asyncio.sleep(1)
        assert policies.newest is None
        assert policies.for_strangers is not None
        await asyncio.to_thread(open_empty_partitions, settings, policy_file.load("absolute"))
        await until(lambda: policies.newest is not None)
