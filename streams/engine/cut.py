"""The cut: emit, then remember, then commit, with one instant deciding what belongs to it."""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import NoReturn, Protocol

from faust.types import TP

from streams.engine.fencing import EX_TEMPFAIL, PauseFence
from streams.engine.observer import Observer
from streams.engine.outbox import Outbox
from streams.engine.partition import PARTITION_ROW_KEY, Partition, PartitionRow, RowPartition
from streams.engine.sending import Batches, BatchSender


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
    ) -> None:
        self._partitions = partitions
        self._outbox = outbox
        self._changelog = changelog
        self._changelog_topic = changelog_topic
        self._offsets = offsets
        self._fence = fence
        self._observer = observer
        self._fail = fail
        self._partition_count = partition_count
        self._lock = asyncio.Lock()
        #: A cut has begun and not ended: cancelled half-way, its rows count as unchanged though nobody has them.
        self._broken_off = False
        #: Offsets the group holds for us, as of our last commit or the start.
        self.committed: dict[TP, int] = {}
        #: False between a revocation and the next assignment: nothing may be written or committed then.
        self.allowed = False
        self.cuts = 0

    async def cut(self) -> bool:
        """Remember and commit everything absorbed so far; False when there was nothing to do.

        Any failure ends the process: a cut that stops half-way has committed nothing, so the next process replays it.
        """
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

    async def close(self) -> None:
        """The last cut before the partitions are revoked; no other starts until :attr:`allowed` is set again."""
        await self.cut()
        async with self._lock:
            self.allowed = False

    async def _cut(self) -> bool:
        started = perf_counter()
        # From here to the list of rounds there is no await: rows, positions and queued outcomes are of one instant.
        rows: dict[int, Batches] = {}
        partition_rows: dict[int, Batches] = {}
        commits: dict[TP, int] = {}
        written = 0
        for tp, partition in self._partitions().items():
            dirty = partition.take_dirty()
            position = partition.committable
            if not dirty and position == self.committed.get(tp):
                continue
            commits[tp] = position
            written += len(dirty)
            if dirty:
                rows[tp.partition] = batches = Batches()
                for key, row in dirty:
                    batches.append(key, row)
            if isinstance(partition, RowPartition):
                of_partition = PartitionRow(position, self._partition_count(tp), partition.payload())
                partition_rows[tp.partition] = batches = Batches()
                batches.append(PARTITION_ROW_KEY, of_partition.encode())
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

    async def _remember(self, rows: Mapping[int, Batches]) -> None:
        assert self._changelog is not None
        await self._changelog.send({(self._changelog_topic, number): batches for number, batches in rows.items()})
