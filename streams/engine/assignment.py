"""Which source partitions are ours, and which of these are whole: kept over the rebalance, or restored and placed."""

from collections.abc import Callable, Mapping, Sequence

from faust.types import TP

from streams.engine.batches import Remembered
from streams.engine.partition import Partition, RowPartition


class Assignment:
    """The partitions that the group gave us. Every rebalance takes them all (eager protocol) and gives some back."""

    def __init__(self, new_partition: Callable[[TP], Partition]) -> None:
        self._new_partition = new_partition
        self.partitions: dict[TP, Partition] = {}
        #: Those whose state is whole.
        self.whole: set[TP] = set()
        self._kept_numbers: set[int] = set()
        #: False from a revocation until the next start of reading, and when the app stops.
        self.reading = False
        #: Counts revocations and assignments: what was begun in one term must not take effect in another.
        self.terms = 0
        #: Changelog records since the start.
        self.restored_records = 0

    def assign(self, sources: set[TP], *, keep: bool) -> list[TP]:
        """Drop what is not ours or may have been somebody else's meanwhile, create what is new; which were dropped."""
        # A partition that was still being restored when the rebalance came has half its rows: it begins anew.
        kept = {tp for tp in sources if keep and tp in self.whole}
        dropped = [tp for tp in self.partitions if tp not in kept]
        for tp in dropped:
            _let_go(self.partitions.pop(tp))
        for tp in sorted(sources - kept):
            self.partitions[tp] = self._new_partition(tp)
        self.whole = kept
        self._kept_numbers = {tp.partition for tp in kept}
        self.terms += 1
        return dropped

    def revoke(self) -> None:
        """The partitions are going: nothing more is absorbed, and whatever still prepares them must not declare them
        ready.
        """
        self.reading = False
        self.terms += 1

    def let_go(self) -> None:
        """The process ends: nothing of the partitions stays behind."""
        for partition in self.partitions.values():
            _let_go(partition)

    def keeps(self, changelog: TP) -> bool:
        """Whether the rows behind this changelog partition survived the rebalance in memory."""
        return changelog.partition in self._kept_numbers

    def restore(self, changelog: TP, records: Sequence[Remembered]) -> None:
        """Changelog records of one partition, from recovery."""
        self.restored_records += len(records)
        for tp, partition in self.partitions.items():
            if tp.partition == changelog.partition and isinstance(partition, RowPartition):
                partition.restore(records)

    async def restored(self, regressed: Callable[[int], None]) -> None:
        """The changelog is read: let the new partitions build what derives from their rows.

        ``regressed`` is told how many of a partition's rows were older than ones before them, if any were.
        """
        for tp, partition in list(self.partitions.items()):
            if tp not in self.whole and isinstance(partition, RowPartition):
                if partition.regressions:
                    regressed(partition.regressions)
                await partition.restored()

    def unplaced(self, tps: set[TP]) -> list[TP]:
        """Which of these are ours and have not been told yet where to be read from."""
        return sorted(tp for tp in tps if tp in self.partitions and tp not in self.whole)

    def whole_partitions(self) -> Mapping[TP, Partition]:
        """What a cut remembers and commits."""
        return {tp: partition for tp, partition in self.partitions.items() if tp in self.whole}


def _let_go(partition: Partition) -> None:
    if isinstance(partition, RowPartition):
        partition.close()
