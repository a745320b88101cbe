"""The projection equals the topic, whatever happens to Redis or to the projector on the way."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from redis import Redis

from streams.config import Settings
from streams.devstack.redis import RedisServer
from streams.kafka_clients import client_settings
from streams.metrics.projector import ProjectorMetrics
from streams.projector.process import run
from streams.projector.redis_scores import whole_key
from streams.projector.scores import fetch
from streams.topics import MEMBER_SCORES

pytestmark = pytest.mark.kafka

MEMBERS = 200
PATIENCE_SECONDS = 30.0


async def publish(settings: Settings, offsets: range) -> dict[str, int]:
    """One score per offset, members in turn; what the topic says last of each member."""
    latest: dict[str, int] = {}
    async with AIOKafkaProducer(**client_settings(settings), linger_ms=5) as producer:
        for offset in offsets:
            member = f"m{offset % MEMBERS}"
            value = b'{"member_id":"%b","epoch":1,"offset":%d,"pad":"%b"}' % (member.encode(), offset, b"x" * 300)
            await producer.send(settings.topic(MEMBER_SCORES), value, member.encode())
            latest[member] = offset
        await producer.flush()
    return latest


def projected(settings: Settings) -> dict[str, int]:
    """What Redis says of each member; empty while Redis is away."""
    with Redis.from_url(settings.redis.url.get_secret_value(), decode_responses=True) as redis:
        keys = sorted(redis.scan_iter("memberpulse:member:*", count=1000))
        values = redis.mget(keys) if keys else []
    assert isinstance(values, list)
    return {key.rpartition(":")[2]: int(value[11:30]) for key, value in zip(keys, values, strict=True) if value}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def projecting(settings: Settings, **options: Any) -> AsyncIterator[ProjectorMetrics]:
    stop, metrics = asyncio.Event(), ProjectorMetrics(CollectorRegistry())
    task = asyncio.create_task(run(settings, stop=stop, metrics=metrics, **options))
    try:
        yield metrics
    finally:
        stop.set()
        await task


def written(metrics: ProjectorMetrics) -> float:
    return sum(
        each.value for each in next(iter(metrics.scores["written"].collect())).samples if "created" not in each.name
    )


def test_every_member_of_the_topic_can_be_looked_up(settings: Settings) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(1000))
        async with projecting(settings):
            await until(lambda: projected(settings) == latest)
        found = fetch(settings, "m7")
        assert found is not None
        assert found["offset"] == latest["m7"]
        assert fetch(settings, "nobody") is None

    asyncio.run(scenario())


def test_a_second_start_writes_nothing_again(settings: Settings) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(1000))
        async with projecting(settings):
            await until(lambda: projected(settings) == latest)
        async with projecting(settings) as metrics:
            latest |= await publish(settings, range(1000, 1010))
            await until(lambda: projected(settings) == latest)
        assert written(metrics) == 10

    asyncio.run(scenario())


def test_redis_killed_and_restarted_empty_is_filled_again_by_itself(
    settings: Settings, redis_server: RedisServer
) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(2000))
        async with projecting(settings) as metrics:
            await until(lambda: written(metrics) > 500)
            redis_server.kill()
            latest |= await publish(settings, range(2000, 2100))
            await asyncio.sleep(4)  # longer than the session timeout of 3 s: the process must keep its partitions
            redis_server.start()
            await until(lambda: projected(settings) == latest)
            latest |= await publish(settings, range(2100, 2110))
            await until(lambda: projected(settings) == latest)
            rebalances = next(iter(metrics.rebalances.collect())).samples[0].value
        assert rebalances == 1

    asyncio.run(scenario())


def test_redis_emptied_while_nobody_shops_is_filled_again_at_once(settings: Settings) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(1000))
        async with projecting(settings):
            await until(lambda: projected(settings) == latest)
            with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
                redis.flushall()
            await until(lambda: projected(settings) == latest)

    asyncio.run(scenario())


def marks(settings: Settings) -> list[object]:
    """The marks of both partitions."""
    with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
        found = redis.mget([whole_key(settings, number) for number in range(2)])
    assert isinstance(found, list)
    return found


def test_partitions_are_marked_as_whole_once_all_their_scores_are_there(settings: Settings) -> None:
    async def scenario() -> None:
        async with projecting(settings):
            await until(lambda: marks(settings) == [b"2", b"2"])
        latest = await publish(settings, range(3000))
        async with projecting(settings):
            await until(lambda: marks(settings) == [b"2", b"2"] and projected(settings) == latest)
            with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
                redis.flushall()
            while projected(settings) != latest:
                # Both are read one after the other: a mark that comes between is no mistake.
                marked, found = marks(settings), projected(settings)
                assert marked != [b"2", b"2"] or found == latest
                await asyncio.sleep(0.01)
            await until(lambda: marks(settings) == [b"2", b"2"])

    asyncio.run(scenario())


def test_a_frozen_redis_loses_nothing(settings: Settings, redis_server: RedisServer) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(300))
        async with projecting(settings) as metrics:
            await until(lambda: projected(settings) == latest)
            redis_server.pause()
            latest |= await publish(settings, range(300, 600))
            await until(lambda: next(iter(metrics.redis_errors.collect())).samples[0].value > 0)
            redis_server.resume()
            await until(lambda: projected(settings) == latest)

    asyncio.run(scenario())


def test_the_process_stops_cleanly_while_redis_is_away(settings: Settings, redis_server: RedisServer) -> None:
    async def scenario() -> None:
        await publish(settings, range(100))
        redis_server.kill()
        async with asyncio.timeout(10), projecting(settings):
            await asyncio.sleep(2)

    asyncio.run(scenario())


def test_a_rebuild_brings_back_what_was_lost_from_redis_alone(settings: Settings) -> None:
    async def scenario() -> None:
        latest = await publish(settings, range(400))
        async with projecting(settings):
            await until(lambda: projected(settings) == latest)
        with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
            redis.delete("memberpulse:member:m3")
            redis.set("memberpulse:member:m4", "0000000001.0000000000000000004 broken")
        async with projecting(settings, rebuild=True):
            await until(lambda: projected(settings) == latest)
        assert fetch(settings, "m4") is not None

    asyncio.run(scenario())


def test_a_projector_killed_in_the_middle_leaves_nothing_out(settings: Settings) -> None:
    environment = {
        **os.environ,
        "MEMBERPULSE_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "MEMBERPULSE_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "MEMBERPULSE_REDIS__URL": settings.redis.url.get_secret_value(),
        "MEMBERPULSE_METRICS__PROJECT_PORT": "0",
    }
    program = (
        "import asyncio; from streams.config import Settings; from streams.projector.process import run;"
        "asyncio.run(run(Settings(), stop=asyncio.Event()))"
    )

    async def scenario() -> None:
        latest = await publish(settings, range(6000))
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
        try:
            await until(lambda: len(projected(settings)) > 0)
        finally:
            process.kill()
            await process.wait()
        async with projecting(settings):
            await until(lambda: projected(settings) == latest)

    asyncio.run(scenario())
