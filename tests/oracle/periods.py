"""What counts towards a tier as of an instant: the windows, and whether they pass (docs/rules.md, 5.2 and 6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.orders import Order
from tests.oracle.policy import Level, Rules
from tests.oracle.pyramid import Cut, Cuts, test_of

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
    cuts: Cuts | None = None

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
        found = [o for o in self.counted(instant) if window.first <= o.day <= window.last]
        return len(found), sum(o.net for o in found)

    def counted(self, instant: int) -> list[Order]:
        """The kept orders that were there as of an instant, of any day."""
        if instant >= self.now:
            return list(self.kept)
        return [o for o in self.kept if self._was_there(o, instant)]

    def passes(self, test: Level | Cut, instant: int) -> bool:
        """Whether one of the candidates alone passes the test."""
        return any(test.is_met(*self.numbers(window, instant)) for window in self.windows(instant))

    def settled(self) -> "Judge":
        """The same question about the orders past their return window alone."""
        last = day_of(self.now, self.rules.zone) - self.rules.return_days
        return replace(self, kept=[o for o in self.kept if o.day <= last])

    def present_passes(self, test: Level | Cut, instant: int) -> bool:
        """Whether the present candidate alone does."""
        return test.is_met(*self.numbers(self.windows(instant)[0], instant))

    def test_of(self, rank: int, base: int) -> Level | Cut:
        """The test of a rank for a member whose base is ``base``."""
        return test_of(rank, base, self.rules, self.cuts)

    def standing(self, instant: int, base: int) -> int:
        """The highest rank whose test is passed, 0 if none."""
        ranks = range(len(self.rules.levels) - 1, 0, -1)
        return next((rank for rank in ranks if self.passes(self.test_of(rank, base), instant)), 0)

    def is_whole(self, instant: int) -> bool:
        """Whether the ledger of now still has all of the windows as of an instant."""
        first = self.windows(instant)[-1].first
        return first > day_of(self.now, self.rules.zone) - self.rules.horizon_days

    def year_start(self, years_on: int, instant: int) -> int:
        """The instant at which the year begins that is ``years_on`` after the one of an instant."""
        year = self._year_of(day_of(instant, self.rules.zone))
        return start_of_day(self._start_of_year(year + years_on), self.rules.zone)

    def _was_there(self, order: Order, instant: int) -> bool:
        """Of a sealed order only the day is known."""
        if order.is_sealed:
            return start_of_day(order.day, self.rules.zone) < instant
        assert order.placed_at is not None
        return order.placed_at <= instant

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
