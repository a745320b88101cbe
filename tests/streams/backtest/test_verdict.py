"""When a mode is recommended, and in which words."""

from dataclasses import replace

import pytest

from streams.backtest.comparing import Comparison, Estimate, Line
from streams.backtest.verdict import recommend

ENOUGH = 30
#: Differences of shares (rhythm minus fixed) with their strict intervals.
BETTER, WORSE = Estimate(0.06, 0.04, 0.08), Estimate(-0.06, -0.08, -0.04)
UNSURE, SMALL = Estimate(0.06, -0.01, 0.13), Estimate(0.009, 0.008, 0.0095)


def a_line(mode: str, weight: int = 0, difference: Estimate | None = None) -> Line:
    share = Estimate(0.7 + (0 if difference is None else difference.value), 0.6, 0.8)
    lead = Estimate(30.0, 29.0, 31.0)
    return Line(
        mode=mode,
        weight=weight,
        label=mode,
        setting="60 days" if mode == "fixed" else "1.700 g",
        multiple=60_000,
        alerts=1000,
        too_late=0,
        right=share,
        back_30=share,
        back_60=share,
        lead=lead,
        lead_median=30.0,
        minus_fixed=difference,
        minus_fixed_strict=difference,
        lead_minus_fixed=None if difference is None else Estimate(-4.0, -5.0, -3.0),
        lift_fixed=None,
        lift_random=None,
    )


def views(alerts: Estimate, warning: Estimate) -> list[Comparison]:
    fixed, chance = a_line("fixed"), a_line("random")
    return [
        Comparison(by, "fixed 60 days", (fixed, a_line("rhythm", 5, difference), chance))
        for by, difference in (("alerts", alerts), ("warning", warning))
    ]


@pytest.mark.parametrize(
    ("alerts", "warning", "mode", "words"),
    [
        (BETTER, BETTER, "rhythm", "rhythm (weight 5) serves this shop better than fixed 60 days"),
        (SMALL, BETTER, "rhythm", "rhythm (weight 5) serves this shop better than fixed 60 days"),
        (BETTER, UNSURE, "rhythm", "rhythm (weight 5) serves this shop better than fixed 60 days"),
        (WORSE, WORSE, "fixed", "fixed 60 days serves this shop better than rhythm (weight 5)"),
        (WORSE, SMALL, "fixed", "fixed 60 days serves this shop better than rhythm (weight 5)"),
        (SMALL, UNSURE, None, "no difference between fixed 60 days and rhythm (weight 5) that this log can show"),
        (BETTER, WORSE, None, "fixed 60 days and rhythm (weight 5) are good at different things in this shop"),
    ],
)
def test_what_the_views_agree_on_is_recommended(
    alerts: Estimate, warning: Estimate, mode: str | None, words: str
) -> None:
    found = recommend(views(alerts, warning), ENOUGH, 2)
    assert found.mode == mode
    assert found.sentences[0].startswith(words)
    assert (found.setting is None) == (mode is None)


def test_the_sentences_have_the_figures() -> None:
    found = recommend(views(WORSE, WORSE), ENOUGH, 2)
    assert found.sentences[1] == (
        "at about as many alerts (1,000 and 1,000, 60 days and 1.700 g), 70.0 % and 64.0 % were right "
        "(rhythm minus fixed: -6.0 points, 97.5 % interval -8.0 to -4.0); "
        "the rhythm's right alerts came 4.0 days later (95 % interval 3.0 to 5.0)"
    )


def test_the_best_of_several_rhythms_stands_for_them() -> None:
    both = [
        replace(each, lines=(each.lines[0], a_line("rhythm", 5, WORSE), a_line("rhythm", 2, BETTER), each.lines[2]))
        for each in views(WORSE, WORSE)
    ]
    found = recommend(both, ENOUGH, 4)
    assert found.mode == "rhythm"
    assert found.setting == "weight 2, near churn at 1.700 g for as many alerts, or at 1.700 g for as much warning"


def test_fixed_days_alone_are_compared_with_nothing() -> None:
    only = [replace(each, lines=(each.lines[0], each.lines[2])) for each in views(WORSE, WORSE)]
    assert recommend(only, ENOUGH, 1).mode is None
