"""Which tier F and M earn, at every threshold."""

import pytest

from scoring.further import Asked
from scoring.tier_rules import TierRule
from scoring.tiers import earned_tier, passes, standing
from tests.builders import BASIC, BLACK, GOLD, SILVER, a_policy


@pytest.mark.parametrize(
    ("frequency", "monetary", "tier"),
    [
        (0, 0, BASIC),
        (2, 99_999, BASIC),
        (3, 99_999, SILVER),
        (4, 99_999, SILVER),
        (5, 99_999, GOLD),
        (6, 0, GOLD),
        (1, 99_999, BASIC),
        (1, 100_000, GOLD),
        (1, 100_001, GOLD),
        (9, 500_000, GOLD),
        (10, 499_999, GOLD),
        (10, 500_000, BLACK),
        (11, 500_001, BLACK),
    ],
)
def test_a_member_has_the_highest_tier_she_qualifies_for(frequency: int, monetary: int, tier: int) -> None:
    assert earned_tier(a_policy(), frequency, monetary) == tier


@pytest.mark.parametrize(
    ("rule", "frequency", "monetary", "met"),
    [
        (TierRule("T", None, 500, match_all=True), 99, 499, False),
        (TierRule("T", None, 500, match_all=True), 0, 500, True),
        (TierRule("T", 2, None, match_all=True), 1, 10**9, False),
        (TierRule("T", 2, None, match_all=True), 2, 0, True),
        (TierRule("T", 2, 500, match_all=True), 2, 499, False),
        (TierRule("T", 2, 500, match_all=True), 1, 500, False),
        (TierRule("T", 2, 500, match_all=True), 2, 500, True),
        (TierRule("T", 2, 500, match_all=False), 1, 499, False),
        (TierRule("T", 2, 500, match_all=False), 2, 499, True),
        (TierRule("T", 2, 500, match_all=False), 1, 500, True),
    ],
)
def test_any_and_all_join_the_stated_thresholds(rule: TierRule, frequency: int, monetary: int, *, met: bool) -> None:
    asked = Asked(rule.frequency, rule.monetary, rule.match_all)
    assert passes(asked, [(frequency, monetary)]) is met
    assert passes(asked, [(0, 0), (frequency, monetary)]) is met


@pytest.mark.parametrize("match_all", [False, True])
@pytest.mark.parametrize(
    "thresholds", [((2, 30), (4, 60), (6, 90)), ((4, 90), (2, 60)), ((None, 30), (4, None)), ((2, 30), (None, None))]
)
def test_who_is_surely_in_a_tier_has_earned_it_and_no_other(
    thresholds: tuple[tuple[int | None, int | None], ...], *, match_all: bool
) -> None:
    rules = [TierRule("lowest", None, None, match_all)]
    rules += [TierRule(f"T{orders}{money}", orders, money, match_all) for orders, money in thresholds]
    policy = a_policy(tiers=rules)
    sure = 0
    for rank, (least_orders, least_money, more_orders, more_money) in enumerate(policy.spans):
        for frequency in range(8):
            for monetary in range(0, 120, 15):
                reached = frequency >= least_orders or monetary >= least_money
                if reached and frequency < more_orders and monetary < more_money:
                    assert earned_tier(policy, frequency, monetary) == rank
                    sure += 1
    assert sure > 0


def test_windows_earn_a_tier_each_alone_and_never_together() -> None:
    policy = a_policy()
    assert standing(policy, [(2, 99_999), (2, 99_999)], BASIC) == BASIC
    assert standing(policy, [(0, 0), (3, 0)], BASIC) == SILVER
    assert standing(policy, [(0, 100_000), (3, 0)], BASIC) == GOLD
    assert standing(policy, [(10, 0), (0, 500_000)], BASIC) == GOLD
    assert standing(policy, [(0, 0), (10, 500_000)], BASIC) == BLACK


def test_a_single_tier_holds_everybody() -> None:
    assert earned_tier(a_policy(tiers=[TierRule("All", None, None, match_all=False)]), 100, 10**9) == 0
