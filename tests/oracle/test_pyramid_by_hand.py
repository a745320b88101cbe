"""Tiers by percentile and segments by the numbers of a day, worked out by hand from docs/rules.md, 6.8 and 10."""

from typing import Any

import pytest

from tests.oracle.policy import rules_of
from tests.oracle.pyramid import Counted, exact_cuts, numbers_for, smallest_cut, value_at
from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms

_TIERS = {**POLICY["tiers"], "basis": "percentile"}
AT_ONCE = {**POLICY, "tiers": _TIERS}
HELD = {**POLICY, "tiers": {**_TIERS, "downgrade": "at_hold_end", "hold_days": 20, "expiring_days": 5}}


def day_cuts(c: tuple[int | None, int | None], *, fallback: bool = False, **also: Any) -> dict[str, Any]:
    """C as given, B from 40,000 on (kept from 30,000), A for nobody."""
    tiers = {"C": c, "B": (40_000, 30_000), "A": (None, None)}
    named = {name: {"enter": enter, "leave": leave} for name, (enter, leave) in tiers.items()}
    return {"ranked": 900, "fallback": fallback, "tiers": named, "medians": None, "quantiles": None, **also}


def brief(told: Telling) -> list[tuple[str, str, str, str, str]]:
    kinds = ("tier.upgraded", "tier.downgraded", "tier.prolonged", "tier.expiring")
    return [(o.kind[5:], o.before, o.after, o.reason, o.said.moved_by) for o in told.outcomes if o.kind in kinds]


@pytest.mark.parametrize(("amount", "tier"), [(1_999, "D"), (2_000, "C"), (2_001, "C")])
def test_tier_is_entered_at_its_cut(amount: int, tier: str) -> None:
    told = Telling(AT_ONCE).cuts("2026-01-01", day_cuts((2_000, 1_500)), "2026-01-01").paid("o1", amount, "2026-01-02")
    assert told.member.tier == tier


def test_rank_value_is_orders_times_money() -> None:
    told = Telling(AT_ONCE).cuts("2026-01-01", day_cuts((2_000, 1_500)), "2026-01-01")
    told.paid("o1", 600, "2026-01-02").paid("o2", 400, "2026-01-03")
    assert (told.member.tier, told.outcomes[-1].said.value) == ("C", 2_000)


@pytest.mark.parametrize(("back", "tier"), [(500, "C"), (501, "D")])
def test_tier_is_left_below_the_lower_cut_only(back: int, tier: str) -> None:
    told = Telling(AT_ONCE).cuts("2026-01-01", day_cuts((2_000, 1_500)), "2026-01-01").paid("o1", 2_000, "2026-01-02")
    assert told.returned("o1", back, "2026-01-03").member.tier == tier


def test_no_cut_is_passed_where_nobody_may_pass() -> None:
    told = Telling(AT_ONCE).cuts("2026-01-01", day_cuts((None, None)), "2026-01-01")
    assert told.paid("o1", 39_999, "2026-01-02").member.tier == "D"


@pytest.mark.parametrize(
    "told", [Telling(AT_ONCE), Telling(AT_ONCE).cuts("2026-01-01", day_cuts((1, 1), fallback=True), 0)]
)
def test_thresholds_decide_without_cuts_and_with_too_few_members(told: Telling) -> None:
    assert told.paid("o1", 9_999, "2026-01-02").member.tier == "D"
    assert told.paid("o2", 1, "2026-01-03").member.tier == "C"


def test_tier_that_the_cuts_lack_goes_by_its_thresholds() -> None:
    cuts = day_cuts((2_000, 1_500))
    del cuts["tiers"]["C"]
    told = Telling(AT_ONCE).cuts("2026-01-01", cuts, 0).paid("o1", 9_999, "2026-01-02")
    assert told.member.tier == "D"
    assert told.paid("o2", 1, "2026-01-03").member.tier == "C"


def test_new_cut_reaches_everybody_at_once_and_moves_some() -> None:
    told = Telling(AT_ONCE).paid("o1", 5_000, "2026-01-02").tick("2026-01-04")
    told.cuts("2026-01-04", day_cuts((2_000, 1_500)), "2026-01-04")
    assert brief(told) == [("upgraded", "D", "C", "cut_moved", "peers")]
    last = told.outcomes[-1]
    assert (last.at, last.cause, told.member.offset) == (ms("2026-01-04"), "cuts:2026-01-04", 3)
    told.cuts("2026-01-05", day_cuts((9_000, 5_001)), "2026-01-05")
    assert brief(told)[1:] == [("downgraded", "C", "D", "cut_moved", "peers")]


def test_cut_that_moves_nothing_leaves_the_member_untouched() -> None:
    told = Telling(AT_ONCE).paid("o1", 5_000, "2026-01-02").tick("2026-01-04")
    told.cuts("2026-01-04", day_cuts((6_000, 5_001)), "2026-01-04")
    assert (told.member.offset, told.member.as_of) == (1, ms("2026-01-02"))


