"""The cut: emit, then remember, then commit; of each partition, one instant decides what belongs to it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import Final, NoReturn, Protocol

from faust.types import TP

from streams.engine.fencing import EX_TEMPFAIL, PauseFence
from streams.engine.observer import Observer
from streams.engine.outbox import Outbox
from streams.engine.partition import PARTITION_ROW_KEY, Partition, PartitionRow, RowPartition
from streams.engine.sending import Batches, BatchSender

#: Rows taken, with the scores that belong to them, before everybody else gets a turn: 0.6 ms where it is compiled.
_SLICE: Final = 200
#: The same in a hurry: orders are behind then, and in between a thousand of them take longer than this.
_HURRIED_SLICE: Final = 1000
#: Bytes of a batch of rows. A request holds one of each partition: 3.6 MB of four partitions kept broker and connection
#: busy for 10 to 17 ms, while outcomes waited. In a hurry as many as a batch may have, since requests cost, too.
_ROW_BATCH_BYTES: Final = 250_000
#: The pauses between slices, together, as a share of the time since the cut before: scores and rows leave as a trickle,
#: so that broker, Redis and whoever reads them need not take a second's at once while outcomes wait behind these. Of
#: the commit interval at most; of less where rows get dirty so fast that cuts come earlier.
_SPREAD: Final = 0.5
#: Nor is any longer than this for each row, in seconds: a few are no burst.
_LONGEST_PAUSE: Final = 0.0001


class OffsetLog(Protocol):
    """The consumer group, as far as a cut needs it."""

    async def commit_strictly(self, offsets: Mapping[TP, int]) -> None:
        """Commit; raises whatever goes wrong, a refusal included."""


class Cutter:
    """Runs cuts, one at a time, over all partitions of the present assignment."""

    def __init__(
        self,
        partitions: Callable[[], Mapping[TP, Partition]],
        outbox: Outbox,
        changelog: BatchSender | None,
        changelog_topic: str,
        offsets: Callable[[], OffsetLog],
        fence: PauseFence,
        observer: Observer,
        fail: Callable[[int, str], NoReturn],
        partition_count: Callable[[TP], int],
        interval: float,
    ) -> None:
        """``interval`` is in seconds: cuts that are not in a hurry may take half of it."""
        self._partitions = partitions
        self._outbox = outbox
        self._changelog = changelog
        self._changelog_topic = changelog_topic
        self._offsets = offsets
        self._fence = fence
        self._observer = observer
        self._fail = fail
        self._partition_count = partition_count
        self._interval = interval
        self._began_at = -inf
        self._lock = asyncio.Lock()
        #: A cut has begun and not ended: cancelled half-way, its rows count as unchanged though nobody has them.
        self._broken_off = False
        #: Offsets the group holds for us, as of our last commit or the start.
        self.committed: dict[TP, int] = {}
        #: False between a revocation and the next assignment: nothing may be written or committed then.
        self.allowed = False
        #: Set by whoever wants a cut soon: the next one comes at once.
        self.wanted = asyncio.Event()
        #: Set by whoever waits for a cut: the present one, or the next, makes no pauses.
        self.hurried = asyncio.Event()
        self.cuts = 0

    async def cut(self) -> bool:
        """Remember and commit everything absorbed so far; False when there was nothing to do.

        Any failure ends the process: a cut that stops half-way has committed nothing, so the next process replays it.
        """
        if self._lock.locked():
            self.hurry()
        async with self._lock:
            if not self.allowed:
                return False
            if self._broken_off:
                self._fail(EX_TEMPFAIL, "a cut was broken off after it had taken the rows; the next start replays them")
            self._broken_off = True
            try:
                did = await self._cut()
            except Exception as exc:
                self._fail(EX_TEMPFAIL, f"remembering failed, nothing of it is committed: {exc!r}")
            self._broken_off = False
            return did

    def hurry(self) -> None:
        """Have the next cut at once, and no pauses in it nor in the present one."""
        self.hurried.set()
        self.wanted.set()

    def forget_wishes(self) -> None:
        """The cut that they were for begins."""
        self.hurried.clear()
        self.wanted.clear()

    async def close(self) -> None:
        """The last cut before the partitions are revoked; no other starts until :attr:`allowed` is set again."""
        self.hurry()
        await self.cut()
        async with self._lock:
            self.allowed = False

    async def _cut(self) -> bool:
        started = perf_counter()
        rows: dict[int, Batches] = {}
        partition_rows: dict[int, Batches] = {}
        commits: dict[TP, int] = {}
        written = 0
        partitions = self._partitions()
        changed = sum(partition.dirty_count for partition in partitions.values())
        pauses = min(self._interval, started - self._began_at) * _SPREAD
        self._began_at = started
        pause = min(_LONGEST_PAUSE, pauses / max(changed, 1))
        for tp, partition in partitions.items():
            # Of one instant: position, progress as of it, and which rows hold what lies below it. Those rows are taken
            # in slices, and others absorb on in between, so a row may be ahead of the position but never behind.
            position = partition.committable
            left = partition.dirty_count
            if not left and position == self.committed.get(tp):
                continue
            commits[tp] = position
            if isinstance(partition, RowPartition):
                of_partition = PartitionRow(position, self._partition_count(tp), partition.payload())
                partition_rows[tp.partition] = batches = Batches()
                batches.append(PARTITION_ROW_KEY, of_partition.encode())
                if left:
                    written += left
                    rows[tp.partition] = await self._taken(partition, left, pause)
        # After the last row was taken: what led to it is in one of these, or has arrived.
        rounds = self._outbox.rounds()
        if not commits:
            return False

        if rounds:
            await asyncio.wait(rounds)
        self._fence.check()
        offsets = self._offsets()
        owned = {tp: self.committed[tp] for tp in commits if tp in self.committed}
        if self._changelog is not None:
            if owned:
                # Committing what is committed changes nothing; its refusal says that the group has given our partitions
                # away.
                await offsets.commit_strictly(owned)
                # The answer may have waited while this process stood still.
                self._fence.check()
            await self._remember(rows)
            # While the rows were on their way as well: a stale partition row may be the last that anybody writes.
            self._fence.check()
            await self._remember(partition_rows)
        self._fence.check()
        await offsets.commit_strictly(commits)
        self.committed.update(commits)
        self.cuts += 1
        self._observer.cut_done(perf_counter() - started, written, len(commits))
        return True

    async def _taken(self, partition: RowPartition, count: int, pause: float) -> Batches:
        """The first ``count`` changed rows, with a turn for everybody else, and ``pause`` seconds a row, after each
        slice.
        """
        batches = Batches() if self.hurried.is_set() else Batches(_ROW_BATCH_BYTES)
        while count:
            taken = partition.take_dirty(min(count, _HURRIED_SLICE if self.hurried.is_set() else _SLICE))
            for key, row in taken:
                batches.append(key, row)
            count -= len(taken)
            if self.hurried.is_set():
                await asyncio.sleep(0)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * len(taken)):
                    await self.hurried.wait()
        return batches

    async def _remember(self, rows: Mapping[int, Batches]) -> None:
        assert self._changelog is not None
        await self._changelog.send({(self._changelog_topic, number): batches for number, batches in rows.items()})
