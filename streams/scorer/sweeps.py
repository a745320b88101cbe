"""Records that concern every member of a partition and have not reached all of them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from scoring.engine import Position
from scoring.policy import Policy
from scoring.state import MemberState
from streams.outcome_records import OutcomeRecords
from streams.scorer.progress import PartitionProgress


class InForce:
    """A policy, under its cuts, and the writer of what is decided by it."""

    __slots__ = ("policy", "records")

    def __init__(self, policy: Policy, records: OutcomeRecords) -> None:
        self.policy = policy
        self.records = records


class Sweep:
    """One such record: its place in the log, the partition's progress as of the record before it, and what is in force
    for a member whom it has come to.
    """

    __slots__ = ("_keys", "before", "position", "rules")

    def __init__(self, position: Position, before: PartitionProgress, rules: InForce, keys: Iterable[bytes]) -> None:
        self.position = position
        self.before = before
        self.rules = rules
        self._keys = iter(keys)

    def next_key(self) -> bytes | None:
        """A member to look at next, None at the end."""
        return next(self._keys, None)

    def end(self) -> None:
        """Everybody has been reached."""


class TickSweep(Sweep):
    """A tick at an instant (epoch ms) looks at members who may be due, by the policy of its own place in the log."""

    __slots__ = ("at",)

    def __init__(
        self, position: Position, before: PartitionProgress, rules: InForce, at: int, keys: Iterable[bytes]
    ) -> None:
        super().__init__(position, before, rules, keys)
        self.at = at


class ChangeSweep(Sweep):
    """A new policy, or new cuts, look at everybody. ``reason`` and ``cause`` are those of outcomes."""

    __slots__ = ("cause", "earlier", "reason")

    def __init__(
        self,
        position: Position,
        before: PartitionProgress,
        rules: InForce,
        earlier: Policy,
        reason: str,
        cause: str,
        keys: Iterable[bytes],
    ) -> None:
        super().__init__(position, before, rules, keys)
        self.earlier = earlier
        self.reason = reason
        self.cause = cause


class Census(Sweep):
    """Somebody looks at each member once, as of its place in the log: before anything that lies behind it.

    ``look`` is called with key and state, ``done`` when everybody was looked at; neither may raise. After a crash it
    begins anew, and a member who was remembered further on already is seen as they are then.
    """

    __slots__ = ("_done", "_left", "_look")

    def __init__(
        self,
        position: Position,
        before: PartitionProgress,
        rules: InForce,
        keys: Iterable[bytes],
        look: Callable[[bytes, MemberState], None],
        done: Callable[[], None],
    ) -> None:
        super().__init__(position, before, rules, ())
        self._left = dict.fromkeys(keys)
        self._look = look
        self._done = done

    def next_key(self) -> bytes | None:
        """A member to look at next, None at the end."""
        # From the end: the first of a dict that loses its first ones is found ever more slowly.
        return next(reversed(self._left), None)

    def look(self, key: bytes, state: MemberState) -> None:
        """Look at a member, unless that was done."""
        if key in self._left:
            del self._left[key]
            self._look(key, state)

    def end(self) -> None:
        """Everybody has been looked at."""
        self._done()


class Sweeps:
    """The unfinished sweeps of a partition, oldest first. False when there is none."""

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
        """Its members are looked at after those of every older one."""
        self._unfinished.append(sweep)

    def reach(self, budget: int) -> Iterator[tuple[Sweep, bytes]]:
        """At most ``budget`` members to look at next, each with the sweep that has come to them."""
        while self._unfinished and budget:
            sweep = self._unfinished[0]
            key = sweep.next_key()
            if key is None:
                self._unfinished.popleft()
                sweep.end()
            else:
                budget -= 1
                yield sweep, key
