"""Instants and local days: pure arithmetic over a table of a time zone's offset changes."""

from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import Final

from scoring.vocabulary import DAY_MS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = EPOCH.toordinal()
#: How many starts of days a zone remembers before it begins again: 27 years, about half a megabyte.
_REMEMBERED_STARTS: Final = 10_000


def instant_of(moment: datetime) -> int:
    """The aware ``moment`` as epoch milliseconds, cut off (floored) to the millisecond, before 1970 as well.

    A ``timedelta`` keeps seconds and microseconds non-negative, so that cutting its microseconds floors the whole;
    no float takes part.
    """
    since = moment - EPOCH
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def year_of(day: int, month: int, month_day: int) -> int:
    """The year, of those that begin on a day of the calendar, in which a local day lies; named by where it began.

    A year beginning on 29 February begins on 1 March where there is none.
    """
    year = date.fromordinal(day + _EPOCH_ORDINAL).year
    return year if day >= start_of_year(year, month, month_day) else year - 1


def start_of_year(year: int, month: int, month_day: int) -> int:
    """The local day on which such a year begins in a calendar year."""
    if month == 2 and month_day == 29 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0)):
        month, month_day = 3, 1
    return date(year, month, month_day).toordinal() - _EPOCH_ORDINAL


def month_and_day(day: int) -> tuple[int, int]:
    """The month and the day of the month of a local day."""
    found = date.fromordinal(day + _EPOCH_ORDINAL)
    return found.month, found.day


class Zone:
    """A time zone as a sorted table: from ``starts[i]`` (epoch ms) on, local time is UTC plus ``offsets[i]`` ms.

    ``starts[0]`` must lie before every instant in use. The table is built outside (reading the zone database is I/O).
    """

    def __init__(self, name: str, starts: list[int], offsets: list[int]) -> None:
        self.name = name
        self._starts = starts
        self._offsets = offsets
        # The span of the offset used last: consecutive events fall into it nearly always.
        self._from = 0
        self._until = 0
        self._offset = 0
        #: What :meth:`start_of_day` has found. Timers ask for the same few hundred days again and again.
        self.day_starts: dict[int, int] = {}
        #: The day turned to last, or a part of it without a change of offset, for who asks about many instants of one
        #: day: the instants from ``begins`` until before ``ends`` are of the local day ``day``.
        self.begins = 0
        self.ends = 0
        self.day = 0

    def offset_at(self, instant: int) -> int:
        """Local time minus UTC at ``instant``, in milliseconds."""
        if self._from <= instant < self._until:
            return self._offset
        index = max(bisect_right(self._starts, instant) - 1, 0)
        self._from = self._starts[index]
        self._until = self._starts[index + 1] if index + 1 < len(self._starts) else 1 << 62
        self._offset = self._offsets[index]
        return self._offset

    def day_of(self, instant: int) -> int:
        """The local day of ``instant``, counted from 1970-01-01."""
        if self._from <= instant < self._until:
            return (instant + self._offset) // DAY_MS
        return (instant + self.offset_at(instant)) // DAY_MS

    def turn_to(self, instant: int) -> int:
        """The local day of ``instant``, kept for the next ones in ``begins``, ``ends`` and ``day``."""
        offset = self.offset_at(instant)
        day = (instant + offset) // DAY_MS
        begins = day * DAY_MS - offset
        self.begins = max(begins, self._from)
        self.ends = min(begins + DAY_MS, self._until)
        self.day = day
        return day

    def start_of_day(self, day: int) -> int:
        """The first instant whose local day is ``day`` or later (a skipped midnight starts at the gap's end)."""
        known = self.day_starts.get(day)
        if known is not None:
            return known
        if len(self.day_starts) >= _REMEMBERED_STARTS:
            self.day_starts.clear()
        start = self._find_start(day)
        self.day_starts[day] = start
        return start

    def _find_start(self, day: int) -> int:
        local_midnight = day * DAY_MS
        before, after = self.offset_at(local_midnight - DAY_MS), self.offset_at(local_midnight + DAY_MS)
        earliest = local_midnight - max(before, after)
        if self.day_of(earliest) >= day and self.day_of(earliest - 1) < day:
            return earliest
        index = bisect_right(self._starts, earliest)
        candidates = [local_midnight - offset for offset in self._offsets[max(index - 1, 0) : index + 2]]
        candidates += self._starts[max(index - 1, 0) : index + 2]
        return min(c for c in candidates if self.day_of(c) >= day and self.day_of(c - 1) < day)
