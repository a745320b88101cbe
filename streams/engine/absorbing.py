"""What is to be read now, and taking it in."""

from faust.types import TP

from streams.engine.assignment import Assignment
from streams.engine.batches import RecordBatch
from streams.engine.cut import Cutter
from streams.engine.early_cuts import EarlyCuts
from streams.engine.outbox import Outbox
from streams.engine.sweeping import Sweeping


class Absorbing:
    """Takes in batches that begin where their partition stands."""

    def __init__(
        self, assignment: Assignment, cutter: Cutter, outbox: Outbox, early_cuts: EarlyCuts, sweeping: Sweeping
    ) -> None:
        self._assignment = assignment
        self._cutter = cutter
        self._outbox = outbox
        self._early_cuts = early_cuts
        self._sweeping = sweeping
        #: Source records since the start.
        self.absorbed = 0

    def positions(self) -> dict[TP, int]:
        """What is to be read now, and from where."""
        return {
            tp: partition.position
            for tp, partition in self._assignment.partitions.items()
            if self.reads(tp, partition.position)
        }

    def reads(self, tp: TP, position: int) -> bool:
        """Whether a partition is to be read now and stands there."""
        assignment = self._assignment
        return (
            assignment.reading
            and self._cutter.allowed
            and tp in assignment.whole
            and tp in assignment.partitions
            and assignment.partitions[tp].position == position
        )

    async def absorb(self, batch: RecordBatch) -> None:
        """Take in one batch, unless its partition went or stands elsewhere than when the batch was asked for, and start
        a cut when enough rows are dirty.
        """
        tp, records = batch.tp, batch.records
        if not self.reads(tp, batch.start):
            return
        partition = self._assignment.partitions[tp]
        if records:
            partition.absorb(records)
        partition.position = batch.end
        self.absorbed += len(records)
        if partition.sweeping:
            self._sweeping.begin()
        await self._outbox.room()
        if partition.dirty_count >= self._early_cuts.limit:
            await self._early_cuts.remember(tp, partition)
