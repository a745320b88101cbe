"""How long a member usually stays away, and when that makes them quiet: lifecycle boundaries by a member's own rhythm.

Days are local days of the policy's time zone, counted from 1970-01-01; lengths of time are whole seconds; instants are
epoch milliseconds. Integers only: every division is exact until it is floored, once, to a second.

A **quiet day** is one on which nobody is expected to buy (closed season, holidays); every other day is **open**. The
open days *between* a and b are those d with a < d <= b. So a gap and an age count the open days since a purchase, the
day of the purchase left out, today included, and both are plain differences of days where no day is quiet.

    age in days on day D, last purchase on day L   =  D - L - quiet days d with L < d <= D
    boundary of B = 86,400 q + r seconds (r < 86,400):  the q-th open day after L (L itself for q = 0), r seconds
                                                        after its start; or the start of the next day, should that
                                                        one be so short that it comes first

No boundary falls on a quiet day: nobody is called quiet while the shop is closed. For whole days (r = 0) the boundary
is the start of the first day whose age is q, as for boundaries by fixed days.
"""

from bisect import bisect_right
from itertools import pairwise
from typing import Final

from scoring.calendar import Zone

#: Seconds of a day of boundaries and gaps. A local day that daylight saving shortens or prolongs counts as one day.
DAY_S: Final = 86_400
#: Of how many of the latest gaps the median is taken, at most.
MOST_GAPS: Final = 11


class QuietCalendar:
    """Days on which nobody is expected to buy, as intervals (first day, last day), both included.

    Intervals may come in any order, touch and overlap. Raises ValueError for one that ends before it begins.
    """

    def __init__(self, intervals: list[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(intervals):
            if last < first:
                raise ValueError(f"the quiet days {first} to {last} end before they begin")
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)
        #: How many days are quiet before the interval of the same index.
        self._before: list[int] = []
        total = 0
        for index, first in enumerate(self._firsts):
            self._before.append(total)
            total += self._lasts[index] - first + 1

    def is_quiet(self, day: int) -> bool:
        """Whether nobody is expected to buy on ``day``."""
        index = bisect_right(self._firsts, day) - 1
        return index >= 0 and day <= self._lasts[index]

    def quiet_days_between(self, after: int, upto: int) -> int:
        """How many days d with ``after`` < d <= ``upto`` are quiet; ``upto`` is not before ``after``."""
        if not self._firsts:
            return 0
        return self._quiet_upto(upto) - self._quiet_upto(after)

    def skip(self, day: int, days: int) -> int:
        """The ``days``-th open day after ``day``; ``day`` itself, quiet or not, for 0."""
        if days == 0 or not self._firsts:
            return day + days
        reached = day + days
        # From the interval that holds the day after ``day``, or the next one.
        index = max(bisect_right(self._firsts, day + 1) - 1, 0)
        while index < len(self._firsts):
            first = max(self._firsts[index], day + 1)
            if first > reached:
                break
            reached += max(self._lasts[index] - first + 1, 0)
            index += 1
        return reached

    def _quiet_upto(self, day: int) -> int:
        index = bisect_right(self._firsts, day) - 1
        if index < 0:
            return 0
        return self._before[index] + min(day, self._lasts[index]) - self._firsts[index] + 1


NO_QUIET_DAYS: Final = QuietCalendar([])


class Rhythm:
    """The settings of ``mode = rhythm`` (design, section 6).

    ``weight`` is how many gaps the shop's ``usual_gap`` counts as; a member's typical gap is kept between ``floor`` and
    ``ceiling``. These three are seconds. The four boundaries are multiples of the typical gap in thousandths, rising.

    Raises ValueError for settings that make no sense.
    """

    def __init__(
        self,
        weight: int = 5,
        usual_gap: int = 30 * DAY_S,
        floor: int = 21 * DAY_S,
        ceiling: int = 180 * DAY_S,
        near_churn: int = 1200,
        recently_lapsed: int = 1500,
        mid_lapsed: int = 3000,
        dormant: int = 6000,
    ) -> None:
        if weight < 0 or usual_gap <= 0:
            raise ValueError(f"weight {weight} must not be negative, usual_gap {usual_gap} s must be positive")
        if not 0 < floor <= ceiling:
            raise ValueError(f"floor {floor} s must be positive and not above ceiling {ceiling} s")
        if not 0 < near_churn < recently_lapsed < mid_lapsed < dormant:
            raise ValueError(
                f"the multiples must rise from above 0: {near_churn}, {recently_lapsed}, {mid_lapsed}, {dormant}"
            )
        self.weight = weight
        self.usual_gap = usual_gap
        self.floor = floor
        self.ceiling = ceiling
        self.near_churn = near_churn
        self.recently_lapsed = recently_lapsed
        self.mid_lapsed = mid_lapsed
        self.dormant = dormant


def gaps(purchase_days: list[int], quiet: QuietCalendar) -> list[int]:
    """The latest gaps, at most ``MOST_GAPS``, oldest first, in open days, between the distinct days of a list.

    The list need not be sorted. A gap is 0 when all its days were quiet. Empty for fewer than two distinct days.
    """
    if len(purchase_days) < 2:
        return []
    days = sorted(set(purchase_days))[-(MOST_GAPS + 1) :]
    return [day - before - quiet.quiet_days_between(before, day) for before, day in pairwise(days)]


def twice_median(found: list[int]) -> int:
    """Two times the median of some gaps, which is whole where the median of an even number is not; 0 for none."""
    if not found:
        return 0
    ordered = sorted(found)
    return ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]


