"""How quiet a member is: purchase days, boundaries and stages (docs/rules.md, 4.6 and 7)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.oracle.calendar import start_of_day
from tests.oracle.policy import QUIET_STAGES, Rules

_DAY_S = 86_400
#: So many purchase days are looked at.
REMEMBERED = 12


@cache
def open_days(first: int, last: int, quiet_days: frozenset[int]) -> int:
    """How many days after ``first``, up to and with ``last``, are not quiet."""
    return sum(1 for day in range(first + 1, last + 1) if day not in quiet_days)


@cache
def day_after(first: int, wanted: int, quiet_days: frozenset[int]) -> int:
    """The first day by which ``wanted`` open days have passed since ``first``."""
    day = first
    while wanted > 0:
        day += 1
        if day not in quiet_days:
            wanted -= 1
    return day


@dataclass(frozen=True)
class Habit:
    """``days`` are the distinct purchase days ever, rising; at least one."""

    days: tuple[int, ...]
    rules: Rules

    @property
    def last_day(self) -> int:
        return self.days[-1]

    @property
    def gaps(self) -> list[int]:
        """Open days between neighbours of the latest twelve, oldest first."""
        latest = self.days[-REMEMBERED:]
        return [open_days(a, b, self.rules.quiet_days) for a, b in itertools.pairwise(latest)]

    @property
    def expected_gap_s(self) -> int:
        """How long this member is expected to be away, in seconds."""
        rhythm, gaps = self.rules.rhythm, sorted(self.gaps)
        k = len(gaps)
        doubled_median = gaps[(k + 1) // 2 - 1] + gaps[(k + 2) // 2 - 1] if k else 0
        g = (rhythm.weight * rhythm.typical_gap_days * _DAY_S + k * doubled_median * (_DAY_S // 2)) // (
            rhythm.weight + k
        )
        return min(max(g, rhythm.floor_days * _DAY_S), rhythm.ceiling_days * _DAY_S)

    def boundary(self, stage: str) -> int:
        """The instant at which a quiet stage begins."""
        zone, quiet = self.rules.zone, self.rules.quiet_days
        if not self.rules.is_rhythm:
            return start_of_day(day_after(self.last_day, self.rules.stage_days[stage], quiet), zone)
        days, rest_s = divmod(self.expected_gap_s * self.rules.rhythm.percents[stage] // 100, _DAY_S)
        day = day_after(self.last_day, days, quiet)
        return min(start_of_day(day, zone) + 1000 * rest_s, start_of_day(day + 1, zone))

    def quiet_days_until(self, day: int) -> int:
        """How many days since the last purchase day were quiet."""
        return day - self.last_day - open_days(self.last_day, day, self.rules.quiet_days)

    def stage(self, instant: int, delay_ms: int = 0) -> str:
        """The stage, or with a delay the one that is told."""
        for stage, _ in QUIET_STAGES:
            if instant >= self.boundary(stage) + delay_ms:
                return stage
        return "new" if len(self.days) == 1 else "active"

    def timers(self) -> list[tuple[int, int]]:
        """Timers 1 and 3: every boundary, and every boundary held back."""
        reached = [self.boundary(stage) for stage, _ in QUIET_STAGES]
        told = [(3, instant + self.rules.lateness_ms) for instant in reached if self.rules.lateness_ms]
        return [*((1, instant) for instant in reached), *told]


def habit_of(days: Sequence[int], rules: Rules) -> Habit | None:
    """The habit behind these purchase days, None without any."""
    return Habit(tuple(sorted(set(days))), rules) if days else None
