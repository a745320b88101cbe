"""Intervals are as wide as chance makes them, and the same at every call."""

from math import sqrt
from random import Random

import pytest

from scoring.rhythm import Rhythm
from streams.backtest.comparing import Estimate
from streams.backtest.report import Question, Report, backtest
from streams.backtest.tallies import MOST_DRAWN, Judged, Resampling, sums_of
from streams.backtest.verdict import FEWEST_MEMBERS
from tests.streams.backtest.shops import a_shop


def lists_of(members: int, share: float, seed: int, alerts_each: int = 1) -> list[Judged]:
    chance = Random(seed)
    found = []
    for member in range(members):
        right = chance.random() < share
        found += [Judged(member, right, not right, not right, -5 if right else 7)] * alerts_each
    return found


@pytest.mark.parametrize(("members", "alerts_each"), [(400, 1), (400, 3), (3 * MOST_DRAWN, 1)])
def test_the_interval_of_a_share_is_that_of_so_many_members(members: int, alerts_each: int) -> None:
    alerts = lists_of(members, 0.7, 3, alerts_each)
    (drawn,) = Resampling(members, [alerts], 1).draw(600, lambda _: None)
    shares = sorted(each.right / each.alerts for each in drawn)
    spread = shares[584] - shares[15]
    # Members whose alerts all go the same way count once each, however many alerts they have.
    assert spread == pytest.approx(2 * 1.96 * sqrt(0.7 * 0.3 / members), rel=0.15)


def test_every_resample_adds_up_whole_members() -> None:
    alerts = lists_of(50, 0.5, 1, alerts_each=2)
    both = Resampling(50, [alerts, alerts[:20]], 1).draw(30, lambda _: None)
    for whole, part in zip(*both, strict=True):
        assert whole.alerts == 100
        assert whole.right + whole.back_30 == whole.alerts
        assert whole.lead == -5 * whole.right
        assert part.alerts % 2 == 0
        assert part.alerts <= whole.alerts
    assert len({part.alerts for part in both[1]}) > 1
    assert sums_of(alerts).lead == -5 * sums_of(alerts).right


def test_no_members_give_no_resamples() -> None:
    assert Resampling(0, [], 1).draw(10, lambda _: None) == []


def a_report(seed: int, members: int = 60) -> Report:
    chance = Random(5)
    shop = a_shop(*([chance.uniform(0, 300) for _ in range(6)] for _ in range(members)), end=500)
    return backtest(shop, Question(60, 90, (30,), (Rhythm(),), resamples=100, seed=seed), lambda _: None)


def test_the_same_seed_gives_the_same_report_and_another_seed_other_chance() -> None:
    assert a_report(1) == a_report(1)
    one, other = a_report(1), a_report(2)
    assert one.comparisons[0].lines[0].right != other.comparisons[0].lines[0].right
    assert one.comparisons[0].lines[0].alerts == other.comparisons[0].lines[0].alerts


def test_a_figure_lies_within_its_interval_and_a_stricter_one_is_wider() -> None:
    for comparison in a_report(1).comparisons:
        for line in comparison.lines:
            for found in (line.right, line.minus_fixed, line.lead_minus_fixed, line.lift_random):
                if isinstance(found, Estimate) and found.low is not None and found.high is not None:
                    assert found.low <= found.value <= found.high
            loose, strict = line.minus_fixed, line.minus_fixed_strict
            if loose is not None and strict is not None:
                assert (strict.low or 0) <= (loose.low or 0)
                assert (strict.high or 0) >= (loose.high or 0)


@pytest.mark.parametrize(("members", "little"), [(FEWEST_MEMBERS - 1, True), (FEWEST_MEMBERS, False)])
def test_a_recommendation_needs_thirty_members(members: int, little: bool) -> None:
    shop = a_shop(*([0.5] for _ in range(members)), end=300)
    found = backtest(shop, Question(60, 90, (), (Rhythm(),), resamples=20), lambda _: None).recommendation
    assert found.mode is None
    assert found.sentences[0].startswith("too little" if little else "no difference")
