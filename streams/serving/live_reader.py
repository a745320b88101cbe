"""From the outcome topics to the live hub: one consumer per process, of every partition, without a group.

It commits nothing and begins a little before the end, so that clients of a process that was just started again can go
on where they were. While Kafka is away it waits, and goes on at the same offsets. While nobody listens it reads a few
times a second: at a thousand orders a second nearly every outcome is a fetch of its own otherwise, for this process and
for the broker. What has gathered by then it takes in small portions, because look-ups are answered between them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from tenacity import AsyncRetrying, RetryCallState, wait_exponential_jitter

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.metrics.live import LiveMetrics
from streams.serving.live_entries import LiveEntry, entry_of
from streams.serving.live_hub import LiveHub
from streams.serving.live_order import LiveOrder
from streams.serving.live_positions import index_of
from streams.topics import OUTCOME_TOPICS

log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 5.0
#: After a failure, before connecting again.
_AGAIN_SECONDS: Final = 0.5
#: A broker that has not answered a fetch for this long is away; looked at so often.
_SILENCE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0
#: The most that the broker sends at once, bytes; and how long a fetch may wait for the first record, after which
#: the broker is known to be there.
_FETCH_BYTES: Final = 8_388_608
_FETCH_WAIT_MS: Final = 500
#: How long the reader sleeps where nothing comes and nothing waits.
_IDLE_MS: Final = 1000
#: How long it leaves outcomes where they are while no stream is open.
_UNHEARD_SECONDS: Final = 0.25
#: Outcomes read, and handed out, before clients and look-ups get their turn.
_AT_ONCE: Final = 50
#: The same while no stream is open, and the rest between two portions: one portion behind the other kept look-ups
#: waiting for 15 ms. Whoever has not caught up for so long, at more than 8,000 outcomes a second, rests no more.
_UNHEARD_AT_ONCE: Final = 20
_REST_SECONDS: Final = 0.002
_BEHIND_SECONDS: Final = 2.0
#: Offsets that say that the log is not the one that was read.
_PLACE_LOST = (OffsetOutOfRangeError, NoOffsetForPartitionError)


class LiveReader:
    """``now_ms`` is wall clock time in epoch ms, to find where the history begins."""

    def __init__(self, settings: Settings, hub: LiveHub, metrics: LiveMetrics, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._hub = hub
        self._metrics = metrics
        self._now_ms = now_ms
        self._partitions = {
            TopicPartition(settings.topic(name), number): (topic, index_of(topic, number))
            for number in range(settings.kafka.partitions)
            for topic, name in enumerate(OUTCOME_TOPICS)
        }
        self._order: LiveOrder | None = None
        self._placed_ms = 0
        self._next_look = 0.0
        self._caught_up = 0.0

    async def run(self) -> None:
        """Read until cancelled, whatever happens on the way."""
        retrying = AsyncRetrying(
            wait=wait_exponential_jitter(
                multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS, jitter=_FIRST_WAIT_SECONDS
            ),
            before_sleep=_say,
        )
        while True:
            consumer: AIOKafkaConsumer = await retrying(self._connected)
            try:
                while True:
                    await self._step(consumer)
            except _PLACE_LOST as error:
                log.warning(
                    "The outcome topics do not go on where they were read last (%s): were they made anew? Every live "
                    "stream is ended, and reading begins again",
                    error,
                )
                self._order = None
            except KafkaError as error:
                log.warning("The outcome topics could not be read on (%s); trying again where it was", error)
            except Exception:
                # A defect of ours: clients must not wait for events that never come, so they are ended.
                log.exception("Live streams are begun again, because of a defect")
                self._order = None
            finally:
                await consumer.stop()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _connected(self) -> AIOKafkaConsumer:
        """A consumer that stands where reading goes on."""
        consumer = AIOKafkaConsumer(
            **client_settings(self._settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=_FETCH_BYTES,
            max_poll_records=_AT_ONCE,
        )
        try:
            await consumer.start()
            await self._place(consumer)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    # -- beginning --------------------------------------------------------------------------------------------------

    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        """Go where reading goes on: where it was, or with the history before the ends."""
        self._placed_ms = self._now_ms()
        if self._order is not None:
            self._seek(consumer, self._order.read)
            return
        consumer.assign(list(self._partitions))
        begins = await self._begins(consumer)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(self._partitions))
        starts = [begins[each] for each in self._partitions]
        self._seek(consumer, starts)
        order = LiveOrder(starts, self._settings.live.order_wait_seconds)
        history = order.begin_with(await self._history(consumer, ends))
        self._hub.begin(starts)
        self._hub.publish(history)
        for partition, (_, index) in self._partitions.items():
            order.read[index] = await consumer.position(partition)
            self._hub.advance(index, order.read[index])
        self._order = order
        log.info("Live streams: %d outcomes of the last %.0f s read", len(history), self._settings.live.history_seconds)

    def _seek(self, consumer: AIOKafkaConsumer, offsets: Sequence[int]) -> None:
        consumer.assign(list(self._partitions))
        for partition, offset in zip(self._partitions, offsets, strict=True):
            consumer.seek(partition, offset)

    async def _begins(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Where the history begins: so long ago, but no more than twice what can be kept."""
        live = self._settings.live
        partitions = list(self._partitions)
        most = max(1, 2 * live.history_events // len(partitions))
        since = self._now_ms() - int(live.history_seconds * 1000)
        firsts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
        return {
            each: max(firsts[each], ends[each] - most, ends[each] if found.get(each) is None else found[each].offset)
            for each in partitions
        }

    async def _history(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> list[LiveEntry]:
        entries: list[LiveEntry] = []
        while any([await consumer.position(each) < ends[each] for each in self._partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=_IDLE_MS)).items():
                entries += self._entries(partition, records)
        return entries

    # -- going on ---------------------------------------------------------------------------------------------------

    async def _step(self, consumer: AIOKafkaConsumer) -> None:
        order = self._order
        assert order is not None
        due = order.due
        wait = _IDLE_MS if due is None else min(_IDLE_MS, max(1, round((due - time.monotonic()) * 1000)))
        at_once = _AT_ONCE if self._hub.heard.is_set() else _UNHEARD_AT_ONCE
        fetched = await consumer.getmany(timeout_ms=wait, max_records=at_once)
        arrived = [entry for partition, records in fetched.items() for entry in self._entries(partition, records)]
        now = time.monotonic()
        await self._publish(order.arrive(arrived, now))
        await self._publish(order.overdue(now))
        for partition, records in fetched.items():
            index = self._partitions[partition][1]
            order.read[index] = max(order.read[index], records[-1].offset + 1)
            self._hub.advance(index, order.unsent(index))
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._look(consumer)
        if sum(map(len, fetched.values())) < at_once:
            self._caught_up = now
            await self._until_heard()
        else:
            # More is at hand, for which the consumer does not wait.
            hurry = self._hub.heard.is_set() or now - self._caught_up > _BEHIND_SECONDS
            await asyncio.sleep(0 if hurry else _REST_SECONDS)

    async def _until_heard(self) -> None:
        """Until a stream is open, but not for long: what comes meanwhile is history, for clients that come back."""
        if not self._hub.heard.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_UNHEARD_SECONDS):
                    await self._hub.heard.wait()

    def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Does Kafka answer? A fetch that finds nothing is an answer too."""
        heard = min(consumer.last_poll_timestamp(each) or self._placed_ms for each in self._partitions)
        silent = self._now_ms() - heard > _SILENCE_SECONDS * 1000
        if silent != (self._hub.silent_since is not None):
            log.warning("Kafka %s", "does not answer: live streams wait" if silent else "answers again")
        self._hub.silent_since = heard if silent else None

    async def _publish(self, entries: Sequence[LiveEntry]) -> None:
        for first in range(0, len(entries), _AT_ONCE):
            if first:
                await asyncio.sleep(0)
            at_once = entries[first : first + _AT_ONCE]
            self._hub.publish(at_once)
            now_ms = self._now_ms()
            for entry in at_once:
                if self._hub.heard.is_set():
                    self._metrics.delay_seconds.observe(max(0, now_ms - entry.appended_ms) / 1000)
                self._metrics.late.inc(entry.late)

    def _entries(self, partition: TopicPartition, records: Sequence[Any]) -> list[LiveEntry]:
        topic, _ = self._partitions[partition]
        entries = []
        for record in records:
            try:
                entries.append(entry_of(record, topic))
            except ValueError as error:
                self._metrics.unusable.inc()
                log.warning(
                    "A record of %s, partition %d, offset %d is no outcome and is not sent to live streams: %s",
                    partition.topic,
                    partition.partition,
                    record.offset,
                    error,
                )
        return entries


def _say(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning(
            "The outcome topics cannot be read (%r). Streams stay open and go on when Kafka answers; check Kafka, "
            "kafka.bootstrap and that 'memberpulse topics apply' was run",
            state.outcome.exception(),
        )
