"""Who falls due when: derived from the rows, rebuilt after recovery, never the truth."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

#: Width of a bucket, in milliseconds: that of a tick, so that few members are looked at before their time.
MINUTE_MS = 60_000
#: How many minutes ahead members are indexed: two days.
_AHEAD = 2 * 1440
#: Ticks that lie further apart than this, in minutes, are those of imported history: one a day as a rule.
_APART = 720
#: So many times as far is indexed then, or every second tick would look at everybody.
_FURTHER = 8


class DueIndex:
    """Members by the minute of their next due instant (epoch ms): the keys of those who are due soon, a count of all.

    A set per minute costs 45 bytes a member, and 50 more for a key that is nobody else's. Timers lie 30 to 60 days
    ahead as a rule, so the keys of a twentieth are kept, up to a horizon. A tick that reaches the horizon looks at
    every row once and takes in the next two days, at 0.3 microseconds a member; with that, the index costs 2 to 5 bytes
    a member instead of 95, and moving a far timer touches two counts instead of two sets.
    """

    def __init__(self, ahead: int = _AHEAD) -> None:
        """``ahead`` is in minutes."""
        self._ahead = ahead
        self._horizon = ahead
        self._last = 0
        self._step = 0
        self._near: dict[int, set[bytes]] = {}
        # Minutes of _near, and some that have left it: most timers lie on local midnights, so they are few.
        self._minutes: list[int] = []
        self._counts: dict[int, int] = {}

    def begin(self, at: int) -> None:
        """Index what is due soon after ``at``; only while the index is empty."""
        self._last = at // MINUTE_MS
        self._horizon = self._last + self._ahead

    def move(self, key: bytes, old: int, new: int) -> None:
        """A member's next due instant went from ``old`` to ``new`` (0: none)."""
        old_minute, new_minute = old // MINUTE_MS, new // MINUTE_MS
        counts = self._counts
        if old:
            if new and old_minute == new_minute:
                return
            left = counts[old_minute] - 1
            if left:
                counts[old_minute] = left
            else:
                del counts[old_minute]
            if old_minute < self._horizon:
                self._forget(key, old_minute)
        if new:
            counts[new_minute] = counts.get(new_minute, 0) + 1
            if new_minute < self._horizon:
                self._index(key, new_minute)

    def seen(self, key: bytes, due: int) -> None:
        """A member whose key came from :meth:`until`, and when they are due now."""
        minute = due // MINUTE_MS
        if due and minute < self._horizon:
            self._index(key, minute)

    def any_until(self, at: int) -> bool:
        """Whether some member may be due at ``at`` or before. To be asked at every tick."""
        minutes, last = self._minutes, at // MINUTE_MS
        self._step, self._last = last - self._last, last
        while minutes and minutes[0] not in self._near:
            heappop(minutes)
        if minutes and minutes[0] <= last:
            return True
        return last >= self._horizon and any(minute <= last for minute in self._counts)

    def until(self, at: int, everybody: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
        """Keys of every bucket up to the one of ``at``, oldest first; the last bucket also holds members due a little
        later. At the horizon the keys of ``everybody``.

        Whoever takes a key says by :meth:`seen` when that member is due. Members may be moved while this runs. Only one
        may run at a time, and it has to be run to its end.
        """
        last = at // MINUTE_MS
        if last >= self._horizon:
            before = self._horizon
            self._horizon = last + self._ahead * (_FURTHER if self._step > _APART else 1)
            if any(before <= minute < self._horizon for minute in self._counts):
                yield from everybody()
        left: set[int] = set()
        while self._minutes and self._minutes[0] <= last:
            minute = heappop(self._minutes)
            bucket = self._near.get(minute)
            if bucket is not None and minute not in left:
                left.add(minute)
                yield from list(bucket)
        for minute in left:
            if minute in self._near:
                heappush(self._minutes, minute)

    def counts(self, width: int) -> list[tuple[int, int]]:
        """(start in epoch ms, members due) per span of ``width`` ms that has any, ascending."""
        spans: dict[int, int] = {}
        for minute, members in self._counts.items():
            span = minute * MINUTE_MS // width * width
            spans[span] = spans.get(span, 0) + members
        return sorted(spans.items())

    def _index(self, key: bytes, minute: int) -> None:
        bucket = self._near.get(minute)
        if bucket is None:
            self._near[minute] = {key}
            heappush(self._minutes, minute)
        else:
            bucket.add(key)

    def _forget(self, key: bytes, minute: int) -> None:
        # Not there: the horizon came to include it, and the look at every row has not got to it yet.
        bucket = self._near.get(minute)
        if bucket is not None:
            bucket.discard(key)
            if not bucket:
                del self._near[minute]
