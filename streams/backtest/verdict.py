"""Which mode serves the shop? One sentence, and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.backtest.comparing import Comparison, Estimate, Line
from streams.backtest.modes import FIXED, RHYTHM

#: Under so many members with an alert that can be judged nothing is recommended.
FEWEST_MEMBERS: Final = 30
#: A smaller difference of shares does not matter to a shop, however sure it is.
MARGIN: Final = 0.01


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``mode`` is "fixed" or "rhythm", None when the log shows no difference or too little.

    ``setting`` is what to set: the policy's days, or a weight with the multiples that give as many alerts and as much
    warning as those. ``sentences`` say it in words, the verdict first.
    """

    mode: str | None
    setting: str | None
    sentences: tuple[str, ...]


def recommend(comparisons: Sequence[Comparison], deciding: int, looks: int) -> Recommendation:
    """Compare the best rhythm with fixed days, at equal alerts and at equal warning.

    A view speaks for a mode when the strict interval of the difference lies on its side of zero and the difference is
    a point or more. The mode that more views speak for is recommended.
    """
    if not comparisons:
        return Recommendation(None, None, ("no alert can be judged in this log: nothing to compare",))
    if deciding < FEWEST_MEMBERS:
        sentence = (
            f"too little to tell: {deciding} members had an alert that can be judged; "
            f"{FEWEST_MEMBERS} are the least for a recommendation"
        )
        return Recommendation(None, None, (sentence,))
    volume = comparisons[0]
    warning = next((each for each in comparisons if each.by == "warning"), None)
    views = [each for each in (volume, warning) if each is not None]
    weights = [line.weight for line in volume.lines if line.mode == RHYTHM]
    if not weights:
        return Recommendation(None, None, ("only fixed days were asked for: nothing to compare",))
    best = max(weights, key=lambda weight: sum(_gain(_rhythm(view, weight)) for view in views))
    signs = [_sign(_rhythm(view, best).minus_fixed_strict) for view in views]
    return _in_words(volume, warning, best, signs, looks)


def _in_words(
    volume: Comparison, warning: Comparison | None, weight: int, signs: Sequence[int], looks: int
) -> Recommendation:
    fixed, rhythm = _fixed(volume), _rhythm(volume, weight)
    basis = [_at_equal_alerts(fixed, rhythm, looks)]
    if warning is not None:
        basis.append(_at_equal_warning(_fixed(warning), _rhythm(warning, weight), looks))
    names = (f"fixed {fixed.setting}", f"rhythm (weight {weight})")
    total = sum(signs)
    if total:
        winner, loser = (names[1], names[0]) if total > 0 else names
        setting = _setting(rhythm, warning) if total > 0 else fixed.setting
        verdict = f"{winner} serves this shop better than {loser}"
        return Recommendation(RHYTHM if total > 0 else FIXED, setting, (verdict, *basis))
    if any(signs):
        verdict = f"{names[0]} and {names[1]} are good at different things in this shop: choose by what matters to you"
    else:
        verdict = f"no difference between {names[0]} and {names[1]} that this log can show"
    return Recommendation(None, None, (verdict, *basis))


def _setting(rhythm: Line, warning: Comparison | None) -> str:
    text = f"weight {rhythm.weight}, near churn at {rhythm.setting} for as many alerts"
    if warning is None:
        return text
    return f"{text}, or at {_rhythm(warning, rhythm.weight).setting} for as much warning"


def _at_equal_alerts(fixed: Line, rhythm: Line, looks: int) -> str:
    sentence = (
        f"at about as many alerts ({fixed.alerts:,} and {rhythm.alerts:,}, {fixed.setting} and {rhythm.setting}), "
        f"{_share(fixed)} and {_share(rhythm)} were right {_points(rhythm, looks)}"
    )
    earlier = rhythm.lead_minus_fixed
    if earlier is None or earlier.low is None or earlier.high is None:
        return sentence
    word = "earlier" if earlier.value >= 0 else "later"
    low, high = sorted((abs(earlier.low), abs(earlier.high))) if earlier.low * earlier.high >= 0 else (None, None)
    if low is None or high is None:
        return f"{sentence}; right alerts came about as early"
    return (
        f"{sentence}; the rhythm's right alerts came {abs(earlier.value):.1f} days {word} "
        f"(95 % interval {low:.1f} to {high:.1f})"
    )


def _at_equal_warning(fixed: Line, rhythm: Line, looks: int) -> str:
    return (
        f"with the same mean warning before the lapse ({_days(fixed)} and {_days(rhythm)} days), "
        f"fixed {fixed.setting} gave {fixed.alerts:,} alerts, {_share(fixed)} of them right, and the rhythm at "
        f"{rhythm.setting} {rhythm.alerts:,}, {_share(rhythm)} right {_points(rhythm, looks)}"
    )


def _points(rhythm: Line, looks: int) -> str:
    found = rhythm.minus_fixed_strict
    if found is None or found.low is None or found.high is None:
        return "(no interval)"
    level = 100 - 5 / looks
    return (
        f"(rhythm minus fixed: {100 * found.value:+.1f} points, {level:.4g} % interval "
        f"{100 * found.low:+.1f} to {100 * found.high:+.1f})"
    )


def _share(line: Line) -> str:
    return "none" if line.right is None else f"{100 * line.right.value:.1f} %"


def _days(line: Line) -> str:
    return "no" if line.lead is None else f"{line.lead.value:.1f}"


def _fixed(comparison: Comparison) -> Line:
    return next(line for line in comparison.lines if line.mode == FIXED)


def _rhythm(comparison: Comparison, weight: int) -> Line:
    return next(line for line in comparison.lines if line.mode == RHYTHM and line.weight == weight)


def _gain(line: Line) -> float:
    return 0.0 if line.minus_fixed is None else line.minus_fixed.value


def _sign(difference: Estimate | None) -> int:
    if difference is None or difference.low is None or difference.high is None or abs(difference.value) < MARGIN:
        return 0
    return 1 if difference.low > 0 else -1 if difference.high < 0 else 0
