"""Which tier F and M earn, at every threshold."""

import pytest

from scoring.further import Asked
from scoring.policy import TierRule
from scoring.tiers import earned_tier, passes, qualifies, standing
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
    assert qualifies(rule, frequency, monetary) is met
    asked = Asked(rule.frequency, rule.monetary, rule.match_all)
    assert passes(asked, [(frequency, monetary)]) is met
    assert passes(asked, [(0, 0), (frequency, monetary)]) is met


def test_windows_earn_a_tier_each_alone_and_never_together() -> None:
    policy = a_policy()
    assert standing(policy, [(2, 99_999), (2, 99_999)], BASIC) == BASIC
    assert standing(policy, [(0, 0), (3, 0)], BASIC) == SILVER
    assert standing(policy, [(0, 100_000), (3, 0)], BASIC) == GOLD
    assert standing(policy, [(10, 0), (0, 500_000)], BASIC) == GOLD
    assert standing(policy, [(0, 0), (10, 500_000)], BASIC) == BLACK


def test_a_single_tier_holds_everybody() -> None:
    assert earned_tier(a_policy(tiers=[TierRule("All", None, None, match_all=False)]), 100, 10**9) == 0
