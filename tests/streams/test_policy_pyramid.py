"""Tiers by percentile and segments by the day's members: what a file says, what is published, what the rules get."""

import json
import tomllib
from typing import Any

import pytest

from streams.policy_diff import changes
from streams.policy_file import PolicyDocument, PolicyFileError, from_canonical, load


def a_policy(*percents: str, tiers: str = 'basis = "percentile"', more: str = "") -> PolicyDocument:
    """As many tiers as are given, the lowest first, each with its own keys."""
    levels = "".join(
        f'[[tiers.levels]]\nname = "T{number}"\n{f"frequency = {number}" if number else ""}\n{stated}\n'
        for number, stated in enumerate(percents)
    )
    text = f'version = 1\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[tiers]\n{tiers}\n{levels}\n{more}'
    return from_canonical(json.dumps(tomllib.loads(text)).encode())


def problems_of(*percents: str, **said: Any) -> list[str]:
    with pytest.raises(PolicyFileError) as refused:
        a_policy(*percents, **said)
    return [str(problem) for problem in refused.value.problems]


def both(enter: int, leave: int) -> str:
    return f"enter_percent = {enter}\nleave_percent = {leave}"


def test_four_tiers_are_the_best_five_twenty_and_sixty_percent() -> None:
    policy = a_policy("", "", "", "").to_policy()
    assert policy.by_percentile
    assert policy.needs_cuts
    assert not policy.plain
    assert [(tier.enter_percent, tier.leave_percent) for tier in policy.tiers] == [(0, 0), (60, 63), (20, 22), (5, 6)]


def test_four_tiers_may_state_some_percents_only() -> None:
    policy = a_policy("", "leave_percent = 70", "", "enter_percent = 4").to_policy()
    assert [(tier.enter_percent, tier.leave_percent) for tier in policy.tiers] == [(0, 0), (60, 70), (20, 22), (4, 6)]


def test_the_shipped_pyramid_states_what_four_tiers_have_by_default() -> None:
    said = [(tier.enter_percent, tier.leave_percent) for tier in load("pyramid").to_policy().tiers]
    assert said == [(tier.enter_percent, tier.leave_percent) for tier in a_policy("", "", "", "").to_policy().tiers]


def test_percents_are_published_even_when_they_are_defaults() -> None:
    tiers = a_policy("", "", "", "").content()["tiers"]
    assert tiers["basis"] == "percentile"
    assert [(level.get("enter_percent"), level.get("leave_percent")) for level in tiers["levels"]] == [
        (None, None),
        (60, 63),
        (20, 22),
        (5, 6),
    ]
    assert a_policy("", both(60, 63), both(20, 22), both(5, 6)).content_hash == a_policy("", "", "", "").content_hash


def test_a_policy_by_thresholds_publishes_nothing_of_percentiles() -> None:
    plain = a_policy("", "", tiers="")
    assert plain.content_hash == a_policy("", "", tiers='basis = "thresholds"').content_hash
    assert not {"basis"} & plain.content()["tiers"].keys()
    assert not plain.to_policy().needs_cuts


@pytest.mark.parametrize("count", [2, 3, 5])
def test_any_other_number_of_tiers_has_to_state_its_percents(count: int) -> None:
    told = problems_of(*[""] * count)
    assert told == [
        f"tiers.levels[{index}].{key}: is missing; it has a default for four tiers only"
        for index in range(1, count)
        for key in ("enter_percent", "leave_percent")
    ]


def test_one_tier_by_percentile_needs_no_percent() -> None:
    assert a_policy("").to_policy().tier_names == ["T0"]


@pytest.mark.parametrize(
    ("enter", "leave", "problem"),
    [
        (49, 50, ""),
        (48, 49, ""),
        (49, 49, "found 49 %; must be more than the 49 % of enter_percent"),
        (50, 49, "found 49 %; must be more than the 50 % of enter_percent"),
        (49, 51, ""),
        (49, 59, ""),
        (49, 60, 'found 60 %; must be less than the 60 % that enter the lower tier "T1"'),
        (49, 61, 'found 61 %; must be less than the 60 % that enter the lower tier "T1"'),
    ],
)
def test_a_higher_tier_is_for_fewer_members_margin_included(enter: int, leave: int, problem: str) -> None:
    levels = ("", both(60, 61), both(enter, leave))
    if problem:
        assert problems_of(*levels) == [f"tiers.levels[2].leave_percent: {problem}"]
    else:
        assert a_policy(*levels).to_policy().tiers[2].leave_percent == leave


@pytest.mark.parametrize("tier", [0, 1])
def test_percents_say_nothing_where_thresholds_decide(tier: int) -> None:
    levels = ["", ""]
    levels[tier] = "leave_percent = 10"
    assert problems_of(*levels, tiers="") == [
        f'tiers.levels[{tier}].leave_percent: may only be stated with basis = "percentile"; here thresholds decide'
    ]


def test_the_lowest_tier_is_for_everybody_else() -> None:
    told = problems_of(both(98, 99), both(10, 11))
    assert [problem.partition(":")[0] for problem in told] == [
        "tiers.levels[0].enter_percent",
        "tiers.levels[0].leave_percent",
    ]


def test_a_rank_is_never_of_a_year() -> None:
    held = 'basis = "percentile"\ndowngrade = "at_hold_end"\nwindow = "membership_year"'
    [told] = problems_of("", both(10, 11), tiers=held)
    assert told.startswith('tiers.window: "membership_year" needs basis = "thresholds"')


def test_a_change_of_basis_and_of_a_share_is_told_in_words() -> None:
    before, after = a_policy("", "", tiers=""), a_policy("", both(10, 12))
    told = [change.sentence for change in changes(before, after)]
    assert any("best so many percent" in sentence for sentence in told), told
    [more] = [change.sentence for change in changes(after, a_policy("", both(11, 12)))]
    assert more == "Tier T1: enter 10 -> 11 percent (easier to reach)"


@pytest.mark.parametrize("key", ["by_median", "by_quantile"])
def test_segments_by_the_days_members_need_cuts_and_leave_no_trace_without(key: str) -> None:
    section = "[segments]\nhigh_monetary = 1"
    off, on = (a_policy("", tiers="", more=f"{section}\n{key} = {said}") for said in ("false", "true"))
    assert off.content_hash == a_policy("", tiers="", more=section).content_hash
    assert on.content()["segments"][key] is True
    assert on.to_policy().needs_cuts
    assert not off.to_policy().needs_cuts
    rules = on.to_policy().segments
    assert rules is not None
    assert (rules.by_median, rules.by_quantile) == (key == "by_median", key == "by_quantile")
