"""Work that concerns many rows, done between the records in slices."""

import asyncio
from collections.abc import Hashable, Mapping
from typing import Final

from faust.types import TP

from streams.engine.assignment import Assignment
from streams.engine.cut import Cutter
from streams.engine.early_cuts import EarlyCuts
from streams.engine.outbox import Outbox
from streams.engine.partition import Partition

#: How often a sweep looks whether a rebalance is over.
_REBALANCE_LOOK_SECONDS: Final = 0.05
#: Records that a sweep may have queued before it waits. A round is on its way while the next one gathers, so an order's
#: outcome waits for two of them at most. A million members, two records each, are 500 rounds: 60 ms for each in 30 s.
_SWEPT_QUEUED: Final = 4000


class Sweeping:
    """Gives every partition that has a sweep its slices in turn; never one that has gone."""

    def __init__(
        self, assignment: Assignment, cutter: Cutter, outbox: Outbox, early_cuts: EarlyCuts, rows: int
    ) -> None:
        """``rows`` are those of a slice."""
        self._assignment = assignment
        self._cutter = cutter
        self._outbox = outbox
        self._early_cuts = early_cuts
        self._rows = rows
        self._wanted = asyncio.Event()
        self._swept = 0

    def begin(self) -> None:
        """Some partition has a sweep."""
        self._wanted.set()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await self._wanted.wait()
            if not self._cutter.allowed:
                # Between a revocation and the next assignment somebody else may be the one to tell of it.
                await asyncio.sleep(_REBALANCE_LOOK_SECONDS)
                continue
            busy = [(tp, partition) for tp, partition in self._assignment.partitions.items() if partition.sweeping]
            if not busy:
                self._wanted.clear()
            for tp, partition in busy:
                if not self._holds(tp, partition):
                    break
                self._swept += partition.sweep(self._rows)
                # An order's outcomes queue up behind these.
                await self._outbox.room(_SWEPT_QUEUED)
                if partition.dirty_count >= self._early_cuts.limit:
                    await self._early_cuts.remember(tp, partition)
                await asyncio.sleep(0)

    def _holds(self, tp: TP, partition: Partition) -> bool:
        """Whether it is still ours: a rebalance may have come while its sweep waited."""
        return self._cutter.allowed and self._assignment.partitions.get(tp) is partition

    def work(self) -> Mapping[str, Hashable]:
        """For the progress watch: partitions with a sweep, and how many rows all of them have done."""
        return {
            f"a tick of {tp.topic}[{tp.partition}] is under way": self._swept
            for tp, partition in self._assignment.partitions.items()
            if partition.sweeping
        }
