"""Fetching whole chunks: Faust's delivery path with one event per partition per fetch, and our own offsets."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.consumer import ensure_TP, ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from streams.engine.batches import Record, RecordBatch
from streams.engine.fencing import EX_CONFIG


def _as_parsed(tp: TopicPartition, record: Record) -> Record:  # noqa: ARG001 - aiokafka passes it
    return record


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a short fetch wait, and commits that raise instead of being logged."""

    #: How long the broker may hold a fetch that finds nothing; data ends the wait at once. Faust's 1,500 ms delay a
    #: seek by as much.
    fetch_max_wait_ms = 100

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Read when the fetcher is built, in start(); Faust has no setting for it.
        consumer._fetch_max_wait_ms = self.fetch_max_wait_ms
        return consumer

    async def on_start(self) -> None:
        """Take records as aiokafka's parser made them: its ``ConsumerRecord`` around each costs as much again as the
        parsing, and says nothing more that anybody here reads.
        """
        await super().on_start()
        fetcher = self._ensure_consumer()._fetcher
        process_response = fetcher._proc_fetch_request

        async def process(assignment: Any, node_id: Any, request: Any) -> Any:
            needs_wakeup = await process_response(assignment, node_id, request)
            # Before any other task runs: nobody has read from the new chunks yet.
            for result in fetcher._records.values():
                if isinstance(result, FetchResult) and result.has_more():
                    result._partition_records._consumer_record = _as_parsed
            return needs_wakeup

        fetcher._proc_fetch_request = process

    async def commit_strictly(self, offsets: Mapping[TP, int], generation: int) -> None:
        """Commit under the generation of our assignment, and raise whatever goes wrong.

        ``CommitFailedError`` when the group has gone on without us. aiokafka forgets its generation when it learns of
        that, and an empty group accepts commits without one: hence our own look.
        """
        await self.call_thread(self._commit_strictly, offsets, generation)

    async def _commit_strictly(self, offsets: Mapping[TP, int], generation: int) -> None:
        consumer = self._ensure_consumer()
        present = consumer._coordinator.generation
        if present != generation:
            raise CommitFailedError(f"assigned in generation {generation}, the group is at {present}")
        await consumer.commit(
            {TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        )

    async def committed_offsets(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """The group's committed offset of each partition, None where there is none."""
        return cast(dict[TP, int | None], await self.call_thread(self._committed_offsets, list(tps)))

    async def _committed_offsets(self, tps: Sequence[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(TopicPartition(tp.topic, tp.partition)) for tp in tps}

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """How many partitions each topic has now, as the broker says; 0 for one that does not exist.

        Faust's ``topic_partitions`` is the group leader's knowledge: any other worker of the group is told nothing.
        """
        return cast(dict[str, int], await self.call_thread(self._partition_counts, list(topics)))

    async def _partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        cluster = await self._ensure_consumer()._client.fetch_all_metadata()
        return {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}


class BatchConsumer(driver.Consumer):
    """Delivers :class:`RecordBatch` events and commits what the cuts say, never what Faust's acknowledgements say.

    Overrides, each with a contract test: ``_new_consumer_thread``, ``_drain_messages``, ``ack``, ``force_commit``,
    ``perform_seek``, ``seek_wait``, ``on_partitions_revoked``, ``on_partitions_assigned``, ``verify_event_path``,
    ``_commit_handler``.
    """

    app: Any
    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: Per partition the offset that the next delivered chunk must start at: set by seeks, moved by deliveries.
        self._next: dict[TP, int] = {}
        #: Partitions whose fetched chunk was not delivered and has to be fetched again.
        self._refetch: set[TP] = set()
        self._seeks = 0
        self._generation = -1
        self._closed_in_order = False
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- fetching ---------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self._refetch and self.flow_active:
                    await self._fetch_again()
                seeks = self._seeks
                records, active = await self._wait_next_records(1.0)
                # Read after the wait: a rebalance during it makes the chunk look fresh otherwise, or a fresh one stale.
                generation = self.app.consumer_generation_id
                if records and not self.should_stop:
                    for tp, chunk in records.items():
                        await self._deliver(ensure_TP(tp), chunk, active, seeks, generation)
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver(self, tp: TP, chunk: list[Record], active: Any, seeks: int, generation: int) -> None:
        if not self._deliverable(tp, active, generation):
            self._refetch.add(tp)
            return
        chunk = await self._following(tp, chunk, seeks)
        if not chunk:
            return
        if tp.topic in self.app.tables.changelog_topics:
            self._next[tp] = chunk[-1].offset + 1
            self.app.tables.recovery.on_changelog_chunk(tp, chunk)
            await asyncio.sleep(0)
            return
        expected = self._next.get(tp, chunk[0].offset)
        if chunk[0].offset > expected:
            await self._refuse_gap(tp, expected)
        size = self.app.batch_records
        for first in range(0, len(chunk), size):
            part = chunk[first : first + size]
            batch = RecordBatch(tp, expected, part[-1].offset + 1, part)
            await self.wait_first(self.callback(self._message(batch)), self.suspend_flow.wait())
            if not self.flow_active or self.app.consumer_generation_id != generation:
                # Perhaps queued, perhaps not: the receiver's chain of positions tells, fetching again is safe either
                # way.
                self._refetch.add(tp)
                return
            expected = self._next[tp] = batch.end

    async def _following(self, tp: TP, chunk: list[Record], seeks: int) -> list[Record]:
        """The records that come next; none when they were delivered before, or have to be fetched again."""
        expected = self._next.get(tp, chunk[0].offset)
        if chunk[0].offset < expected:
            rest = [record for record in chunk if record.offset >= expected]
            if not rest and tp.topic not in self.app.tables.changelog_topics:
                await self._refuse_new_log(tp, expected)
            return rest
        if chunk[0].offset > expected and self._seeks != seeks:
            # Somebody sought during the fetch, and this chunk lies past the place sought: fetched before, or after a
            # lost one.
            self._refetch.add(tp)
            return []
        return chunk

    async def _refuse_gap(self, tp: TP, expected: int) -> None:
        """Transaction markers leave holes in the offsets; records deleted unread leave one at the log's beginning."""
        begin = (await self.earliest_offsets(tp))[tp]
        if begin > expected:
            self.app.fail(
                EX_CONFIG,
                f"{tp.topic}[{tp.partition}]: reading was at offset {expected} and the log now begins at {begin}: "
                "records were deleted before they were read. Restore them, or start over with a new topic prefix.",
            )

    async def _refuse_new_log(self, tp: TP, expected: int) -> None:
        """Nothing but offsets that we have had: fetched twice, unless the log has become shorter than that."""
        end = (await self.highwaters(tp))[tp]
        if end < expected:
            self.app.fail(
                EX_CONFIG,
                f"{tp.topic}[{tp.partition}]: reading was at offset {expected} and the log now ends at {end}: it was "
                "truncated or created anew. Restore it, or start over with a new topic prefix.",
            )

    def _deliverable(self, tp: TP, active: Any, generation: int) -> bool:
        if not self.flow_active or self.app.consumer_generation_id != generation:
            return False
        if active is not None and tp not in active and tp not in self._buffered_partitions:
            return False
        # Until recovery is done Faust still clears the queues it delivers to.
        return tp.topic in self.app.tables.changelog_topics or bool(self.app.tables.actives_ready)

    async def _fetch_again(self) -> None:
        assigned = self.assignment()
        ready = {
            tp
            for tp in self._refetch
            if tp.topic in self.app.tables.changelog_topics or self.app.tables.actives_ready or tp not in assigned
        }
        self._refetch -= ready
        unplaced = {tp for tp in ready if tp in assigned and tp not in self._next}
        self._refetch |= unplaced
        offsets = {tp: self._next[tp] for tp in ready - unplaced if tp in assigned}
        if offsets:
            await self.seek_wait(offsets)

    def fetch_again(self, tp: TP, offset: int) -> None:
        """Ask for everything from ``offset`` on once more: a batch before it was lost on the way to its agent."""
        self._next[tp] = offset
        self._seeks += 1
        self._refetch.add(tp)

    def _message(self, batch: RecordBatch) -> ConsumerMessage:
        last: Any = batch.records[-1]
        return ConsumerMessage(
            batch.tp.topic,
            batch.tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            # Faust's type says bytes; the value goes untouched to our schema and from there to our agent.
            cast(Any, batch),
            None,
            0,
            0,
            batch.tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- offsets ----------------------------------------------------------------------------------------------------

    def ack(self, message: Any) -> bool:
        """Faust's acknowledgement of a batch: only ends its being tracked. What is committed is decided by the cut."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Every way Faust has of committing ends here, and here is one cut over all partitions."""
        return bool(await self.app.cutter.cut())

    @Service.task
    async def _commit_handler(self) -> None:
        wanted: asyncio.Event = self.app.cut_wanted
        while not self.should_stop:
            with suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), self.commit_interval)
            wanted.clear()
            await self.commit()
            self.app.report_lag()

    async def commit_strictly(self, offsets: Mapping[TP, int]) -> None:
        """See :meth:`BatchConsumerThread.commit_strictly`."""
        await self._thread.commit_strictly(offsets, self._generation)

    async def committed_offsets(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """See :meth:`BatchConsumerThread.committed_offsets`."""
        return await self._thread.committed_offsets(tps)

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """See :meth:`BatchConsumerThread.partition_counts`."""
        return await self._thread.partition_counts(topics)

    async def perform_seek(self) -> None:
        """Where Faust seeks to the committed offsets we seek to where the state says reading goes on."""
        sources = {tp for tp in self.assignment() if tp.topic not in self.app.tables.changelog_topics}
        offsets = await self.app.start_offsets(sources)
        if offsets:
            await self.seek_wait(offsets)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, remembering where the next delivered chunk has to start."""
        self._seeks += 1
        for tp, offset in partitions.items():
            self._next[ensure_TP(tp)] = offset
        await super().seek_wait({TopicPartition(tp.topic, tp.partition): offset for tp, offset in partitions.items()})
        self._seeks += 1

    # -- rebalances -------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Every partition goes at every rebalance (eager protocol): stop delivering, cut under the still valid
        generation, close.
        """
        self._closed_in_order = False
        if self.assignment():
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
        self.app.revoke()
        await self.app.cutter.close()
        self._closed_in_order = True
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep what is still ours and certainly nobody else's meanwhile, prepare the rest for recovery."""
        unbroken = self._closed_in_order and generation_id == self._generation + 1
        self._generation = generation_id
        self._refetch.clear()
        self._next.clear()
        if self.app.should_stop:
            # Nothing is begun any more, so nothing of it may be committed either.
            self.app.cutter.allowed = False
        else:
            self.app.assign(ensure_TPset(assigned), keep=unbroken)
        await super().on_partitions_assigned(assigned, generation_id)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own check reads per-event sensors that batches do not feed;
        :class:`~streams.engine.fencing.ProgressWatch` does it.
        """


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
