"""Outcomes of one member come from several topics: in which order were they told, and which come again?

The scorer tells a member's outcomes in the order of their sequence numbers, which run through all outcome topics
without holes. Reading the topics side by side, one can be met before its predecessor: it waits for that one a little.
After a crash the scorer tells some again, with the same ids: these are left out.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from streams.serving.live_entries import LiveEntry
from streams.serving.live_positions import TOPICS

#: How many members' latest sequence number, and how many ids of outcomes, are remembered: some 20 MB together.
REMEMBERED: Final = 65_536
#: Nothing is known of a member's outcomes before this one. Those of one decision reach the topics within milliseconds
#: of each other, and changes of tier are told before alerts and segments (docs/outcomes.md): so they never wait, and
#: the others as long as this. More would delay nearly every alert in a shop with many members.
FIRST_SIGHT_SECONDS: Final = 0.01


class LiveOrder:
    """``starts`` are the positions (next offsets) that reading begins at; ``wait`` is in seconds."""

    def __init__(self, starts: Iterable[int], wait: float) -> None:
        #: The next offset to be read, of every partition.
        self.read = list(starts)
        self._wait = wait
        self._told_first = frozenset(range(0, len(self.read), TOPICS))
        self._ids: dict[str, None] = {}
        self._latest: dict[str, tuple[int, int]] = {}
        self._held: dict[str, list[tuple[float, LiveEntry]]] = {}

    @property
    def due(self) -> float | None:
        """When the first of those that wait has waited long enough; None where nothing waits."""
        return min((held[0][0] for held in self._held.values()), default=None)

    def begin_with(self, entries: Iterable[LiveEntry]) -> list[LiveEntry]:
        """History that was read whole: in order, without anything to wait for."""
        released = [entry for entry in _by_time(entries) if self._is_new(entry)]
        for entry in released:
            self._note(entry)
        return self._placed(released)

    def arrive(self, entries: Iterable[LiveEntry], now: float) -> list[LiveEntry]:
        """What can be sent of these, and of what waited for them. ``now`` is monotonic, in seconds."""
        released: list[LiveEntry] = []
        for entry in _by_time(entries):
            if self._is_new(entry):
                self._take(entry, now, released)
        return self._placed(released)

    def overdue(self, now: float) -> list[LiveEntry]:
        """What has waited long enough."""
        released: list[LiveEntry] = []
        for member_id in [name for name, held in self._held.items() if held[0][0] <= now]:
            held = self._held[member_id]
            while held and held[0][0] <= now:
                self._release(held.pop(0)[1], released)
                self._follow(member_id, held, released)
            if not held:
                del self._held[member_id]
        return self._placed(released)

    def unsent(self, index: int) -> int:
        """The first offset of a partition that is not sent yet."""
        return min(
            (entry.offset for held in self._held.values() for _, entry in held if entry.index == index),
            default=self.read[index],
        )

    def _is_new(self, entry: LiveEntry) -> bool:
        self.read[entry.index] = max(self.read[entry.index], entry.offset + 1)
        if entry.facts.id in self._ids:
            return False
        self._ids[entry.facts.id] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]
        return True

    def _take(self, entry: LiveEntry, now: float, released: list[LiveEntry]) -> None:
        member_id = entry.facts.member_id
        latest = self._latest.get(member_id)
        epoch, sequence = entry.told
        held = self._held.get(member_id)
        known = latest is not None and latest[0] >= epoch
        if (
            sequence == 1
            or (latest is not None and latest >= (epoch, sequence - 1))
            or (not known and not held and entry.index in self._told_first)
        ):
            self._release(entry, released)
            if held:
                self._follow(member_id, held, released)
                if not held:
                    del self._held[member_id]
            return
        wait = self._wait if known else FIRST_SIGHT_SECONDS
        if held is None:
            held = self._held[member_id] = []
        held.append((now + wait, entry))
        held.sort(key=lambda each: each[1].told)
        # The first one decides: those behind it come with it.
        held[0] = (min(until for until, _ in held), held[0][1])

    def _follow(self, member_id: str, held: list[tuple[float, LiveEntry]], released: list[LiveEntry]) -> None:
        """Release those that waited for exactly what was released last."""
        while held:
            epoch, sequence = held[0][1].told
            if self._latest[member_id] < (epoch, sequence - 1):
                return
            self._release(held.pop(0)[1], released)

    def _release(self, entry: LiveEntry, released: list[LiveEntry]) -> None:
        entry.late = self._note(entry)
        released.append(entry)

    def _note(self, entry: LiveEntry) -> bool:
        """Remember the latest outcome of the member; True when this is not the latest."""
        member_id = entry.facts.member_id
        latest = self._latest.pop(member_id, None)
        late = latest is not None and latest > entry.told
        self._latest[member_id] = latest if latest is not None and late else entry.told
        if len(self._latest) > REMEMBERED:
            for oldest in list(islice(self._latest, 1)):
                del self._latest[oldest]
        return late

    def _placed(self, released: list[LiveEntry]) -> list[LiveEntry]:
        """Give each its ``next_offset``: the first of its partition that is not sent yet once this one is."""
        first_unsent = self.read.copy() if released else []
        for held in self._held.values() if released else ():
            for _, entry in held:
                first_unsent[entry.index] = min(first_unsent[entry.index], entry.offset)
        for entry in reversed(released):
            entry.next_offset = first_unsent[entry.index]
            first_unsent[entry.index] = min(first_unsent[entry.index], entry.offset)
        return released


def _by_time(entries: Iterable[LiveEntry]) -> list[LiveEntry]:
    """In the order of log time, which never falls; of one member by sequence."""
    return sorted(entries, key=lambda entry: (entry.facts.recorded_at, entry.told))
