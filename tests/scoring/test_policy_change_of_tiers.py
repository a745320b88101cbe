"""A new policy and the tiers of a known member: names, holds and the standing (docs/rules.md, 11, points 1 to 3)."""

import pytest

from scoring.calendar import instant_of
from scoring.further import Hold
from scoring.policy_change import is_same
from scoring.tier_rules import HoldRules, TierRule
from tests.builders import BASIC, BLACK, GOLD, HELD_TIERS, SILVER, a_policy, a_return, an_order, midnight, noon
from tests.scoring.policy_changes import (
    BASIC_RULE,
    BLACK_RULE,
    FAR,
    GOLD_RULE,
    SILVER_RULE,
    SILVER_TEST,
    a_member_given_gold,
    a_member_who_rose_twice,
    a_silver_member,
    held,
    moves,
    rule,
)

# -- point 1: names -------------------------------------------------------------------------------------------------


def test_a_tier_put_in_between_is_no_change_for_anybody() -> None:
    story = a_silver_member()
    between = [BASIC_RULE, rule("Bronze", 1_000), SILVER_RULE, GOLD_RULE]
    assert story.adopts(held(between), at=midnight(11)).outcomes == []
    ann = story.member
    assert (ann.tier, ann.base, ann.tier_since) == (2, 2, instant_of(noon(0)))
    assert (ann.held_until, ann.qualified_at, ann.asked) == (midnight(100), instant_of(noon(0)), SILVER_TEST)


def test_a_tier_that_is_called_otherwise_is_held_on_and_its_score_is_written() -> None:
    story = a_silver_member()
    decision = story.adopts(held([BASIC_RULE, rule("Pearl", 2_000), GOLD_RULE]), at=midnight(11))
    assert (list(decision.outcomes), decision.moved) == ([], True)
    assert (story.member.tier, story.member.held_until, story.member.asked) == (1, midnight(100), SILVER_TEST)


@pytest.mark.parametrize(
    ("tiers", "rank"),
    [
        ([BASIC_RULE, SILVER_RULE, GOLD_RULE], 2),
        ([BASIC_RULE, SILVER_RULE], 1),
        ([BASIC_RULE, SILVER_RULE, GOLD_RULE, rule("Onyx", FAR)], 3),
        ([BASIC_RULE], 0),
    ],
)
def test_a_tier_whose_name_is_gone_becomes_the_same_rank_or_the_highest(tiers: list[TierRule], rank: int) -> None:
    story = a_silver_member(net=8_000)
    assert story.member.tier == BLACK
    decision = story.adopts(held(tiers), at=midnight(11))
    assert (list(decision.outcomes), story.member.tier, story.member.base) == ([], rank, rank)
    assert story.member.held_until == (midnight(100) if rank else 0)


def test_a_tier_that_became_the_lowest_has_neither_hold_nor_stack() -> None:
    story = a_member_who_rose_twice()
    story.adopts(held([rule("Black"), rule("Onyx", FAR)]), at=midnight(11))
    ann = story.member
    assert (ann.tier, ann.held_until, ann.qualified_at, ann.asked, ann.stack) == (0, 0, 0, None, ())
    assert story.told == []


@pytest.mark.parametrize(
    ("tiers", "stack"),
    [
        ([BASIC_RULE, SILVER_RULE, GOLD_RULE, BLACK_RULE], [("Silver", 100), ("Gold", 101)]),
        ([BASIC_RULE, SILVER_RULE, rule("Pearl", 3_000), BLACK_RULE], [("Silver", 100)]),
        ([BASIC_RULE, rule("Gold", 2_000), rule("Silver", 4_000), BLACK_RULE], [("Gold", 101), ("Silver", 100)]),
        ([rule("Silver"), GOLD_RULE, BLACK_RULE], [("Gold", 101)]),
        ([BASIC_RULE, BLACK_RULE, rule("Silver", 10_000), rule("Gold", 20_000)], []),
        ([BASIC_RULE, SILVER_RULE, BLACK_RULE, rule("Gold", 20_000)], [("Silver", 100)]),
    ],
)
def test_the_stack_keeps_what_has_its_name_and_lies_below_the_base(
    tiers: list[TierRule], stack: list[tuple[str, int]]
) -> None:
    story = a_member_who_rose_twice()
    story.adopts(held(tiers), at=midnight(11))
    names = [tier.name for tier in tiers]
    assert [(names[hold.rank], hold.held_until) for hold in story.member.stack] == [
        (name, midnight(day)) for name, day in stack
    ]
    assert names[story.member.tier] == "Black"
    assert [hold.rank for hold in story.member.stack] == sorted(hold.rank for hold in story.member.stack)


