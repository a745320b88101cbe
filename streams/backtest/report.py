"""The whole backtest of a shop: from its purchases to comparisons and a recommendation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from scoring.rhythm import DAY_S, NO_QUIET_DAYS, QuietCalendar, Rhythm
from streams.backtest.comparing import Comparison, Entrant, lines_of
from streams.backtest.modes import FIXED, Mode, modes_of
from streams.backtest.purchases import Shop
from streams.backtest.silences import silences_of
from streams.backtest.tallies import Advance, Judged, Resampling, judged, sums_of
from streams.backtest.verdict import Recommendation, recommend

#: A comparison is about as much work as so many resamples.
_PLAN_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare. Days are those of the policy; the first of ``rhythms`` is the one whose own volume is shown.

    ``other_days`` are further near-churn days whose volumes are compared at.
    """

    near_churn_days: int
    lapsed_days: int
    other_days: tuple[int, ...]
    rhythms: tuple[Rhythm, ...]
    resamples: int = 1000
    seed: int = 1
    quiet: QuietCalendar = NO_QUIET_DAYS


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found. ``usual_gap`` is the median of all gaps between purchase days in days, None without any.

    ``comparisons`` are, in this order: at the volume of the policy's fixed days, at equal warning, at the volume of the
    first rhythm's own multiple, at the volumes of the other days (the first rhythm alone). Those without a single alert
    are left out. ``deciding`` counts members with an alert that can be judged in the first of them.
    """

    members: int
    orders: int
    silences: int
    usual_gap: float | None
    end: int
    deciding: int
    resamples: int
    seed: int
    comparisons: tuple[Comparison, ...]
    recommendation: Recommendation


def backtest(shop: Shop, question: Question, advance: Advance) -> Report:
    """Replay a shop; ``advance`` is told of each of :func:`steps_of`.

    The same shop and question give the same report.
    """
    run = _Run(shop, question)
    plans: list[_Plan | None] = []
    for plan in _plans(run, question):
        plans.append(plan)
        advance(_PLAN_STEPS)
    settled = [plan for plan in plans if plan is not None]
    entrants = [entrant for _, _, each in settled for entrant in each]
    resampling = Resampling(len(shop.members), [entrant.alerts for entrant in entrants], question.seed)
    for entrant, sums in zip(entrants, resampling.draw(question.resamples, advance), strict=True):
        entrant.resampled = sums
    # Two views of every rhythm may decide.
    looks = max(2 * len(question.rhythms), 1)
    comparisons = tuple(Comparison(by, anchor, lines_of(each, looks)) for by, anchor, each in settled)
    deciding = len({alert.member for alert in entrants[0].alerts}) if plans[0] is not None else 0
    return Report(
        members=len(shop.members),
        orders=shop.orders,
        silences=len(run.silences),
        usual_gap=run.usual_gap(),
        end=shop.end,
        deciding=deciding,
        resamples=question.resamples,
        seed=question.seed,
        comparisons=comparisons,
        recommendation=recommend(comparisons, deciding, looks),
    )


def steps_of(question: Question) -> int:
    """How many steps a backtest has."""
    return _PLAN_STEPS * (2 + len(question.rhythms[:1]) + len(question.other_days)) + question.resamples


#: What a comparison is by, whose setting gave it, and who takes part.
_Plan = tuple[str, str, list[Entrant]]


def _plans(run: "_Run", question: Question) -> Iterator[_Plan | None]:
    anchor, multiple = f"fixed {question.near_churn_days} days", question.near_churn_days * 1000
    yield run.at_volume(anchor, run.fixed, multiple)
    yield run.at_warning(anchor, multiple)
    for mode, rhythm in zip(run.rhythms[:1], question.rhythms[:1], strict=True):
        yield run.own_volume(mode, rhythm)
    for days in question.other_days:
        yield run.at_volume(f"fixed {days} days", run.fixed, days * 1000, run.few)


class _Run:
    def __init__(self, shop: Shop, question: Question) -> None:
        self._shop = shop
        self._question = question
        self.silences = silences_of(shop, question.quiet)
        self.modes = modes_of(shop, self.silences, question.rhythms, question.quiet, question.seed)
        self.fixed = next(mode for mode in self.modes if mode.name == FIXED)
        self.rhythms = self.modes[1:-1]
        #: Fixed days, the first rhythm and chance.
        self.few = [self.fixed, *self.rhythms[:1], self.modes[-1]]

    def at_volume(
        self, anchor: str, leader: Mode, multiple: int, taking_part: Sequence[Mode] | None = None
    ) -> _Plan | None:
        """Every mode with the multiple that comes nearest to the leader's number of alerts; None when that is 0."""
        volume = leader.replay.volume(multiple)
        if volume == 0:
            return None
        entrants = [
            self._entrant(mode, multiple if mode is leader else mode.replay.multiple_for(volume))
            for mode in taking_part or self.modes
        ]
        return "alerts", anchor, entrants

    def own_volume(self, mode: Mode, rhythm: Rhythm) -> _Plan | None:
        """At the number of alerts that a rhythm gives as it is set."""
        return self.at_volume(f"{mode.label}, {mode.setting(rhythm.near_churn)}", mode, rhythm.near_churn)

    def at_warning(self, anchor: str, multiple: int) -> _Plan | None:
        """Every mode with the multiple that comes nearest to the mean lead time of fixed days; None without one."""
        wanted = self.fixed.replay.mean_boundary(multiple)
        if wanted is None:
            return None
        entrants = [
            self._entrant(mode, multiple if mode is self.fixed else mode.replay.multiple_for_warning(wanted))
            for mode in self.modes
        ]
        return "warning", anchor, entrants

    def usual_gap(self) -> float | None:
        """The median gap between the purchase days of all members."""
        days = [b[0] - a[0] for bought in self._shop.members for a, b in pairwise(bought)]
        return median(days) if days else None

    def _entrant(self, mode: Mode, multiple: int) -> Entrant:
        alerts = self._judged(mode, multiple)
        return Entrant(mode, multiple, alerts, sums_of(alerts), [])

    def _judged(self, mode: Mode, multiple: int) -> list[Judged]:
        question = self._question
        return judged(mode.replay.alerts(multiple), self._shop, question.lapsed_days * DAY_S, question.quiet)
