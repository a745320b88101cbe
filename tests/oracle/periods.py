"""What counts towards a tier as of an instant: the windows, and whether they pass (docs/rules.md, 5.2 and 6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.orders import Order
from tests.oracle.policy import Level, Rules

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Window:
    """Local days, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class Judge:
    """A member's kept orders at the instant ``now`` of an evaluation, asked about any instant."""

    now: int
    kept: Sequence[Order]
    joined_at: int
    rules: Rules

    def windows(self, instant: int) -> list[Window]:
        """The candidates, present one first."""
        today = day_of(instant, self.rules.zone)
        if self.rules.window == "rolling":
            return [Window(today - self.rules.tier_days + 1, today)]
        year = self._year_of(today)
        starts = [self._start_of_year(year + k) for k in (-1, 0, 1)]
        return [Window(starts[1], starts[2] - 1), Window(starts[0], starts[1] - 1)]

    def numbers(self, window: Window, instant: int) -> tuple[int, int]:
        """Orders and their net as of an instant."""
        found = [o for o in self.kept if window.first <= o.day <= window.last and _placed_at(o) <= instant]
        return len(found), sum(o.net for o in found)

    def passes(self, level: Level, instant: int) -> bool:
        """Whether one of the candidates alone passes the test."""
        return any(level.is_met(*self.numbers(window, instant)) for window in self.windows(instant))

    def present_passes(self, level: Level, instant: int) -> bool:
        """Whether the present candidate alone does."""
        return level.is_met(*self.numbers(self.windows(instant)[0], instant))

    def standing(self, instant: int) -> int:
        """The highest rank whose test is passed, 0 if none."""
        ranks = range(len(self.rules.levels) - 1, 0, -1)
        return next((rank for rank in ranks if self.passes(self.rules.levels[rank], instant)), 0)

    def is_whole(self, instant: int) -> bool:
        """Whether the ledger of now still has all of the windows as of an instant."""
        first = self.windows(instant)[-1].first
        return first > day_of(self.now, self.rules.zone) - self.rules.horizon_days

    def year_start(self, years_on: int) -> int:
        """The instant at which the year begins that is ``years_on`` after the present one."""
        year = self._year_of(day_of(self.now, self.rules.zone))
        return start_of_day(self._start_of_year(year + years_on), self.rules.zone)

    def _year_of(self, day: int) -> int:
        year = date.fromordinal(day + _EPOCH_ORDINAL).year
        return year if self._start_of_year(year) <= day else year - 1

    def _start_of_year(self, year: int) -> int:
        """The first day of the year that begins within the calendar year ``year``."""
        month, day = 1, 1
        if self.rules.window == "membership_year":
            joined = date.fromordinal(day_of(self.joined_at, self.rules.zone) + _EPOCH_ORDINAL)
            month, day = joined.month, joined.day
        try:
            return date(year, month, day).toordinal() - _EPOCH_ORDINAL
        except ValueError:
            return date(year, 3, 1).toordinal() - _EPOCH_ORDINAL


def _placed_at(order: Order) -> int:
    assert order.placed_at is not None
    return order.placed_at
