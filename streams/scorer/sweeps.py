"""Ticks that have not reached every member who was due."""

from collections import deque
from collections.abc import Iterator

from scoring.engine import Position
from streams.scorer.progress import PartitionProgress


class Sweep:
    """One such tick: its instant (epoch ms) and place in the log, the keys still to look at, and the partition's
    progress as of the record before it.
    """

    __slots__ = ("at", "before", "keys", "position")

    def __init__(self, at: int, position: Position, keys: Iterator[bytes], before: PartitionProgress) -> None:
        self.at = at
        self.position = position
        self.keys = keys
        self.before = before


class Sweeps:
    """The unfinished ticks of a partition, oldest first. False when there is none."""

    def __init__(self) -> None:
        self._unfinished: deque[Sweep] = deque()

    def __bool__(self) -> bool:
        return bool(self._unfinished)

    def __iter__(self) -> Iterator[Sweep]:
        return iter(self._unfinished)

    @property
    def oldest(self) -> Sweep | None:
        """The one that holds the commit back."""
        return self._unfinished[0] if self._unfinished else None

    def begin(self, sweep: Sweep) -> None:
        """Its keys are looked at after those of every older one."""
        self._unfinished.append(sweep)

    def reach(self, budget: int) -> Iterator[tuple[Sweep, bytes]]:
        """At most ``budget`` members to look at next, each with the tick that has come to them."""
        while self._unfinished and budget:
            sweep = self._unfinished[0]
            key = next(sweep.keys, None)
            if key is None:
                self._unfinished.popleft()
            else:
                budget -= 1
                yield sweep, key
