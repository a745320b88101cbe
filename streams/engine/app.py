"""The Faust app with the batch paths wired in: what it declares, starts and stops, and what Faust is told of."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, NoReturn, cast

import faust
from aiokafka.client import AIOKafkaClient
from faust.types import TP

from streams.engine.absorbing import Absorbing
from streams.engine.assignment import Assignment
from streams.engine.backlog import Backlog
from streams.engine.consumer import BatchConsumer, BatchTransport
from streams.engine.cut import Cutter
from streams.engine.early_cuts import EarlyCuts
from streams.engine.fencing import EX_SOFTWARE, PauseFence, ProgressWatch, end_process
from streams.engine.observer import Observer
from streams.engine.outbox import Outbox
from streams.engine.partition import Partition
from streams.engine.placing import Placing
from streams.engine.reading import Reader
from streams.engine.sending import BatchSender
from streams.engine.settings import EngineSettings, told_to_faust
from streams.engine.sweeping import Sweeping
from streams.engine.table import RowTable

#: Until a fetch is given up; the broker answers within the 0.1 s that it may wait for records.
_FETCH_SECONDS: Final = 30.0


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
        self.assignment = Assignment(lambda tp: new_partition(tp, self.outbox))
        self.backlog = Backlog(self.assignment, self._batch_consumer)
        self.placing = Placing(self.assignment, self._batch_consumer, fail)
        self._sources: set[str] = set()
        self._table: RowTable | None = None
        self._background: list[asyncio.Task[None]] = []
        super().__init__(settings.app_id, **told_to_faust(settings))

    def _batch_consumer(self) -> BatchConsumer:
        return cast(BatchConsumer, self.consumer)

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

    def client(self, request_timeout: float, client: str = "stop") -> AIOKafkaClient:
        """A client of our own, named after what it is for; ``request_timeout`` is in seconds."""
        return AIOKafkaClient(
            loop=asyncio.get_running_loop(),
            bootstrap_servers=self.settings.bootstrap,
            client_id=f"{self.settings.app_id}-{client}",
            request_timeout_ms=int(request_timeout * 1000),
            **self.settings.security,
        )

    def _sender_for(self, client: str) -> BatchSender:
        # A batch that the broker does not take for this long ends the process, which then replays it.
        return BatchSender(self.client(self.settings.watchdog, client))

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
        settings, assignment = self.settings, self.assignment
        self.outbox = Outbox(self._outbox_sender.send, self.fence, self.fail)
        self.cutter = Cutter(
            assignment.whole_partitions,
            self.outbox,
            self._changelog_sender,
            self._table.changelog_topic_name if self._table is not None else "",
            self._batch_consumer,
            self.fence,
            self.observer,
            self.fail,
            self.placing.partition_count,
            settings.commit_interval,
        )
        early_cuts = EarlyCuts(
            self.cutter,
            self._batch_consumer,
            self.backlog.lag,
            settings.dirty_rows_limit,
            settings.batch_records,
        )
        self.sweeping = Sweeping(assignment, self.cutter, self.outbox, early_cuts, settings.sweep_slice)
        self.absorbing = Absorbing(assignment, self.cutter, self.outbox, early_cuts, self.sweeping)
        self.reader = Reader(
            self.client(_FETCH_SECONDS, "reader"),
            self.absorbing.positions,
            self.absorbing.absorb,
            lambda tp, position: self.placing.refuse(tp, position, self.absorbing.reads),
            self.backlog.told_end,
            settings.batch_records,
        )
        await self.reader.start(self._sources)
        watch = ProgressWatch(settings.watchdog, self._work_at_hand, self.fail)
        for task in (
            self.fence.run(),
            self.outbox.run(),
            self.reader.run(),
            watch.run(),
            self.sweeping.run(),
            self.backlog.look_at_ends(lambda: self.cutter.allowed),
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
        self.assignment.reading = False
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
        self.assignment.let_go()

    def _crash(self, reason: BaseException) -> None:
        # Faust keeps half of a crashed app running; a service of ours that failed means the process must not go on.
        self.fail(EX_SOFTWARE, f"a service of the stream app failed: {reason!r}")

    # -- what the consumer and the table tell -----------------------------------------------------------------------

    def assign(self, tps: set[TP], *, keep: bool) -> None:
        """A new assignment: what is no longer ours, or may have been somebody else's meanwhile, is forgotten."""
        changelogs = self.tables.changelog_topics
        sources = {tp for tp in tps if tp.topic not in changelogs}
        for tp in self.assignment.assign(sources, keep=keep):
            self.cutter.committed.pop(tp, None)
            self.backlog.forget(tp)
        self.observer.rebalanced(len(sources))

    async def on_rows_restored(self) -> None:
        """The changelog is read, and no source record is yet."""
        await self.assignment.restored(self.observer.regressed)

    async def begin_reading(self, tps: set[TP]) -> None:
        """Recovery is over: place each source partition and begin. See :meth:`streams.engine.placing.Placing.place`."""
        self.cutter.committed.update(await self.placing.place(tps))
        self.cutter.allowed = self.assignment.reading = True
        self.reader.look_again()

    def report_lag(self) -> None:
        """Tell the observer, once per commit interval."""
        self.backlog.report(self.observer)

    # -- watching ---------------------------------------------------------------------------------------------------

    @property
    def partitions(self) -> dict[TP, Partition]:
        """The source partitions that are ours."""
        return self.assignment.partitions

    @property
    def absorbed(self) -> int:
        """Source records absorbed since the start."""
        return self.absorbing.absorbed if self._background else 0

    def _work_at_hand(self) -> dict[str, Hashable]:
        if self.rebalancing:
            steps = (self.assignment.terms, self.assignment.restored_records)
            return {"a rebalance or the recovery after it": steps}
        work = {**self.backlog.work(), **self.sweeping.work()}
        if not self.outbox.idle:
            work["outcomes wait to be sent"] = self.outbox.sent
        return work