def test_a_hold_of_the_rank_that_the_base_comes_to_is_dropped() -> None:
    story = a_member_who_rose_twice()
    story.adopts(held([BASIC_RULE, SILVER_RULE, GOLD_RULE]), at=midnight(11))
    ann = story.member
    assert (ann.base, ann.held_until, [hold.rank for hold in ann.stack]) == (GOLD, midnight(102), [SILVER])


def test_a_base_that_is_called_otherwise_counts_below_an_override_too() -> None:
    story = a_member_given_gold(a_policy(tiers=HELD_TIERS))
    decision = story.adopts(a_policy(tiers=[rule("Plain"), SILVER_RULE, GOLD_RULE]), at=midnight(11))
    assert (list(decision.outcomes), story.member.tier, story.member.offset) == ([], GOLD, story.position.offset)


# -- point 2: holds begin and end -----------------------------------------------------------------------------------


def test_tiers_that_fell_at_once_are_held_from_the_policy_on() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS, tier_window_days=100))
    decision = story.adopts(held(), at=midnight(11))
    ann = story.member
    assert (list(decision.outcomes), decision.moved) == ([], False)
    assert (ann.held_until, ann.qualified_at, ann.asked) == (midnight(110), midnight(10), SILVER_TEST)


def test_a_tier_that_the_new_policy_does_not_give_is_held_from_it_on_all_the_same() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS, tier_window_days=100))
    story.adopts(held([BASIC_RULE, rule("Silver", FAR)]), at=midnight(11))
    ann = story.member
    assert (ann.tier, ann.held_until, ann.qualified_at, ann.asked) == (SILVER, midnight(110), 0, None)
    story.tick(midnight(110))
    assert moves(story.told)[-1] == ("tier.downgraded", "Silver", "Basic", "hold_end")


def test_a_tier_that_was_the_lowest_and_no_longer_is_begins_a_hold() -> None:
    story = a_silver_member(held(), net=100)
    assert story.member.base == BASIC
    story.adopts(held([rule("Guest"), rule("Basic", 50), SILVER_RULE]), at=midnight(11))
    assert (story.member.base, story.member.held_until, story.told) == (1, midnight(110), [])


def test_holds_and_stack_end_where_tiers_fall_at_once() -> None:
    story = a_member_who_rose_twice()
    lower = a_policy(tiers=[*HELD_TIERS[:3], rule("Black", FAR)], tier_window_days=100)
    assert moves(story.adopts(lower, at=midnight(11)).outcomes) == [
        ("tier.downgraded", "Black", "Gold", "policy_changed")
    ]
    ann = story.member
    assert (ann.tier, ann.base, ann.held_until, ann.stack, ann.asked) == (GOLD, GOLD, 0, (), None)
    assert ann.further is None


# -- point 3: standing by the new policy ----------------------------------------------------------------------------


def test_who_qualifies_for_more_rises_and_the_old_hold_goes_onto_the_stack() -> None:
    story = a_silver_member()
    cheaper = [BASIC_RULE, SILVER_RULE, rule("Gold", 1_500)]
    assert moves(story.adopts(held(cheaper), at=midnight(11)).outcomes) == [
        ("tier.upgraded", "Silver", "Gold", "policy_changed")
    ]
    ann = story.member
    assert (ann.tier, ann.held_until, ann.qualified_at) == (GOLD, midnight(110), midnight(10))
    assert ann.stack == (Hold(SILVER, midnight(100), instant_of(noon(0)), SILVER_TEST, notice_told=False),)


