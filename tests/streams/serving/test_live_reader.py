"""The one consumer behind all live streams: where it begins, and what it does when Kafka is away or made anew."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.metrics.live import LiveMetrics
from streams.outcome_facts import Selection
from streams.serving import live_reader
from streams.serving.live_hub import LiveHub, NotReady
from streams.serving.live_positions import index_of
from streams.serving.live_reader import LiveReader
from streams.serving.live_subscription import Subscription
from streams.topics import OUTCOME_TOPICS
from tests.streams.serving.live_shop import PARTITIONS, Browser, Record, Topics, drained


class Kafka:
    """The broker of a story: its topics, and what goes wrong next."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.failures: list[Exception] = []
        self.away = False
        self.heard_ms = 0
        self.consumers = 0

    def log(self, partition: TopicPartition) -> list[Record]:
        return self.topics.logs[index_of(OUTCOME_TOPICS.index(partition.topic), partition.partition)]


class Consumer:
    """What aiokafka's does, for the parts that the reader uses."""

    kafka: Kafka

    def __init__(self, **settings: Any) -> None:
        assert (settings["group_id"], settings["auto_offset_reset"]) == (None, "none")
        Consumer.kafka.consumers += 1
        self._at: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        if Consumer.kafka.away:
            raise KafkaConnectionError("nobody there")

    async def stop(self) -> None:
        self._at.clear()

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._at = dict.fromkeys(partitions, -1)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        return self._at[partition]

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: len(Consumer.kafka.log(each)) for each in partitions}

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        found = {}
        for each, since in times.items():
            later = [record for record in Consumer.kafka.log(each) if record.timestamp >= since]
            found[each] = later[0] if later else None
        return found

    def last_poll_timestamp(self, _partition: TopicPartition) -> int:
        return Consumer.kafka.heard_ms

    async def getmany(self, *, timeout_ms: int, max_records: int = 50) -> dict[TopicPartition, list[Record]]:
        assert timeout_ms > 0
        await asyncio.sleep(0.001)
        if Consumer.kafka.failures:
            raise Consumer.kafka.failures.pop(0)
        fetched = {}
        for each, at in self._at.items():
            assert at >= 0, "fetching before seeking begins anywhere"
            if records := Consumer.kafka.log(each)[at : at + max_records]:
                fetched[each] = records
                self._at[each] += len(records)
                max_records -= len(records)
        return fetched


class Till:
    """The hub and its reader, at a wall clock driven by hand."""

    def __init__(self, kafka: Kafka, **live: Any) -> None:
        self.kafka = kafka
        self.now_ms = 10_000_000
        kafka.heard_ms = self.now_ms
        settings = Settings.model_validate({"kafka": {"partitions": PARTITIONS}, "live": live})
        self.metrics = LiveMetrics(CollectorRegistry())
        self.hub = LiveHub(settings.live, PARTITIONS, self.metrics)
        self.reader = LiveReader(settings, self.hub, self.metrics, lambda: self.now_ms)
        self.browser = Browser()
        self.stream: Subscription | None = None

    def connect(self) -> None:
        self.stream = self.hub.open(Selection().wants, None, self.browser.last_id)

    def hear(self) -> list[str]:
        if self.stream is not None:
            self.browser.hear(drained(self.hub, self.stream))
            self.browser.ending = self.stream.ended
        return self.browser.ids

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    def opens(self) -> bool:
        try:
            self.connect()
        except NotReady:
            return False
        return True


