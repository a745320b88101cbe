"""The Faust app with the batch paths wired in."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import faust
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faust.tables.recovery import RebalanceAgain
from faust.types import TP

from streams.engine.batches import RecordBatch, Remembered
from streams.engine.consumer import BatchConsumer, BatchTransport
from streams.engine.cut import Cutter
from streams.engine.fencing import EX_CONFIG, EX_SOFTWARE, PauseFence, ProgressWatch, end_process
from streams.engine.observer import Observer
from streams.engine.outbox import Outbox
from streams.engine.partition import Partition, RowPartition
from streams.engine.reading import Reader
from streams.engine.recovery import BatchTableManager
from streams.engine.sending import BatchSender
from streams.engine.start import StartRefused, start_offset
from streams.engine.table import RowTable

#: How long the group waits for its members to rejoin; below the progress watch's limit, since a rebalance is work.
_REBALANCE_SECONDS = 30.0
#: Until a fetch is given up; the broker answers within the 0.1 s that it may wait for records.
_FETCH_SECONDS = 30.0
#: How often the ends of the source partitions are asked for: one that is not fetched at all shows no lag otherwise.
_LOOK_AT_ENDS_SECONDS = 2.0
#: How often a sweep looks whether a rebalance is over.
_REBALANCE_LOOK_SECONDS = 0.05
#: Records that a sweep may have queued before it waits. A round is on its way while the next one gathers, so an order's
#: outcome waits for two of them at most. A million members, two records each, are 500 rounds: 60 ms for each in 30 s.
_SWEPT_QUEUED = 4000
#: Times the limit of dirty rows at which the cut makes haste, and at which the partition waits for it.
_MANY_DIRTY = 2
_MOST_DIRTY = 4


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What the engine needs to know. Times are seconds."""

    app_id: str
    bootstrap: str
    session_timeout: float
    commit_interval: float
    batch_records: int = 1000
    dirty_rows_limit: int = 5000
    sweep_slice: int = 50
    watchdog: float = 60.0
    #: Passed to every aiokafka client and as Faust's credentials.
    security: dict[str, Any] = field(default_factory=dict, repr=False)
    credentials: Any = field(default=None, repr=False)