def typical_gap(found: list[int], rhythm: Rhythm) -> int:
    """A member's typical gap in seconds, from the gaps of :func:`gaps` in days; the shop's, clamped, without any.

    (weight * usual_gap + k * median) / (weight + k) with k gaps, floored to a second, between floor and ceiling.
    """
    return blended_gap(len(found), twice_median(found), rhythm)


def blended_gap(count: int, twice: int, rhythm: Rhythm) -> int:
    """The same from the number of gaps and two times their median in days."""
    if count == 0:
        seconds = rhythm.usual_gap
    else:
        weight = rhythm.weight
        seconds = (2 * weight * rhythm.usual_gap + count * twice * DAY_S) // (2 * (weight + count))
    return max(rhythm.floor, min(seconds, rhythm.ceiling))


def boundaries(gap: int, rhythm: Rhythm) -> tuple[int, int, int, int]:
    """Near-churn, recently lapsed, mid lapsed and dormant in seconds, each floored, for a typical gap in seconds."""
    return (
        gap * rhythm.near_churn // 1000,
        gap * rhythm.recently_lapsed // 1000,
        gap * rhythm.mid_lapsed // 1000,
        gap * rhythm.dormant // 1000,
    )


def boundary_instant(zone: Zone, last_day: int, seconds: int, quiet: QuietCalendar) -> int:
    """The instant (epoch ms) of a boundary of so many ``seconds`` after the last purchase day; see the module's text.

    It never falls when ``seconds`` rise. ``seconds`` is not negative.
    """
    day = quiet.skip(last_day, seconds // DAY_S)
    rest = seconds % DAY_S
    if rest == 0:
        return zone.start_of_day(day)
    return min(zone.start_of_day(day) + rest * 1000, zone.start_of_day(day + 1))


def age_at(zone: Zone, last_day: int, instant: int, quiet: QuietCalendar) -> int:
    """The age in seconds at ``instant`` (epoch ms): the largest boundary reached by then; -1 before the last day.

    ``boundary_instant(zone, last_day, b, quiet) <= instant`` exactly when b <= this age. It stands still on a quiet
    day.
    """
    day = zone.day_of(instant)
    if day < last_day:
        return -1
    whole = day - last_day - quiet.quiet_days_between(last_day, day)
    if day > last_day and quiet.is_quiet(day):
        return whole * DAY_S + DAY_S - 1
    return whole * DAY_S + min((instant - zone.start_of_day(day)) // 1000, DAY_S - 1)
