"""Modes side by side, calibrated to the same number of alerts or to the same warning, each figure with its interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final

from streams.backtest.modes import FIXED, RANDOM, Mode
from streams.backtest.tallies import Judged, Sums

_DAY_S: Final = 86_400
_LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval from resampling members; both ends are None when nothing could be resampled."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One mode in a comparison. Shares are fractions of ``alerts``; lead times are days; None where there is no figure.

    ``multiple`` is in thousandths of a day (fixed) or of the typical gap (rhythm). ``too_late`` counts further alerts
    of the last 90 days. ``right`` stayed away 90 days, ``back_30`` and ``back_60`` bought by themselves within so many.
    ``lead`` is the mean and ``lead_median`` the median over right alerts. ``minus_fixed`` is the difference of
    ``right``, at 95 % and at the ``strict`` level of the recommendation; the lifts are ratios of ``right``.
    """

    mode: str
    weight: int
    label: str
    setting: str
    multiple: int
    alerts: int
    too_late: int
    right: Estimate | None
    back_30: Estimate | None
    back_60: Estimate | None
    lead: Estimate | None
    lead_median: float | None
    minus_fixed: Estimate | None
    minus_fixed_strict: Estimate | None
    lead_minus_fixed: Estimate | None
    lift_fixed: Estimate | None
    lift_random: Estimate | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Lines of the same ``by`` ("alerts" or "warning"); ``anchor`` says whose setting gave it."""

    by: str
    anchor: str
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Entrant:
    """A mode with the multiple that it competes with, its alerts, and their sums in each resample."""

    mode: Mode
    multiple: int
    alerts: list[Judged]
    sums: Sums
    resampled: list[Sums]


def right(sums: Sums) -> float | None:
    """The share of alerts whose member stayed away."""
    return sums.right / sums.alerts if sums.alerts else None


def _back_30(sums: Sums) -> float | None:
    return sums.back_30 / sums.alerts if sums.alerts else None


def _back_60(sums: Sums) -> float | None:
    return sums.back_60 / sums.alerts if sums.alerts else None


def lead_days(sums: Sums) -> float | None:
    """The mean lead time of right alerts."""
    return sums.lead / sums.right / _DAY_S if sums.right else None


def _difference(one: float, other: float) -> float | None:
    return one - other


def _ratio(one: float, other: float) -> float | None:
    return one / other if other else None


def lines_of(entrants: Sequence[Entrant], looks: int) -> tuple[Line, ...]:
    """The finished lines. ``looks`` is among how many differences the recommendation picks: its intervals are that
    much stricter (Bonferroni).
    """
    fixed = next(each for each in entrants if each.mode.name == FIXED)
    chance = next(each for each in entrants if each.mode.name == RANDOM)
    return tuple(_line(each, fixed, chance, looks) for each in entrants)


def _line(one: Entrant, fixed: Entrant, chance: Entrant, looks: int) -> Line:
    other = None if one is fixed else fixed
    strict = 1 - (1 - _LEVEL) / looks
    leads = [each.lead / _DAY_S for each in one.alerts if each.right]
    return Line(
        mode=one.mode.name,
        weight=one.mode.weight,
        label=one.mode.label,
        setting=one.mode.setting(one.multiple),
        multiple=one.multiple,
        alerts=one.sums.alerts,
        too_late=one.mode.replay.too_late(one.multiple),
        right=_single(one, right),
        back_30=_single(one, _back_30),
        back_60=_single(one, _back_60),
        lead=_single(one, lead_days),
        lead_median=median(leads) if leads else None,
        minus_fixed=_paired(one, other, right, _difference),
        minus_fixed_strict=_paired(one, other, right, _difference, strict),
        lead_minus_fixed=_paired(one, other, lead_days, _difference),
        lift_fixed=_paired(one, other, right, _ratio),
        lift_random=None if one is chance else _paired(one, chance, right, _ratio),
    )


def _single(one: Entrant, figure: Callable[[Sums], float | None]) -> Estimate | None:
    return _estimate(figure(one.sums), [figure(sums) for sums in one.resampled], _LEVEL)


def _paired(
    one: Entrant,
    other: Entrant | None,
    figure: Callable[[Sums], float | None],
    combine: Callable[[float, float], float | None],
    level: float = _LEVEL,
) -> Estimate | None:
    if other is None:
        return None

    def both(mine: Sums, theirs: Sums) -> float | None:
        a, b = figure(mine), figure(theirs)
        return None if a is None or b is None else combine(a, b)

    resampled = [both(mine, theirs) for mine, theirs in zip(one.resampled, other.resampled, strict=True)]
    return _estimate(both(one.sums, other.sums), resampled, level)


def _estimate(value: float | None, resampled: Sequence[float | None], level: float) -> Estimate | None:
    """Percentile interval; a resample in which the figure does not exist counts for nothing."""
    if value is None:
        return None
    known = sorted(each for each in resampled if each is not None)
    if not known:
        return Estimate(value, None, None)
    tail = (1 - level) / 2
    low = int(tail * len(known))
    high = ceil((1 - tail) * len(known)) - 1
    return Estimate(value, known[low], known[high])
