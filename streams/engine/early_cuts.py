"""When many rows have changed: is a cut wanted before its time, and in how much of a hurry?"""

from collections.abc import Callable
from typing import Final

from faust.types import TP

from streams.engine.consumer import BatchConsumer
from streams.engine.cut import Cutter
from streams.engine.partition import Partition

#: Times the limit of dirty rows at which the cut makes haste, and at which the partition waits for it.
_MANY_DIRTY: Final = 2
_MOST_DIRTY: Final = 4


class EarlyCuts:
    """Asked by whoever has just changed rows of a partition that has ``limit`` dirty ones or more."""

    def __init__(
        self,
        cutter: Cutter,
        consumer: Callable[[], BatchConsumer],
        lag: Callable[[TP], int],
        limit: int,
        batch_records: int,
    ) -> None:
        """``lag`` is the number of records that wait in a partition, of which ``batch_records`` come at once."""
        self.limit = limit
        self._cutter = cutter
        self._consumer = consumer
        self._lag = lag
        self._batch_records = batch_records

    async def remember(self, tp: TP, partition: Partition) -> None:
        """At leisure while records are read as they come: rows written in a hurry are in the way of their outcomes."""
        dirty = partition.dirty_count
        if dirty >= _MOST_DIRTY * self.limit:
            # Rows get dirty faster than the changelog takes them: wait, so that memory and the next cut stay bounded.
            self._cutter.hurry()
            await self._consumer().commit()
        elif dirty >= _MANY_DIRTY * self.limit or self._lag(tp) > self._batch_records:
            self._cutter.hurry()
        else:
            self._cutter.wanted.set()
