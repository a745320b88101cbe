"""From member-scores to Redis, for as long as it takes.

Redis tells where to go on (:mod:`streams.projector.redis_scores`); the offsets committed to Kafka only show the lag to
whoever asks Kafka. While Redis is away the process waits, keeps its partitions and fetches nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.metrics.projector import ProjectorMetrics
from streams.projector.patience import Patience
from streams.projector.projections import Projection
from streams.projector.stores import Batch, Behind, Written

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Scores per script call. Measured: calls of 100 to 2000 take the same time per score, and Redis answers nobody else
#: during one: 200 scores are about 2 ms. All calls for a fetch leave together: one of a single score takes 0.14 ms of
#: processor time and a round trip.
_SCORES_PER_CALL: Final = 200
_RECORDS_PER_FETCH: Final = 2000
_FETCH_WAIT_MS: Final = 250
#: How often a wait for Redis shows the consumer group that this process lives, in seconds.
_KEEP_ALIVE_SECONDS: Final = 1.0
#: How long the answer of a Redis that was asked before the end is still waited for, in seconds.
_LAST_ANSWER_SECONDS: Final = 1.0
#: How often offsets are committed, and Redis is asked whether it still holds what it was given, in seconds.
_ROUND_SECONDS: Final = 1.0


class _StopWhileWaitingError(Exception):
    """The process is to end while it waits for Redis."""


class Projector(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is published without types
    """One process's share of the projection."""

    def __init__(
        self, settings: Settings, metrics: ProjectorMetrics, stop: asyncio.Event, projection: Projection
    ) -> None:
        self._metrics = metrics
        self._stop = stop
        self._patience = Patience(metrics)
        self._redis = projection.store
        self._forms = projection.forms
        session_ms = int(settings.kafka.session_timeout_seconds * 1000)
        self._consumer = AIOKafkaConsumer(
            **client_settings(settings),
            group_id=settings.group(projection.role),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            # A loop that stands still loses its partitions as a process that has died does.
            max_poll_interval_ms=session_ms,
        )
        self._topic = settings.topic(projection.topic)
        #: The first offset not projected yet, of every partition that is ours and placed.
        self._positions: dict[TopicPartition, int] = {}
        #: Assigned, but Redis was not asked yet where to go on.
        self._unplaced: set[TopicPartition] = set()
        #: Once this position is reached, every score of the partition is in Redis.
        self._whole_from: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._next_round = 0.0

    async def run(self, *, rebuild: bool) -> None:
        """Project until the stop event.

        Raises:
            aiokafka.errors.KafkaError: Kafka cannot be reached at the start, or refuses this client.
        """
        try:
            if rebuild:
                await self._wait_for(self._redis.forget_positions)
                self._metrics.restarts["requested"].inc()
                log.info("Projecting %s again from its beginning", self._topic)
            await self._consumer.start()
            self._consumer.subscribe([self._topic], listener=self)
            while not self._stop.is_set():
                await self._place()
                await self._project()
                if time.monotonic() >= self._next_round:
                    self._next_round = time.monotonic() + _ROUND_SECONDS
                    await self._notice_loss()
                    await self._commit()
            await self._commit()
        except _StopWhileWaitingError:
            log.info("Stopped before Redis had answered; the next start goes on where Redis was left")
        finally:
            await self._consumer.stop()
            await self._redis.aclose()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        """Forget the partitions. What is still on its way to Redis does no harm: it is only written forwards."""
        self._positions.clear()
        self._unplaced.clear()

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take the partitions, but nothing from them before Redis was asked."""
        self._unplaced = set(assigned)
        self._consumer.pause(*assigned)
        self._metrics.rebalances.inc()
        self._metrics.assigned_partitions.set(len(self._unplaced))
        log.info("Assigned partitions of %s: %s", self._topic, sorted(each.partition for each in assigned))

    async def _place(self) -> None:
        """Ask Redis where the new partitions go on, and go there."""
        wanted = sorted(self._unplaced)
        if not wanted:
            return
        held = await self._wait_for(lambda: self._redis.positions([each.partition for each in wanted]))
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(wanted)
        for each in wanted:
            if each in self._unplaced:
                self._unplaced.discard(each)
                self._whole_from[each] = ends[each]
                self._go_to(each, held[each.partition])
                self._warn_of_new_topic(each, held[each.partition], ends[each])
        for each in wanted:
            await self._mark_whole(each)

    async def _mark_whole(self, partition: TopicPartition) -> None:
        """Say that a partition is whole if nothing is to be written to it: an empty one, or one without news."""
        position = self._positions.get(partition)
        if position is None or position < self._whole_from[partition]:
            return
        whole_of = self._partitions()
        nothing_new = Batch(partition.partition, position, position, [], [], whole_of)
        await self._wait_for(lambda: self._redis.write([nothing_new]))

    def _partitions(self) -> int:
        return len(self._consumer.partitions_for_topic(self._topic) or ())

    def _warn_of_new_topic(self, partition: TopicPartition, held: int, end: int) -> None:
        if held > end:
            log.error(
                "Redis was given %s up to offset %d of partition %d, which ends at %d: was the topic made anew? What "
                "Redis holds outranks the new scores. Raise score.epoch, or choose another redis.key_prefix",
                self._topic,
                held,
                partition.partition,
                end,
            )

    def _go_to(self, partition: TopicPartition, position: int) -> None:
        self._positions[partition] = position
        # A position before the first record or after the last one becomes the first record's (auto_offset_reset).
        self._consumer.seek(partition, position)
        self._consumer.resume(partition)

    async def _project(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_FETCH_WAIT_MS, max_records=_RECORDS_PER_FETCH)
        # Before anything is awaited: what was fetched between an assignment and its placing begins anywhere.
        parts = [
            (partition, records[first : first + _SCORES_PER_CALL])
            for partition, records in fetched.items()
            if partition in self._positions
            for first in range(0, len(records), _SCORES_PER_CALL)
        ]
        if not parts:
            return
        batches = self._batches(parts)
        began = time.perf_counter()
        results = await self._wait_for(lambda: self._redis.write(batches))
        self._metrics.redis_seconds.observe(time.perf_counter() - began)
        for (partition, part), batch, result in zip(parts, batches, results, strict=True):
            if self._positions.get(partition) != batch.begin:
                continue  # Revoked meanwhile, or to be projected again from an earlier place.
            if isinstance(result, Behind):
                self._restart(partition, batch.begin, result.position)
            else:
                self._written(partition, part[-1], batch.end, result)

    def _batches(self, parts: Sequence[tuple[TopicPartition, Sequence[Any]]]) -> list[Batch]:
        """What is to be written: consecutive records of each partition, from its position on."""
        begins = self._positions.copy()
        batches: list[Batch] = []
        for partition, records in parts:
            end: int = records[-1].offset + 1
            members, values = self._forms(records, self._metrics.scores["unusable"])
            whole_of = self._partitions() if end >= self._whole_from[partition] else 0
            batches.append(Batch(partition.partition, begins[partition], end, members, values, whole_of))
            begins[partition] = end
        return batches

    def _written(self, partition: TopicPartition, last: Any, end: int, result: Written) -> None:
        self._positions[partition] = end
        for outcome, count in result._asdict().items():
            self._metrics.scores[outcome].inc(count)
        self._metrics.projected.labels(partition.partition).set(last.timestamp / 1000)
        highwater = self._consumer.highwater(partition)
        self._metrics.lag.labels(self._topic, partition.partition).set(max(0, (highwater or end) - end))

    def _restart(self, partition: TopicPartition, expected: int, held: int) -> None:
        self._metrics.restarts["behind"].inc()
        log.warning(
            "Redis lost scores (emptied, or restored from an older copy): of %s, partition %d, it holds what lies "
            "before offset %d, no longer %d. Projecting again from there",
            self._topic,
            partition.partition,
            held,
            expected,
        )
        self._whole_from[partition] = max(self._whole_from[partition], expected)
        self._go_to(partition, held)

    async def _notice_loss(self) -> None:
        """Without this, an emptied Redis would stay empty until the next score of each partition."""
        known = sorted(self._positions)
        held = await self._wait_for(lambda: self._redis.positions([each.partition for each in known])) if known else {}
        for each in known:
            position = self._positions.get(each)
            if position is not None and held[each.partition] < position:
                self._restart(each, position, held[each.partition])

    async def _commit(self) -> None:
        """Show Kafka what Redis has acknowledged; a failure costs nothing but that."""
        moved = {each: at for each, at in self._positions.items() if at and self._committed.get(each) != at}
        if not moved:
            return
        try:
            await self._consumer.commit(moved)
        except (CommitFailedError, IllegalStateError):
            self._metrics.commits["refused"].inc()  # the partitions have gone to another process
        except KafkaError as error:
            self._metrics.commits["failed"].inc()
            log.warning("Offsets of the projection could not be committed, so its lag shows too large: %s", error)
        else:
            self._committed.update(moved)
            self._metrics.commits["committed"].inc()
            self._metrics.last_commit.set_to_current_time()

    async def _wait_for(self, operation: Callable[[], Awaitable[T]]) -> T:
        """The operation's result, with the consumer group kept content while Redis lets us wait.

        Raises:
            _StopWhileWaitingError: the process is to end.
        """
        work = asyncio.ensure_future(self._patience.until_done(operation))
        stopping = asyncio.ensure_future(self._stop.wait())
        paused: set[TopicPartition] = set()
        try:
            while not work.done():
                await asyncio.wait({work, stopping}, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if self._stop.is_set():
                    # A Redis that answers is not away because this process is to end.
                    await asyncio.wait({work}, timeout=_LAST_ANSWER_SECONDS)
                    if not work.done():
                        raise _StopWhileWaitingError
                elif not work.done():
                    paused |= await self._keep_alive()
            return await work
        finally:
            stopping.cancel()
            work.cancel()
            for partition in paused & self._positions.keys() & self._consumer.assignment():
                self._consumer.resume(partition)

    async def _keep_alive(self) -> set[TopicPartition]:
        """Poll without taking anything: a group puts out members that do not poll. Returns what it paused."""
        assigned: set[TopicPartition] = self._consumer.assignment()
        if assigned:
            self._consumer.pause(*assigned)
            await self._consumer.getmany(timeout_ms=0)
        return assigned
