"""Every silence after a purchase day: how long it lasted, and when a boundary would have called the member quiet.

A **silence** begins at the start of a local day with a purchase and ends with the first purchase of a later day, or not
at all. A boundary of so many seconds tells an alert when it is reached before that purchase, as the scorer's timer
would (see :mod:`scoring.rhythm`), and at most one alert per silence. Time is taken to pass without pause.
"""

from typing import Final, NamedTuple

from scoring.rhythm import MOST_GAPS, QuietCalendar, age_at, boundary_instant, gaps, twice_median
from scoring.vocabulary import DAY_MS
from streams.backtest.purchases import Shop

#: Days of 24 hours after an alert in which a member who buys nothing stayed away: the alert was right.
JUDGED_DAYS: Final = 90
#: Stands for "no purchase followed". Later than every instant in use.
NEVER: Final = 1 << 62


class Silence(NamedTuple):
    """One silence. ``member`` is an index, ``last_day`` a local day, ``next_at`` epoch ms or ``NEVER``.

    ``judged_age`` is the longest boundary in seconds whose alert came 90 days before the end of the data or earlier, so
    that it can be judged; ``right_age`` the longest whose alert was right besides, and ``told_age`` the longest whose
    alert came before the end. ``gap_count`` and ``twice_median`` are what the rhythm knew of the member then.
    """

    member: int
    last_day: int
    next_at: int
    judged_age: int
    right_age: int
    told_age: int
    gap_count: int
    twice_median: int


class Alert(NamedTuple):
    """An alert that can be judged. ``at`` is epoch ms; ``away_ms`` how long the member still stayed away."""

    member: int
    at: int
    last_day: int
    away_ms: int


def silences_of(shop: Shop, quiet: QuietCalendar) -> list[Silence]:
    """All silences, member after member, each member's in order of time."""
    cut = shop.end - JUDGED_DAYS * DAY_MS
    zone = shop.zone
    found = []
    for member, bought in enumerate(shop.members):
        days = [day for day, _ in bought]
        for place, day in enumerate(days):
            next_at = bought[place + 1][1] if place + 1 < len(bought) else NEVER
            known = gaps(days[max(0, place - MOST_GAPS) : place + 1], quiet)
            # A purchase at the very instant of a boundary comes first: ticks follow the purchases before them.
            found.append(
                Silence(
                    member=member,
                    last_day=day,
                    next_at=next_at,
                    judged_age=age_at(zone, day, min(next_at - 1, cut), quiet),
                    right_age=age_at(zone, day, min(next_at - JUDGED_DAYS * DAY_MS, cut), quiet),
                    told_age=age_at(zone, day, min(next_at - 1, shop.end), quiet),
                    gap_count=len(known),
                    twice_median=twice_median(known),
                )
            )
    return found


class Replay:
    """A shop's silences under boundaries that are ``bases[i]`` seconds times a multiple in thousandths, floored."""

    def __init__(self, shop: Shop, silences: list[Silence], bases: list[int], quiet: QuietCalendar) -> None:
        self._zone = shop.zone
        self._quiet = quiet
        self._silences = silences
        self._bases = bases
        self._right_ages = [each.right_age for each in silences]
        #: The largest multiple at which each silence still gives an alert that can be judged, largest first:
        #: base * multiple // 1000 <= age.
        self._largest = sorted(
            ((1000 * (each.judged_age + 1) - 1) // base for each, base in zip(silences, bases, strict=True)),
            reverse=True,
        )

    @property
    def largest(self) -> int:
        """The largest multiple with an alert that can be judged; 0 when there is none."""
        return max(self._largest[0], 0) if self._largest else 0

    def volume(self, multiple: int) -> int:
        """How many alerts that can be judged a multiple gives; fewer for larger ones."""
        low, high = 0, len(self._largest)
        while low < high:
            middle = (low + high) // 2
            if self._largest[middle] >= multiple:
                low = middle + 1
            else:
                high = middle
        return low

    def multiple_for(self, volume: int) -> int:
        """The multiple, 1 or more, that gives so many alerts, or as near to it as silences of one length allow."""
        if not self._largest:
            return 1
        enough = max(self._largest[min(max(volume, 1), len(self._largest)) - 1], 1)
        over, under = self.volume(enough) - volume, volume - self.volume(enough + 1)
        return enough if over <= under else enough + 1

    def mean_boundary(self, multiple: int) -> float | None:
        """The mean boundary in seconds over the alerts that were right; None without one."""
        count = total = 0
        for age, base in zip(self._right_ages, self._bases, strict=True):
            seconds = base * multiple // 1000
            if seconds <= age:
                count += 1
                total += seconds
        return total / count if count else None

    def multiple_for_warning(self, mean: float) -> int:
        """The multiple whose right alerts come as many seconds after the purchase, on average, or as near as it gets.

        The mean grows with the multiple: the range is halved.
        """
        low, high = 1, self.largest + 1
        while high - low > 1:
            middle = (low + high) // 2
            found = self.mean_boundary(middle)
            if found is not None and found <= mean:
                low = middle
            else:
                high = middle
        return min((low, high), key=lambda multiple: abs((self.mean_boundary(multiple) or float("inf")) - mean))

    def alerts(self, multiple: int) -> list[Alert]:
        """The alerts that can be judged."""
        found = []
        for each, base in zip(self._silences, self._bases, strict=True):
            seconds = base * multiple // 1000
            if seconds <= each.judged_age:
                at = boundary_instant(self._zone, each.last_day, seconds, self._quiet)
                found.append(Alert(each.member, at, each.last_day, each.next_at - at))
        return found

    def too_late(self, multiple: int) -> int:
        """How many more alerts came in the last 90 days and cannot be judged yet."""
        return sum(
            each.judged_age < base * multiple // 1000 <= each.told_age
            for each, base in zip(self._silences, self._bases, strict=True)
        )
