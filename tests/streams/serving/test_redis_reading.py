"""Reading Redis for look-ups: when is it late, and when are we?"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from streams.config import ServeSettings, Settings
from streams.devstack.redis import RedisServer
from streams.metrics.serving import ServingMetrics
from streams.serving.redis_reading import Read, RedisReading
from tests.streams.serving.till import settings_for

#: Redis gets three fifths of it.
DEADLINE_SECONDS = 0.1


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    with Redis.from_url(redis_server.url) as redis:
        redis.set("anna", "gold")
        redis.sadd("shops of anna", "s-1", "s-2")
    return settings_for(redis_server.url, tmp_path, serve=ServeSettings(deadline_seconds=DEADLINE_SECONDS))


@asynccontextmanager
async def a_reader(settings: Settings) -> AsyncIterator[tuple[RedisReading, Callable[[str], float]]]:
    """With how many reads failed, by reason."""
    metrics = ServingMetrics(CollectorRegistry())
    reading = RedisReading(settings, metrics)
    await reading.warm_up()
    yield reading, lambda reason: metrics.redis_errors[reason]._value.get()
    await reading.aclose()


async def test_values_and_sets_come_in_the_order_they_were_asked_for(settings: Settings) -> None:
    async with a_reader(settings) as (reading, _):
        one, other = await asyncio.gather(
            reading.read([b"anna", b"nobody"], [b"shops of anna", b"shops of nobody"]),
            reading.read([b"nobody", b"anna"], [b"shops of anna"]),
        )
    shops = frozenset((b"s-1", b"s-2"))
    assert one == Read([b"gold", None], [shops, frozenset()])
    assert other == Read([None, b"gold"], [shops])


async def stalled(reading: RedisReading, turns: int) -> Read | None:
    """A read during which this process does not get the processor, for longer than anybody waits."""
    answer = asyncio.ensure_future(reading.read([b"anna"]))
    for _ in range(turns):
        await asyncio.sleep(0)
    time.sleep(2 * DEADLINE_SECONDS)
    return await answer


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_an_answer_that_waits_for_us_is_not_a_late_one(settings: Settings, turns: int) -> None:
    async with a_reader(settings) as (reading, failed):
        assert await stalled(reading, turns) == Read([b"gold"], [])
        assert failed("timeout") == 0


async def paused(redis_server: RedisServer, meanwhile: Callable[[], Awaitable[Read | None]]) -> Read | None:
    redis_server.pause()
    try:
        return await meanwhile()
    finally:
        redis_server.resume()


async def test_one_late_read_is_no_outage_for_the_next_one(settings: Settings, redis_server: RedisServer) -> None:
    async with a_reader(settings) as (reading, failed):
        assert await paused(redis_server, lambda: reading.read([b"anna"])) is None
        assert await reading.read([b"anna"]) == Read([b"gold"], [])
        assert failed("timeout") == 1


async def test_after_two_late_reads_nobody_waits(settings: Settings, redis_server: RedisServer) -> None:
    async with a_reader(settings) as (reading, failed):

        async def twice_and_once_more() -> Read | None:
            assert await reading.read([b"anna"]) is None
            assert await reading.read([b"anna"]) is None
            began = time.monotonic()
            third = await reading.read([b"anna"])
            assert time.monotonic() - began < DEADLINE_SECONDS / 2
            return third

        assert await paused(redis_server, twice_and_once_more) is None
        assert failed("timeout") == 2
