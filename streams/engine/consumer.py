"""Faust's consumer for the group, for changelogs and for our own offsets; sources are read past it.

See :mod:`streams.engine.reading`.
"""

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
from mode import Service

from streams.engine.batches import Remembered


def _as_parsed(tp: TopicPartition, record: Remembered) -> Remembered:  # noqa: ARG001 - aiokafka passes it
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

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Have sources fetched by nobody but our reader."""
        changelogs = self.app.tables.changelog_topics
        self._ensure_consumer().pause(
            *(TopicPartition(tp.topic, tp.partition) for tp in assigned if tp.topic not in changelogs)
        )
        await super().on_partitions_assigned(assigned, generation_id)

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
    """Hands changelogs to the recovery and commits what the cuts say.

    Overrides, each with a contract test: ``_new_consumer_thread``, ``_drain_messages``, ``force_commit``,
    ``perform_seek``, ``seek_wait``, ``on_partitions_revoked``, ``on_partitions_assigned``, ``verify_event_path``,
    ``_commit_handler``.
    """

    app: Any
    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: Per changelog the offset that the next chunk must start at: set by seeks, moved by chunks.
        self._next: dict[TP, int] = {}
        #: Changelogs whose fetched chunk was not restored and has to be fetched again.
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
                        self._restore(ensure_TP(tp), chunk, active, seeks, generation)
                        await asyncio.sleep(0)
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    def _restore(self, tp: TP, chunk: list[Remembered], active: Any, seeks: int, generation: int) -> None:
        if tp.topic not in self.app.tables.changelog_topics:
            # Fetched before the assignment had paused it; the reader fetches it for itself.
            return
        if not self._restorable(tp, active, generation):
            self._refetch.add(tp)
            return
        expected = self._next.get(tp, chunk[0].offset)
        if chunk[0].offset < expected:
            chunk = [record for record in chunk if record.offset >= expected]
            if not chunk:
                return
        elif chunk[0].offset > expected and self._seeks != seeks:
            # Somebody sought during the fetch, and this chunk lies past the place sought: fetched before, or after a
            # lost one.
            self._refetch.add(tp)
            return
        self._next[tp] = chunk[-1].offset + 1
        self.app.tables.recovery.on_changelog_chunk(tp, chunk)

    def _restorable(self, tp: TP, active: Any, generation: int) -> bool:
        if not self.flow_active or self.app.consumer_generation_id != generation:
            return False
        return active is None or tp in active or tp in self._buffered_partitions

    async def _fetch_again(self) -> None:
        assigned = self.assignment()
        unplaced = {tp for tp in self._refetch if tp in assigned and tp not in self._next}
        offsets = {tp: self._next[tp] for tp in self._refetch - unplaced if tp in assigned}
        self._refetch = unplaced
        if offsets:
            await self.seek_wait(offsets)

    # -- offsets ----------------------------------------------------------------------------------------------------

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Every way Faust has of committing ends here, and here is one cut over all partitions."""
        return bool(await self.app.cutter.cut())

    @Service.task
    async def _commit_handler(self) -> None:
        cutter = self.app.cutter
        loop = asyncio.get_running_loop()
        next_at = loop.time() + self.commit_interval
        while not self.should_stop:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await cutter.wanted.wait()
            cutter.forget_wishes()
            next_at = loop.time() + self.commit_interval
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
        """Where Faust seeks to the committed offsets, our reader begins where the state says that reading goes on."""
        changelogs = self.app.tables.changelog_topics
        await self.app.begin_reading({tp for tp in self.assignment() if tp.topic not in changelogs})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, remembering where the next delivered chunk has to start."""
        self._seeks += 1
        for tp, offset in partitions.items():
            self._next[ensure_TP(tp)] = offset
        await super().seek_wait({TopicPartition(tp.topic, tp.partition): offset for tp, offset in partitions.items()})
        self._seeks += 1

    # -- rebalances -------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Every partition goes at every rebalance (eager protocol): stop reading, cut under the still valid generation,
        close.
        """
        self._closed_in_order = False
        if self.assignment():
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
        self.app.assignment.revoke()
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
        """Faust's own check reads per-event sensors that our reader does not feed;
        :class:`~streams.engine.fencing.ProgressWatch` does it.
        """


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