@asynccontextmanager
async def reading(kafka: Kafka, **live: Any) -> AsyncIterator[Till]:
    till = Till(kafka, **live)
    task = asyncio.ensure_future(till.reader.run())
    try:
        yield till
    finally:
        task.cancel()
        (ending,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ending, asyncio.CancelledError), ending


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Kafka:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(live_reader, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(live_reader, "_AGAIN_SECONDS", 0.001)
    Consumer.kafka = Kafka(Topics())
    return Consumer.kafka


async def test_a_new_client_hears_what_is_told_from_now_on_and_nothing_older(kafka: Kafka) -> None:
    kafka.topics.tell("anna", 0)
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.topics.tell("anna", 1)
        await till.until(till.hear)
        assert till.hear() == ["anna-2"]


async def test_a_client_of_a_process_that_was_started_again_goes_on_where_it_was(kafka: Kafka) -> None:
    async with reading(kafka) as before:
        await before.until(before.opens)
        kafka.topics.tell("anna", 0)
        await before.until(before.hear)
    kafka.topics.tell("bert", 1)
    kafka.topics.tell("anna", 1)
    for log in kafka.topics.logs:
        for record in log:
            record.timestamp = 10_000_000 - 60_000
    async with reading(kafka) as after:
        after.browser = before.browser
        await after.until(after.opens)
        kafka.topics.tell("bert", 0)
        await after.until(lambda: len(after.hear()) == 4)
        assert after.browser.ids == ["anna-1", "bert-1", "anna-2", "bert-2"]


async def test_while_nobody_listens_outcomes_wait_and_the_first_stream_fetches_them(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reader, "_UNHEARD_SECONDS", 3600)
    async with reading(kafka) as till:
        await till.until(till.opens)
        assert till.stream is not None
        till.hub.close(till.stream)
        kafka.topics.tell("anna", 0)
        await till.until(lambda: till.hub._history is not None and till.hub._history.end == 1)
        kafka.topics.tell("anna", 0)
        await asyncio.sleep(0.02)
        assert till.hub._history is not None
        assert till.hub._history.end == 1
        till.connect()
        await till.until(till.hear)
        assert till.hear() == ["anna-2"]


@pytest.mark.parametrize(("behind_seconds", "read"), [(3600, 20), (0, 100)])
async def test_while_nobody_listens_look_ups_get_the_process_between_small_portions_unless_the_reader_falls_behind(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, behind_seconds: float, read: int
) -> None:
    monkeypatch.setattr(live_reader, "_REST_SECONDS", 3600)
    monkeypatch.setattr(live_reader, "_BEHIND_SECONDS", behind_seconds)
    async with reading(kafka) as till:
        await till.until(till.opens)
        assert till.stream is not None
        till.hub.close(till.stream)
        # The pause of somebody to whom nobody listens: what gathers meanwhile comes at once.
        await asyncio.sleep(0.02)
        for _ in range(100):
            kafka.topics.tell("anna", 0)
        await till.until(lambda: till.hub._history is not None and till.hub._history.end == read)
        await asyncio.sleep(0.02)
        assert till.hub._history is not None
        assert till.hub._history.end == read


async def test_history_from_before_the_time_set_is_not_read(kafka: Kafka) -> None:
    kafka.topics.tell("anna", 0)
    kafka.topics.tell("anna", 0)
    (log,) = (log for log in kafka.topics.logs if log)
    log[1].timestamp = 10_000_000 - 5_000
    async with reading(kafka, history_seconds=10) as till:
        await till.until(till.opens)
        history = till.hub._history
        assert history is not None
        assert [entry.facts.id for entry in history.slice(history.begin, 10)] == ["anna-2"]


async def test_while_kafka_fails_nothing_is_lost_and_the_stream_goes_on(kafka: Kafka) -> None:
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.topics.tell("anna", 0)
        await till.until(till.hear)
        kafka.away = True
        kafka.failures = [KafkaError("connection reset")]
        kafka.topics.tell("anna", 1)
        await till.until(lambda: kafka.consumers >= 2)
        kafka.topics.tell("anna", 2)
        kafka.away = False
        await till.until(lambda: len(till.hear()) == 3)
        assert till.browser.ids == ["anna-1", "anna-2", "anna-3"]
        assert till.browser.ending == ""


async def test_before_kafka_was_reached_no_stream_is_opened(kafka: Kafka) -> None:
    kafka.away = True
    async with reading(kafka) as till:
        await till.until(lambda: kafka.consumers)
        assert not till.opens()
        kafka.away = False
        await till.until(till.opens)


async def test_topics_made_anew_end_every_stream_with_a_word(kafka: Kafka) -> None:
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.topics.tell("anna", 0)
        await till.until(till.hear)
        kafka.topics = Topics()
        kafka.failures = [OffsetOutOfRangeError({})]
        await till.until(lambda: till.hear() and till.browser.ending)
        assert till.browser.ending == "restart"
        till.browser.last_id = None
        till.connect()
        kafka.topics.tell("cleo", 0)
        await till.until(lambda: "cleo-1" in till.hear())


async def test_a_defect_ends_every_stream_rather_than_leaving_it_silent(kafka: Kafka) -> None:
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.failures = [ZeroDivisionError("a defect")]
        await till.until(lambda: till.hear() == [] and till.browser.ending)
        assert till.browser.ending == "restart"


async def test_a_record_that_is_no_outcome_is_counted_and_the_next_is_sent(kafka: Kafka) -> None:
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.topics.logs[0].append(Record(0, 0, [], b"{}"))
        kafka.topics.logs[1].append(Record(0, 0, [("ce_id", b"x")], None))
        kafka.topics.tell("anna", 0)
        await till.until(till.hear)
        assert till.metrics.unusable._value.get() == 2


async def test_a_broker_that_has_not_answered_for_a_while_is_noticed(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reader, "_LOOK_SECONDS", 0.001)
    async with reading(kafka) as till:
        await till.until(till.opens)
        kafka.topics.tell("anna", 0)
        await till.until(till.hear)
        assert till.hub.silent_since is None
        till.now_ms += 6_000
        await till.until(lambda: till.hub.silent_since == 10_000_000)
        kafka.heard_ms = till.now_ms
        await till.until(lambda: till.hub.silent_since is None)