def test_nobody_falls_before_the_end_of_the_hold_unless_the_policy_says_so() -> None:
    dearer = [BASIC_RULE, rule("Silver", 9_000), rule("Gold", FAR)]
    kept = a_silver_member()
    assert list(kept.adopts(held(dearer), at=midnight(11)).outcomes) == []
    assert (kept.member.tier, kept.member.held_until, kept.member.asked) == (SILVER, midnight(100), SILVER_TEST)
    kept.tick(midnight(100))
    assert moves(kept.told)[-1] == ("tier.downgraded", "Silver", "Basic", "hold_end")

    fallen = a_silver_member()
    assert moves(fallen.adopts(held(dearer, kept=False), at=midnight(11)).outcomes) == [
        ("tier.downgraded", "Silver", "Basic", "policy_changed")
    ]
    assert (fallen.member.held_until, fallen.member.further) == (0, None)


def test_who_falls_with_the_policy_falls_to_the_standing_and_begins_a_hold_there() -> None:
    story = a_member_who_rose_twice()
    dearer = [BASIC_RULE, SILVER_RULE, rule("Gold", FAR), rule("Black", 2 * FAR)]
    assert moves(story.adopts(held(dearer, kept=False), at=midnight(11)).outcomes) == [
        ("tier.downgraded", "Black", "Silver", "policy_changed")
    ]
    ann = story.member
    assert (ann.tier, ann.held_until, ann.qualified_at, ann.stack) == (SILVER, midnight(110), midnight(10), ())


@pytest.mark.parametrize("kept", [True, False])
def test_who_still_qualifies_keeps_the_hold_as_it_is(kept: bool) -> None:
    story = a_silver_member()
    before = story.member
    assert is_same(before, story.adopts(held(hold_days=7, kept=kept), at=midnight(11)).state)
    assert before.held_until == midnight(100)


def test_a_tier_that_is_now_never_lost_has_no_end_and_leaves_the_grace() -> None:
    story = a_silver_member(held(grace=30))
    story.tick(midnight(101))
    assert story.member.grace_until == midnight(130)
    story.adopts(held([BASIC_RULE, rule("Silver", 2_000, never_downgrade=True)]), at=midnight(102))
    assert (story.member.tier, story.member.held_until, story.member.grace_until) == (SILVER, 0, 0)
    story.tick(midnight(400))
    assert story.member.tier == SILVER


def test_a_tier_that_can_be_lost_again_begins_a_hold() -> None:
    story = a_silver_member(held([BASIC_RULE, rule("Silver", 2_000, never_downgrade=True)]))
    assert story.member.held_until == 0
    story.adopts(held(), at=midnight(11))
    assert (story.member.held_until, story.member.qualified_at) == (midnight(110), midnight(10))


@pytest.mark.parametrize(("asked", "stays"), [(999, True), (1_000, True), (1_001, False)])
def test_in_grace_the_new_thresholds_may_prolong(asked: int, stays: bool) -> None:
    story = a_silver_member(held(grace=30))
    story.has(an_order("small", at=noon(50), net=1_000))
    story.tick(midnight(101))
    assert story.member.grace_until == midnight(130)
    story.told.clear()
    told = story.adopts(held([BASIC_RULE, rule("Silver", asked)], grace=30), at=midnight(102)).outcomes
    assert moves(told) == ([("tier.prolonged", "Silver", "Silver", "policy_changed")] if stays else [])
    assert story.member.held_until == (midnight(201) if stays else midnight(100))


def test_a_longer_notice_is_told_with_the_policy() -> None:
    story = a_silver_member()
    longer = a_policy(tiers=HELD_TIERS, tier_window_days=100, holds=HoldRules(100, 0, one_level=True, expiring_days=95))
    [news] = story.adopts(longer, at=midnight(11)).outcomes
    assert (news.kind, news.reason, news.cause[:7]) == ("tier.expiring", "hold_end", "policy:")


def test_a_return_after_the_policy_asks_for_what_was_asked_when_the_tier_was_earned() -> None:
    story = a_silver_member(net=2_500)
    story.adopts(held([BASIC_RULE, rule("Silver", 2_400)]), at=midnight(11))
    story.has(a_return(at=noon(12), amount=500))
    assert story.member.tier == SILVER
    story.has(a_return(at=noon(13), amount=501, revision=2))
    assert story.member.tier == BASIC
