"""The ticker on a real log."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import orjson
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry

from scoring.calendar import instant_of
from scoring.events import Tick
from streams.config import Settings
from streams.instants import instant_text
from streams.kafka_clients import admin_settings
from streams.log_reading import admin_client, log_consumer, scan, spans
from streams.metrics.ticker import TickerMetrics
from streams.ticker import operator
from streams.ticker.due_counts import DueCount, encode_due_count
from streams.ticker.ticker import Ticker
from streams.topics import DUE_COUNTS, MEMBER_EVENTS, PARTITION_KEY

pytestmark = pytest.mark.kafka

PATIENCE_SECONDS = 30.0
HOUR = 3_600_000
DAY = 24 * HOUR


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def ticks(settings: Settings) -> dict[int, list[int]]:
    """Every tick of the log, by partition, in log order."""
    found: dict[int, list[int]] = {number: [] for number in range(settings.kafka.partitions)}
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        for record in scan(consumer, topic, spans(consumer, topic)):
            if record.key == PARTITION_KEY:
                tick = msgspec.json.decode(record.value or b"", type=Tick)
                assert tick.partition == record.partition
                found[record.partition].append(instant_of(tick.at))
    return found


def last_ticks(settings: Settings) -> list[int]:
    return [each[-1] if each else 0 for each in ticks(settings).values()]


def rises(instants: list[int]) -> bool:
    return all(earlier < later for earlier, later in pairwise(instants))


def append(settings: Settings, topic: str, key: bytes, value: bytes, partition: int = 0, at: int | None = None) -> None:
    producer = KafkaProducer(**admin_settings(settings))
    producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=at).get(10)
    producer.close()


@asynccontextmanager
async def ticking(settings: Settings, clock: Callable[[], int] = wall_ms) -> AsyncIterator[TickerMetrics]:
    stop, metrics = asyncio.Event(), TickerMetrics(CollectorRegistry())
    task = asyncio.create_task(Ticker(settings, metrics, clock).run(stop))
    try:
        yield metrics
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.1)


def held(metrics: TickerMetrics, reason: str) -> float:
    return next(iter(metrics.held_total[reason].collect())).samples[0].value


def silent(metrics: TickerMetrics, reason: str) -> float:
    return next(iter(metrics.silent_total[reason].collect())).samples[0].value


def test_every_partition_gets_ticks_that_rise_across_a_restart_and_a_clock_set_back(settings: Settings) -> None:
    async def scenario() -> None:
        async with ticking(settings):
            await until(lambda: min(len(each) for each in ticks(settings).values()) >= 3)
        last = max(last_ticks(settings))
        async with ticking(settings, lambda: last - HOUR) as metrics:
            await until(lambda: silent(metrics, "clock") >= 2)
            assert max(last_ticks(settings)) == last
        async with ticking(settings):
            await until(lambda: min(last_ticks(settings)) > last)

    asyncio.run(scenario())
    assert all(rises(each) for each in ticks(settings).values())


def test_a_tick_of_an_import_is_found_although_many_purchases_follow_it(settings: Settings) -> None:
    future = wall_ms() + HOUR
    producer = KafkaProducer(**admin_settings(settings))
    topic = settings.topic(MEMBER_EVENTS)
    value = orjson.dumps({"type": "tick", "at": instant_text(future), "partition": 1})
    producer.send(topic, key=PARTITION_KEY, value=value, partition=1)
    for number in range(3000):
        producer.send(topic, key=b"m%d" % number, value=b"{}", partition=1)
    producer.close()

    async def scenario() -> None:
        async with ticking(settings) as metrics:
            await until(lambda: silent(metrics, "clock") >= 1)
        async with ticking(settings, lambda: future + 5):
            await until(lambda: min(last_ticks(settings)) == future + 5)

    asyncio.run(scenario())


def test_of_two_tickers_one_ticks_and_the_other_takes_over(settings: Settings) -> None:
    async def scenario() -> None:
        async with ticking(settings) as first:
            await until(lambda: max(last_ticks(settings)) > 0)
            async with ticking(settings) as second:
                await asyncio.sleep(5)
                active = [next(iter(each.active.collect())).samples[0].value for each in (first, second)]
                assert sorted(active) == [0, 1]
                before = max(last_ticks(settings))
                await until(lambda: min(last_ticks(settings)) > before)
            before = max(last_ticks(settings))
            await until(lambda: min(last_ticks(settings)) > before)

    asyncio.run(scenario())


def test_time_waits_for_a_purchase_that_ingest_has_not_handled(settings: Settings) -> None:
    orders, group = settings.ingest.sources[0].topic, settings.group("ingest")
    bought = wall_ms() - 10 * 60_000
    append(settings, orders, b"m1", b"{}", partition=1, at=bought)

    async def scenario() -> None:
        async with ticking(settings) as metrics:
            await until(lambda: silent(metrics, "upstream") >= 2)
            assert last_ticks(settings) == [bought - 1] * 3
            with admin_client(settings) as admin:
                handled = {TopicPartition(orders, 1): OffsetAndMetadata(1, "", -1)}
                await asyncio.to_thread(admin.alter_group_offsets, group, handled)
            await until(lambda: min(last_ticks(settings)) > bought)

    asyncio.run(scenario())


def test_a_clock_two_days_ahead_moves_nobody_until_an_operator_says_so(settings: Settings) -> None:
    async def scenario() -> None:
        async with ticking(settings):
            await until(lambda: min(last_ticks(settings)) > 0)
        last = max(last_ticks(settings))
        async with ticking(settings, lambda: wall_ms() + 2 * DAY) as metrics:
            await until(lambda: held(metrics, "jump") >= 2)
            assert max(last_ticks(settings)) == last
            status = await asyncio.to_thread(operator.status, settings)
            assert status.last_tick == last
            assert status.ticker is not None
            assert (status.ticker.state, status.ticker.reason) == ("held", "jump")
            await asyncio.to_thread(lambda: operator.release(settings, actor="ann", reason="moved the data centre"))
            await until(lambda: min(last_ticks(settings)) > last + DAY)

    asyncio.run(scenario())


def test_real_downtime_passes_without_an_operator(settings: Settings) -> None:
    async def scenario() -> None:
        yesterday = instant_text(wall_ms() - DAY)
        for number in range(settings.kafka.partitions):
            value = orjson.dumps({"type": "tick", "at": yesterday, "partition": number})
            append(settings, settings.topic(MEMBER_EVENTS), PARTITION_KEY, value, partition=number)
        async with ticking(settings):
            await until(lambda: min(len(each) for each in ticks(settings).values()) >= 2)

    asyncio.run(scenario())
    assert min(last_ticks(settings)) > wall_ms() - HOUR


def test_a_tick_for_too_many_members_waits_and_one_release_lets_one_tick_pass(settings: Settings) -> None:
    def publish(count: DueCount) -> None:
        append(settings, settings.topic(DUE_COUNTS), count.key(), encode_due_count(count))

    async def scenario() -> None:
        async with ticking(settings) as metrics:
            await until(lambda: min(last_ticks(settings)) > 0)
            # Overdue members in a count that is as new as any tick: this stays true until a worker counts again.
            publish(DueCount(0, 20_000, wall_ms() + DAY, ((wall_ms() - HOUR, 5000),)))
            await until(lambda: held(metrics, "mass") >= 2)
            last = max(last_ticks(settings))
            await asyncio.to_thread(lambda: operator.release(settings, actor="ann", reason="after the import"))
            await until(lambda: min(last_ticks(settings)) > last)
            released, seen = max(last_ticks(settings)), held(metrics, "mass")
            await until(lambda: held(metrics, "mass") >= seen + 3)
            assert last_ticks(settings) == [released] * 3
            assert (await asyncio.to_thread(operator.status, settings)).word.state == "open"
            publish(DueCount(0, 20_000, wall_ms() + DAY, ()))
            await until(lambda: min(last_ticks(settings)) > released)

    asyncio.run(scenario())


def test_an_operator_stops_time_across_a_restart_and_lets_it_go_on(settings: Settings) -> None:
    async def scenario() -> None:
        await asyncio.to_thread(lambda: operator.hold(settings, actor="ann", reason="stock-taking"))
        for _start in range(2):
            async with ticking(settings) as metrics:
                await until(lambda metrics=metrics: held(metrics, "operator") >= 2)  # type: ignore[misc]
        assert max(last_ticks(settings)) == 0
        async with ticking(settings):
            await asyncio.to_thread(lambda: operator.release(settings, actor="ann", reason="done"))
            await until(lambda: min(len(each) for each in ticks(settings).values()) >= 3)

    asyncio.run(scenario())