class BatchApp(faust.App):
    """A Faust app whose sources are folded by :class:`~streams.engine.partition.Partition` objects.

    Overrides, each with a contract test: ``_new_transport``, ``_crash``, ``on_first_start``, ``on_stop``.
    """

    def __init__(
        self,
        settings: EngineSettings,
        new_partition: Callable[[TP, Outbox], Partition],
        observer: Observer,
        fail: Callable[[int, str], NoReturn] = end_process,
    ) -> None:
        self.settings = settings
        self.observer = observer
        self.fail = fail
        self.fence = PauseFence(settings.session_timeout / 2, fail, observer.stood_still)
        self.partitions: dict[TP, Partition] = {}
        self.highwaters: dict[TP, int] = {}
        self.batch_records = settings.batch_records
        self._work = asyncio.Event()
        self._new_partition = new_partition
        #: Partitions whose state is whole: kept over the rebalance, or restored and given their start.
        self._whole: set[TP] = set()
        self._kept_numbers: set[int] = set()
        #: False from a revocation until the next start of reading, and when the app stops.
        self._reading = False
        self._sources: set[str] = set()
        #: Counts revocations and assignments: what was begun in one term must not take effect in another.
        self._terms = 0
        self._partition_counts: dict[str, int] = {}
        self._absorbed = 0
        self._restored_records = 0
        self._swept = 0
        self._table: RowTable | None = None
        self._background: list[asyncio.Task[None]] = []
        super().__init__(
            settings.app_id,
            broker=[f"kafka://{host}" for host in settings.bootstrap.split(",")],
            broker_credentials=settings.credentials,
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=min(3.0, settings.session_timeout / 4),
            broker_request_timeout=max(90.0, settings.session_timeout + 1),
            broker_commit_interval=settings.commit_interval,
            broker_rebalance_timeout=_REBALANCE_SECONDS,
            # A worker without partitions polls nothing; aiokafka would leave the group for good after Faust's default
            # of 1,000 s. What this limit is for, the progress watch does.
            broker_max_poll_interval=1_000_000_000.0,
            # Never commit from inside the fetch loop.
            broker_commit_every=1_000_000_000,
            broker_max_poll_records=None,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=1_048_576,
            store="memory://",
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            # A batch in a queue may be thrown away: its records are fetched again. Nothing is ever half absorbed.
            stream_wait_empty=False,
            worker_redirect_stdouts=False,
            Table=RowTable,
            TableManager=BatchTableManager,
        )

    # -- declaring --------------------------------------------------------------------------------------------------

    def source(self, topic: str, partitions: int) -> None:
        """Absorb a topic's records, one :class:`Partition` per partition."""
        self._sources.add(topic)

        async def absorb(stream: Any) -> None:
            """Nothing comes this way: an agent is how Faust learns what to subscribe to, and shares out with it."""
            async for _ in stream:
                pass

        self.agent(self.topic(topic, partitions=partitions), name=f"absorb-{topic}", concurrency=1)(absorb)

    def remember(self, table: str, partitions: int) -> None:
        """Remember rows in the changelog ``<app id>-<table>-changelog``."""
        self._table = cast(RowTable, self.Table(table, partitions=partitions, key_type=bytes, value_type=bytes))

    # -- life -------------------------------------------------------------------------------------------------------

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _client(self, client: str, request_timeout: float) -> AIOKafkaClient:
        return AIOKafkaClient(
            loop=asyncio.get_running_loop(),
            bootstrap_servers=self.settings.bootstrap,
            client_id=f"{self.settings.app_id}-{client}",
            request_timeout_ms=int(request_timeout * 1000),
            **self.settings.security,
        )

    def _sender_for(self, client: str) -> BatchSender:
        # A batch that the broker does not take for this long ends the process, which then replays it.
        return BatchSender(self._client(client, self.settings.watchdog))

    async def on_first_start(self) -> None:
        """Before anything of Faust starts: our senders, our reader and the cut.

        Faust would make data directories here; nothing of ours is kept in files.
        """
        self._outbox_sender = self._sender_for("outbox")
        await self._outbox_sender.start()
        self._changelog_sender: BatchSender | None = None
        if self._table is not None:
            self._changelog_sender = self._sender_for("changelog")
            await self._changelog_sender.start()
        self.outbox = Outbox(self._outbox_sender.send, self.fence, self.fail)
        self.cutter = Cutter(
            lambda: {tp: partition for tp, partition in self.partitions.items() if tp in self._whole},
            self.outbox,
            self._changelog_sender,
            self._table.changelog_topic_name if self._table is not None else "",
            lambda: cast(BatchConsumer, self.consumer),
            self.fence,
            self.observer,
            self.fail,
            self._partition_count,
            self.settings.commit_interval,
        )
        self.reader = Reader(
            self._client("reader", _FETCH_SECONDS),
            self._positions,
            self.absorb,
            self._refuse_position,
            self._told_end,
            self.settings.batch_records,
        )
        await self.reader.start(self._sources)
        watch = ProgressWatch(self.settings.watchdog, self._work_at_hand, self.fail)
        for task in (
            self.fence.run(),
            self.outbox.run(),
            self.reader.run(),
            watch.run(),
            self._sweep(),
            self._look_at_ends(),
        ):
            self._in_background(task)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._background_ended)
        self._background.append(task)

    def _background_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            self.fail(EX_SOFTWARE, f"a part of the engine failed: {exc!r}")

    async def on_stop(self) -> None:
        """The last cut, once nothing more is absorbed; only then do our clients go."""
        self._reading = False
        await super().on_stop()
        if not self._background:
            # Told to stop before the start had got as far as our parts.
            return
        await self.cutter.close()
        for task in self._background:
            task.cancel()
        await self.reader.stop()
        await self._outbox_sender.stop()
        if self._changelog_sender is not None:
            await self._changelog_sender.stop()
        for partition in self.partitions.values():
            _let_go(partition)

    def _crash(self, reason: BaseException) -> None:
        # Faust keeps half of a crashed app running; a service of ours that failed means the process must not go on.
        self.fail(EX_SOFTWARE, f"a service of the stream app failed: {reason!r}")

    # -- partitions -------------------------------------------------------------------------------------------------

    def assign(self, tps: set[TP], *, keep: bool) -> None:
        """A new assignment: drop what is not ours or may have been somebody else's meanwhile, create what is new."""
        changelogs = self.tables.changelog_topics
        sources = {tp for tp in tps if tp.topic not in changelogs}
        # A partition that was still being restored when the rebalance came has half its rows: it begins anew.
        kept = {tp for tp in sources if keep and tp in self._whole}
        for tp in list(self.partitions):
            if tp not in kept:
                _let_go(self.partitions.pop(tp))
                self.cutter.committed.pop(tp, None)
                self.highwaters.pop(tp, None)
        for tp in sorted(sources - kept):
            self.partitions[tp] = self._new_partition(tp, self.outbox)
        self._whole = kept
        self._kept_numbers = {tp.partition for tp in kept}
        self._terms += 1
        self.observer.rebalanced(len(sources))

    def revoke(self) -> None:
        """The partitions are going: nothing more is absorbed, and whatever still prepares them must not declare them
        ready.
        """
        self._reading = False
        self._terms += 1

    def keeps(self, changelog: TP) -> bool:
        """Whether the rows behind this changelog partition survived the rebalance in memory."""
        return changelog.partition in self._kept_numbers

    def restore(self, changelog: TP, records: Sequence[Remembered]) -> None:
        """Changelog records of one partition, from recovery."""
        self._restored_records += len(records)
        for tp, partition in self.partitions.items():
            if tp.partition == changelog.partition and isinstance(partition, RowPartition):
                partition.restore(records)

    async def on_rows_restored(self) -> None:
        """The changelog is read: let the new partitions build what derives from their rows."""
        for tp, partition in list(self.partitions.items()):
            if tp not in self._whole and isinstance(partition, RowPartition):
                if partition.regressions:
                    self.observer.regressed(partition.regressions)
                await partition.restored()

    async def begin_reading(self, tps: set[TP]) -> None:
        """Place each source partition and begin; ends the process when the state and the log disagree.

        Raises Faust's ``RebalanceAgain`` when a revocation came while the group and the log were asked: the recovery
        gives up, and the next assignment asks again.
        """
        term = self._terms
        consumer = cast(BatchConsumer, self.consumer)
        counts = await consumer.partition_counts({tp.topic for tp in tps})
        for topic, count in counts.items():
            if self._partition_counts.get(topic, count) != count:
                self.fail(
                    EX_CONFIG,
                    f"{topic} had {self._partition_counts[topic]} partitions and now has {count}: members would be "
                    "looked for on other partitions. Restore the count, or rebuild under a new topic prefix.",
                )
        self._partition_counts = counts
        fresh = sorted(tp for tp in tps if tp in self.partitions and tp not in self._whole)
        committed = await consumer.committed_offsets(fresh)
        begins = await consumer.earliest_offsets(*fresh) if fresh else {}
        ends = await consumer.highwaters(*fresh) if fresh else {}
        if term != self._terms:
            raise RebalanceAgain
        for tp in fresh:
            partition = self.partitions[tp]
            row = partition.partition_row if isinstance(partition, RowPartition) else None
            offset = committed[tp]
            try:
                partition.position = start_offset(
                    f"{tp.topic}[{tp.partition}]",
                    remembers=isinstance(partition, RowPartition),
                    committed=offset,
                    row=row,
                    partitions=self._partition_count(tp),
                    begin=begins[tp],
                    end=ends[tp],
                )
            except StartRefused as exc:
                self.fail(EX_CONFIG, str(exc))
            if offset is not None:
                self.cutter.committed[tp] = offset
        self._whole |= set(fresh)
        self.cutter.allowed = self._reading = True
        self.reader.look_again()

    def _partition_count(self, tp: TP) -> int:
        return self._partition_counts[tp.topic]

    # -- absorbing --------------------------------------------------------------------------------------------------

    def _positions(self) -> dict[TP, int]:
        """What is to be read now, and from where."""
        return {
            tp: partition.position for tp, partition in self.partitions.items() if self._reads(tp, partition.position)
        }

    def _reads(self, tp: TP, position: int) -> bool:
        """Whether a partition is to be read now and stands there."""
        return (
            self._reading
            and self.cutter.allowed
            and tp in self._whole
            and tp in self.partitions
            and self.partitions[tp].position == position
        )

    async def absorb(self, batch: RecordBatch) -> None:
        """Take in one batch, unless its partition went or stands elsewhere than when the batch was asked for, and start
        a cut when enough rows are dirty.
        """
        tp, records = batch.tp, batch.records
        if not self._reads(tp, batch.start):
            return
        partition = self.partitions[tp]
        if records:
            partition.absorb(records)
        partition.position = batch.end
        self._absorbed += len(records)
        if partition.sweeping:
            self._work.set()
        await self.outbox.room()
        if partition.dirty_count >= self.settings.dirty_rows_limit:
            await self._remember_early(tp, partition)

    async def _remember_early(self, tp: TP, partition: Partition) -> None:
        """At leisure while records are read as they come: rows written in a hurry are in the way of their outcomes."""
        dirty, limit = partition.dirty_count, self.settings.dirty_rows_limit
        if dirty >= _MOST_DIRTY * limit:
            # Rows get dirty faster than the changelog takes them: wait, so that memory and the next cut stay bounded.
            self.cutter.hurry()
            await self.consumer.commit()
        elif dirty >= _MANY_DIRTY * limit or self.lag(tp) > self.batch_records:
            self.cutter.hurry()
        else:
            self.cutter.wanted.set()

    async def _refuse_position(self, tp: TP, position: int) -> None:
        """The log does not have the position: records were deleted before they were read, or it is another log."""
        consumer = cast(BatchConsumer, self.consumer)
        begin, end = (await consumer.earliest_offsets(tp))[tp], (await consumer.highwaters(tp))[tp]
        if not self._reads(tp, position):
            return
        name = f"{tp.topic}[{tp.partition}]"
        if begin > position:
            self.fail(
                EX_CONFIG,
                f"{name}: reading was at offset {position} and the log now begins at {begin}: records were deleted "
                "before they were read. Restore them, or start over with a new topic prefix.",
            )
        if end < position:
            self.fail(
                EX_CONFIG,
                f"{name}: reading was at offset {position} and the log now ends at {end}: it was truncated or created "
                "anew. Restore it, or start over with a new topic prefix.",
            )

    def _told_end(self, tp: TP, end: int) -> None:
        if tp in self.partitions:
            self.highwaters[tp] = end

    @property
    def absorbed(self) -> int:
        """Source records absorbed since the start."""
        return self._absorbed

    async def _sweep(self) -> None:
        while True:
            await self._work.wait()
            if not self.cutter.allowed:
                # Between a revocation and the next assignment somebody else may be the one to tell of it.
                await asyncio.sleep(_REBALANCE_LOOK_SECONDS)
                continue
            busy = [(tp, partition) for tp, partition in self.partitions.items() if partition.sweeping]
            if not busy:
                self._work.clear()
            for tp, partition in busy:
                if not self._holds(tp, partition):
                    break
                self._swept += partition.sweep(self.settings.sweep_slice)
                # An order's outcomes queue up behind these.
                await self.outbox.room(_SWEPT_QUEUED)
                if partition.dirty_count >= self.settings.dirty_rows_limit:
                    await self._remember_early(tp, partition)
                await asyncio.sleep(0)

    def _holds(self, tp: TP, partition: Partition) -> bool:
        """Whether it is still ours: a rebalance may have come while its sweep waited."""
        return self.cutter.allowed and self.partitions.get(tp) is partition

    # -- watching ---------------------------------------------------------------------------------------------------

    def lag(self, tp: TP) -> int:
        """Records known to wait in a source partition."""
        partition = self.partitions.get(tp)
        return max(0, self.highwaters.get(tp, 0) - partition.position) if partition is not None else 0

    def report_lag(self) -> None:
        """Tell the observer, once per commit interval."""
        for tp in self.partitions:
            self.observer.partition_lag(tp.topic, tp.partition, self.lag(tp))

    async def _look_at_ends(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_ENDS_SECONDS)
            whole = sorted(self._whole & self.partitions.keys())
            if whole and self.cutter.allowed:
                # The broker may be away or the partitions on their way out: the next look is soon.
                with suppress(KafkaError, TimeoutError):
                    ends = await cast(BatchConsumer, self.consumer).highwaters(*whole)
                    self.highwaters.update({tp: end for tp, end in ends.items() if tp in self.partitions})

    def _work_at_hand(self) -> dict[str, Hashable]:
        work: dict[str, Hashable] = {}
        if self.rebalancing:
            work["a rebalance or the recovery after it"] = (self._terms, self._restored_records)
            return work
        for tp, partition in self.partitions.items():
            if self.lag(tp):
                work[f"records of {tp.topic}[{tp.partition}] wait"] = partition.position
            if partition.sweeping:
                work[f"a tick of {tp.topic}[{tp.partition}] is under way"] = self._swept
        if not self.outbox.idle:
            work["outcomes wait to be sent"] = self.outbox.sent
        return work


def _let_go(partition: Partition) -> None:
    if isinstance(partition, RowPartition):
        partition.close()