@pytest.mark.parametrize("day", ["2026-01-03", "2026-01-04"])
def test_cuts_of_a_day_that_is_not_later_are_ignored(day: str) -> None:
    told = Telling(AT_ONCE).paid("o1", 5_000, "2026-01-02").cuts("2026-01-04", day_cuts((6_000, 5_500)), "2026-01-04")
    assert told.cuts(day, day_cuts((2_000, 1_500)), "2026-01-05").member.tier == "D"
    assert told.answer().dead_letters == {}


def test_hold_outlasts_a_moved_cut_and_then_it_is_the_others_doing() -> None:
    told = Telling(HELD).cuts("2026-01-01", day_cuts((2_000, 1_500)), 0).paid("o1", 2_000, "2026-01-02")
    told.cuts("2026-01-03", day_cuts((3_000, 2_500)), "2026-01-03")
    assert told.member.tier == "C"
    told.tick("2026-01-22T00:00")
    assert brief(told)[1:] == [
        ("expiring", "C", "C", "hold_end", ""),
        ("downgraded", "C", "D", "hold_end", "peers"),
    ]


def test_hold_is_prolonged_at_the_lower_cut_and_lost_by_the_own_orders_leaving() -> None:
    policy = {**HELD, "tiers": {**HELD["tiers"], "window_days": 30}}
    told = Telling(policy).cuts("2026-01-01", day_cuts((2_000, 1_500)), 0).paid("o1", 2_000, "2026-01-02")
    told.cuts("2026-01-03", day_cuts((2_500, 2_000)), "2026-01-03").tick("2026-01-22T00:00").tick("2026-02-11T00:00")
    assert brief(told)[1:] == [
        ("prolonged", "C", "C", "hold_end", ""),
        ("expiring", "C", "C", "hold_end", ""),
        ("downgraded", "C", "D", "hold_end", "own"),
    ]


@pytest.mark.parametrize(
    ("values", "percent", "cut"),
    [
        (range(1, 101), 5, 96),
        (range(1, 101), 1, 100),
        (range(1, 100), 1, None),
        ([1] * 95 + [7] * 5, 5, 7),
        ([1] * 94 + [7] * 6, 5, None),
        ([1] * 94 + [7] * 5 + [8], 5, 8),
        ([1, 1], 99, None),
        ([], 50, None),
    ],
)
def test_cut_is_the_smallest_value_that_does_not_overfill(values: Any, percent: int, cut: int | None) -> None:
    assert smallest_cut(list(values), percent) == cut


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [([1, 2, 3], 50, 2), ([1, 2, 3, 4], 50, 2), ([5], 80, 5), ([1, 2, 3, 4, 5], 20, 1), ([1, 1, 1, 2], 80, 2)],
)
def test_median_is_the_lower_one_and_quantiles_are_observed(values: list[int], percent: int, found: int) -> None:
    assert value_at(values, percent) == found


def test_cuts_of_a_population_rank_who_has_an_order_and_fall_back_below_500() -> None:
    crowd = [Counted(1, n, 1, n, n) for n in range(1, 501)]
    found = exact_cuts([*crowd, Counted(0, 0, 0, 0, None)], {"C": (60, 63)})
    assert (found["ranked"], found["fallback"], found["tiers"]) == (500, False, {"C": {"enter": 201, "leave": 186}})
    assert found["medians"] == {"recency_days": 250, "frequency": 1, "monetary": 250}
    assert found["quantiles"] == {"recency_days": [100, 200, 300, 400], "frequency": [1, 1, 1, 1]}
    assert exact_cuts(crowd[1:], {"C": (60, 63)})["fallback"]
    assert exact_cuts([], {"C": (60, 63)})["medians"] is None


def test_numbers_of_the_day_replace_the_set_ones_where_there_are_any() -> None:
    stated = {"high_monetary": 10_000, "by_median": True, "by_quantile": True}
    document = {**POLICY, "segments": stated}
    set_numbers = rules_of(document).segments
    assert set_numbers is not None
    also: dict[str, Any] = {
        "medians": {"recency_days": 40, "frequency": 3, "monetary": 7_000},
        "quantiles": {"recency_days": [3, 9, 20, 41], "frequency": [1, 1, 2, 6]},
    }
    told = Telling(document).cuts("2026-01-01", day_cuts((1, 1), **also), 0)
    found = told.paid("o1", 7_001, "2026-01-02").answer().further["m"].segments
    assert found == ("new", "rare_high_spend", "important_development")
    told.cuts("2026-01-03", day_cuts((1, 1), medians={**also["medians"], "monetary": 7_001}), "2026-01-03")
    assert told.answer().further["m"].segments == ("new", "rare_low_spend", "general_development")
    assert numbers_for(set_numbers, None) == set_numbers
