"""The latest outcomes, in the order in which they were sent, for clients that come back."""

from collections.abc import Sequence

from streams.serving.live_entries import LiveEntry

#: A note of where everything stood is taken once per so many outcomes: a client that comes back looks at no more than
#: those before the ones it has missed.
_NOTE_EVERY = 256


class LiveHistory:
    """Bounded by number and bytes, whichever is reached first. ``starts`` are the positions before the first entry."""

    def __init__(self, starts: Sequence[int], most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        #: By serial number, rising: a dict so that a place in the middle is found at once.
        self._entries: dict[int, LiveEntry] = {}
        self._bytes = 0
        #: Per partition the first offset that a client may be waiting for: what lies before it is kept no more.
        self._from = list(starts)
        #: Per partition the offset behind everything so far, and that as it was at some serial numbers.
        self._until = list(starts)
        self._notes: dict[int, list[int]] = {}
        #: The serial number that the next entry gets.
        self.end = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def begin(self) -> int:
        """The serial number of the oldest entry that is kept."""
        return self.end - len(self._entries)

    def append(self, entry: LiveEntry) -> None:
        """Keep an entry, and forget the oldest ones that there is no room for."""
        if self.end % _NOTE_EVERY == 0:
            self._notes[self.end] = self._until.copy()
        self._until[entry.index] = max(self._until[entry.index], entry.offset + 1)
        self._entries[self.end] = entry
        self.end += 1
        self._bytes += entry.size
        while len(self._entries) > self._most_entries or (self._bytes > self._most_bytes and len(self._entries) > 1):
            self._forget(self.begin)

    def _forget(self, serial: int) -> None:
        entry = self._entries.pop(serial)
        self._bytes -= entry.size
        self._from[entry.index] = max(self._from[entry.index], entry.offset + 1)
        self._notes.pop(serial - _NOTE_EVERY, None)

    def covers(self, position: Sequence[int], indices: Sequence[int]) -> bool:
        """Whether everything behind a position is still here; it has one number for each of ``indices``."""
        return all(at >= self._from[index] for at, index in zip(position, indices, strict=True))

    def serial_behind(self, position: Sequence[int], indices: Sequence[int]) -> int:
        """A serial number before which nothing lies that is behind the position."""
        for serial, until in reversed(self._notes.items()):
            if all(at >= until[index] for at, index in zip(position, indices, strict=True)):
                return max(serial, self.begin)
        return self.begin

    def slice(self, serial: int, most: int) -> list[LiveEntry]:
        """At most so many entries from a serial number on, which must be one that is kept, or the end."""
        return [self._entries[each] for each in range(serial, min(serial + most, self.end))]
