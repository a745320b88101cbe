"""Where each source partition is read from after recovery, and whether the log still is the one that was read."""

from collections.abc import Callable
from typing import NoReturn

from faust.tables.recovery import RebalanceAgain
from faust.types import TP

from streams.engine.assignment import Assignment
from streams.engine.consumer import BatchConsumer
from streams.engine.fencing import EX_CONFIG
from streams.engine.partition import RowPartition
from streams.engine.start import StartRefused, start_offset


class Placing:
    """Gives partitions their position; ends the process when the state and the log disagree."""

    def __init__(
        self, assignment: Assignment, consumer: Callable[[], BatchConsumer], fail: Callable[[int, str], NoReturn]
    ) -> None:
        self._assignment = assignment
        self._consumer = consumer
        self._fail = fail
        self._partition_counts: dict[str, int] = {}

    def partition_count(self, tp: TP) -> int:
        """How many partitions the topic had when reading last began."""
        return self._partition_counts[tp.topic]

    async def place(self, tps: set[TP]) -> dict[TP, int]:
        """Place those that have no position yet, after which they are whole; what the group has committed for them.

        Raises Faust's ``RebalanceAgain`` when a revocation came while the group and the log were asked: the recovery
        gives up, and the next assignment asks again.
        """
        assignment = self._assignment
        term = assignment.terms
        consumer = self._consumer()
        self._take_counts(await consumer.partition_counts({tp.topic for tp in tps}))
        fresh = assignment.unplaced(tps)
        committed = await consumer.committed_offsets(fresh)
        begins = await consumer.earliest_offsets(*fresh) if fresh else {}
        ends = await consumer.highwaters(*fresh) if fresh else {}
        if term != assignment.terms:
            raise RebalanceAgain
        for tp in fresh:
            partition = assignment.partitions[tp]
            row = partition.partition_row if isinstance(partition, RowPartition) else None
            try:
                partition.position = start_offset(
                    f"{tp.topic}[{tp.partition}]",
                    remembers=isinstance(partition, RowPartition),
                    committed=committed[tp],
                    row=row,
                    partitions=self.partition_count(tp),
                    begin=begins[tp],
                    end=ends[tp],
                )
            except StartRefused as exc:
                self._fail(EX_CONFIG, str(exc))
        assignment.whole |= set(fresh)
        return {tp: offset for tp in fresh if (offset := committed[tp]) is not None}

    def _take_counts(self, counts: dict[str, int]) -> None:
        for topic, count in counts.items():
            if self._partition_counts.get(topic, count) != count:
                self._fail(
                    EX_CONFIG,
                    f"{topic} had {self._partition_counts[topic]} partitions and now has {count}: members would be "
                    "looked for on other partitions. Restore the count, or rebuild under a new topic prefix.",
                )
        self._partition_counts = counts

    async def refuse(self, tp: TP, position: int, reads: Callable[[TP, int], bool]) -> None:
        """The log does not have the position: records were deleted before they were read, or it is another log.

        Nothing to do with us unless ``reads`` says, once the log was asked, that the position is still read.
        """
        consumer = self._consumer()
        begin, end = (await consumer.earliest_offsets(tp))[tp], (await consumer.highwaters(tp))[tp]
        if not reads(tp, position):
            return
        name = f"{tp.topic}[{tp.partition}]"
        if begin > position:
            self._fail(
                EX_CONFIG,
                f"{name}: reading was at offset {position} and the log now begins at {begin}: records were deleted "
                "before they were read. Restore them, or start over with a new topic prefix.",
            )
        if end < position:
            self._fail(
                EX_CONFIG,
                f"{name}: reading was at offset {position} and the log now ends at {end}: it was truncated or created "
                "anew. Restore it, or start over with a new topic prefix.",
            )
