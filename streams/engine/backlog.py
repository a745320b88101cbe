"""How many records wait in the source partitions."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Final

from aiokafka.errors import KafkaError
from faust.types import TP

from streams.engine.assignment import Assignment
from streams.engine.consumer import BatchConsumer
from streams.engine.observer import Observer

#: How often the ends of the source partitions are asked for: one that is not fetched at all shows no lag otherwise.
_LOOK_AT_ENDS_SECONDS: Final = 2.0


class Backlog:
    """The ends of the source partitions, as far as they are known, against the positions."""

    def __init__(self, assignment: Assignment, consumer: Callable[[], BatchConsumer]) -> None:
        self._assignment = assignment
        self._consumer = consumer
        self._ends: dict[TP, int] = {}

    def told_end(self, tp: TP, end: int) -> None:
        """A fetch, or the broker when asked, said where the log ends."""
        if tp in self._assignment.partitions:
            self._ends[tp] = end

    def forget(self, tp: TP) -> None:
        """The partition is no longer ours, or begins anew."""
        self._ends.pop(tp, None)

    def lag(self, tp: TP) -> int:
        """Records known to wait in a source partition."""
        partition = self._assignment.partitions.get(tp)
        return max(0, self._ends.get(tp, 0) - partition.position) if partition is not None else 0

    def report(self, observer: Observer) -> None:
        """Tell the observer of every partition."""
        for tp in self._assignment.partitions:
            observer.partition_lag(tp.topic, tp.partition, self.lag(tp))

    def work(self) -> Mapping[str, Hashable]:
        """For the progress watch: partitions with records to read, and where they stand."""
        return {
            f"records of {tp.topic}[{tp.partition}] wait": partition.position
            for tp, partition in self._assignment.partitions.items()
            if self.lag(tp)
        }

    async def look_at_ends(self, allowed: Callable[[], bool]) -> None:
        """Ask the broker for the ends for ever, while ``allowed``: not between a revocation and the next assignment."""
        while True:
            await asyncio.sleep(_LOOK_AT_ENDS_SECONDS)
            whole = sorted(self._assignment.whole & self._assignment.partitions.keys())
            if whole and allowed():
                # The broker may be away or the partitions on their way out: the next look is soon.
                with suppress(KafkaError, TimeoutError):
                    for tp, end in (await self._consumer().highwaters(*whole)).items():
                        self.told_end(tp, end)
