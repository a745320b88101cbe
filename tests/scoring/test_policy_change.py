"""A new policy reaches a known member: what keeps its name, what is held, and what is told (docs/rules.md, 11)."""

import pytest

from scoring.calendar import instant_of
from scoring.engine import Position, adopt
from scoring.further import NO_SEGMENT, Asked, Merge, Override, Sealed, Told
from scoring.origin import CUT_MOVED
from scoring.outcomes import NEAR_CHURN_ALERT, SWEPT_BY_POLICY, TIER_DOWNGRADED
from scoring.policy import Policy
from scoring.policy_change import is_same
from scoring.segment_rules import RF_SEGMENTS, SegmentRules
from scoring.state import MemberState
from scoring.tier_rules import HoldRules
from scoring.vocabulary import ACTIVE, NEAR_CHURN, NEW, PROSPECT
from tests.builders import (
    BASIC,
    FIELDS,
    FURTHER_FIELDS,
    GOLD,
    HELD_TIERS,
    HOUR_MS,
    SILVER,
    Story,
    a_policy,
    an_order,
    contents,
    kinds,
    midnight,
    noon,
)
from tests.scoring.policy_changes import (
    BASIC_RULE,
    FAR,
    GOLD_RULE,
    GOLD_TEST,
    SILVER_RULE,
    SILVER_TEST,
    a_member_given_gold,
    a_member_who_rose_twice,
    a_silver_member,
    held,
    moves,
    rule,
)

# -- the evaluation -------------------------------------------------------------------------------------------------


def test_a_policy_takes_effect_at_the_last_tick_or_at_a_later_event() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    [news] = story.adopts(a_policy(tiers=[BASIC_RULE, rule("Silver", FAR)]), at=midnight(11)).outcomes
    assert (news.at, news.recorded_at, news.catch_up, news.due_at) == (midnight(10), midnight(11), False, 0)
    assert (news.cause, news.sweep, news.timer_at) == (f"policy:{story.policy.content_hash}", SWEPT_BY_POLICY, 0)
    assert (story.member.offset, story.member.as_of) == (story.position.offset, midnight(10))

    ahead = a_silver_member(a_policy(tiers=HELD_TIERS))
    ahead.has(an_order("later", at=noon(12), net=1))
    [news] = ahead.adopts(a_policy(tiers=[BASIC_RULE, rule("Silver", FAR)]), at=midnight(13)).outcomes
    assert news.at == instant_of(noon(12))


def test_what_an_imported_policy_tells_is_catching_up() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    story.position.imported = True
    [news] = story.adopts(a_policy(tiers=[BASIC_RULE, rule("Silver", FAR)]), at=midnight(11)).outcomes
    assert news.catch_up


@pytest.mark.parametrize("policy", [a_policy(tiers=HELD_TIERS), held()])
def test_a_member_whom_a_policy_does_not_change_is_moved_to_it_without_a_word(policy: Policy) -> None:
    story = a_silver_member(policy)
    before = story.member
    tiers = [*HELD_TIERS[:3], rule("Black", FAR)]
    dearer = a_policy(tiers=tiers, tier_window_days=policy.tier_window_days, holds=policy.holds)
    decision = story.adopts(dearer, at=midnight(11))
    assert (decision.moved, list(decision.outcomes)) == (False, [])
    assert decision.state.offset == story.position.offset > before.offset
    assert is_same(before, decision.state)


def test_a_member_of_whom_only_a_timer_changes_is_taken_over_without_a_word() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    before = story.member
    decision = story.adopts(a_policy(tiers=HELD_TIERS, stages=(50, 90, 180, 365)), at=midnight(11))
    assert (decision.moved, list(decision.outcomes)) == (False, [])
    assert (before.next_due, story.member.next_due) == (midnight(60), midnight(50))
    assert story.member.offset == story.position.offset


def another(field: str, value: object) -> object:
    """Any other value that a field could have."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value + b"more"
    if isinstance(value, tuple) and not isinstance(value, Asked):
        return (*value, "more")
    others = {
        "further": None,
        "asked": GOLD_TEST,
        "override": Override(1, "granted", "Gold", 2),
        "sealed": Sealed((), 0, 0),
        "merge": Merge("bob", 1, 2),
    }
    return others[field]


@pytest.mark.parametrize("field", [*FIELDS, *FURTHER_FIELDS])
def test_every_field_but_place_and_instant_tells_a_member_who_changed(field: str) -> None:
    policy = held()
    story = a_silver_member(policy)
    changed = story.member.clone()
    owner = changed if field in FIELDS else changed.own_further()
    setattr(owner, field, another(field, getattr(owner, field)))
    assert is_same(story.member, changed) is (field in ("offset", "as_of"))


# -- point 5: what waits for confirmation, and what is forgotten ----------------------------------------------------


def waiting(**rules: object) -> Policy:
    """A policy by which a tier waits for the end of the return window."""
    return a_policy(**{"tiers": HELD_TIERS, "tier_window_days": 100, "provisional": True, **rules})  # type: ignore[arg-type]


AT_ONCE = waiting()
ON_HOLD = waiting(holds=HoldRules(100, 0, one_level=True, expiring_days=0))


@pytest.mark.parametrize(("before", "after"), [(AT_ONCE, ON_HOLD), (ON_HOLD, AT_ONCE)])
def test_a_tier_goes_on_waiting_for_the_same_test_when_holds_begin_or_end(before: Policy, after: Policy) -> None:
    story = a_silver_member(before)
    assert story.member.provisional
    story.adopts(after, at=midnight(11))
    ann = story.member
    assert (ann.provisional, ann.qualified_at, ann.asked) == (True, instant_of(noon(0)), SILVER_TEST)
    assert ann.held_until == (midnight(110) if after is ON_HOLD else 0)
    story.tick(midnight(90))
    assert ("tier.confirmed", "Silver", "Silver", "settled") in moves(story.told)


def test_a_tier_that_can_be_lost_again_goes_on_waiting_for_the_same_test() -> None:
    never = [BASIC_RULE, rule("Silver", 2_000, never_downgrade=True)]
    story = a_silver_member(waiting(tiers=never, holds=ON_HOLD.holds))
    asked = story.member.asked
    story.adopts(ON_HOLD, at=midnight(11))
    ann = story.member
    assert (ann.provisional, ann.qualified_at, ann.asked) == (True, instant_of(noon(0)), asked)
    assert ann.held_until == midnight(110)


@pytest.mark.parametrize(
    ("before", "after"), [(AT_ONCE, a_policy(tiers=HELD_TIERS, tier_window_days=100)), (ON_HOLD, held())]
)
def test_nothing_waits_under_a_policy_without_confirmations(before: Policy, after: Policy) -> None:
    story = a_silver_member(before)
    assert list(story.adopts(after, at=midnight(11)).outcomes) == []
    assert not story.member.provisional
    story.tick(midnight(90))
    assert "tier.confirmed" not in kinds(story.told)


def test_who_falls_with_the_policy_while_waiting_is_told_that_it_is_withdrawn() -> None:
    story = a_silver_member(ON_HOLD)
    falling = HoldRules(100, 0, one_level=True, expiring_days=0, kept_on_change=False)
    dearer = waiting(tiers=[BASIC_RULE, rule("Silver", FAR)], holds=falling)
    assert moves(story.adopts(dearer, at=midnight(11)).outcomes) == [
        ("tier.withdrawn", "Silver", "Basic", "policy_changed"),
        ("tier.downgraded", "Silver", "Basic", "policy_changed"),
    ]


def test_what_could_have_turned_out_wrong_is_forgotten() -> None:
    story = a_silver_member()
    story.member.own_further().remembered = (Told(1, NEAR_CHURN_ALERT, midnight(9), ACTIVE, NEAR_CHURN),)
    story.adopts(held([*HELD_TIERS[:3], rule("Black", FAR)]), at=midnight(11))
    assert story.member.told == ()


def test_new_cuts_forget_falls_and_no_alerts() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    fall = Told(1, TIER_DOWNGRADED, midnight(9), GOLD, SILVER)
    alert = Told(2, NEAR_CHURN_ALERT, midnight(9), ACTIVE, NEAR_CHURN)
    story.member.own_further().remembered = (fall, alert)
    story.policy.by_percentile = True
    story.policy.plain = False
    here = Position(9, midnight(11), midnight(10), imported=False)
    after = adopt(story.member, story.policy, story.policy, CUT_MOVED, "cuts:2026-01-11", here).state
    assert after.told == (alert,)


def test_new_cuts_let_nobody_fall_before_the_hold_ends_whatever_the_switch_says() -> None:
    policy = held([BASIC_RULE, rule("Silver", FAR)], kept=False)
    story = a_silver_member()
    here = Position(9, midnight(11), midnight(10), imported=False)
    decision = adopt(story.member, policy, policy, CUT_MOVED, "cuts:2026-01-11", here)
    assert decision.state is story.member


# -- overrides ------------------------------------------------------------------------------------------------------


def test_an_override_ends_with_its_tier_and_is_back_with_it() -> None:
    story = a_member_given_gold(a_policy(tiers=HELD_TIERS))
    ended, fallen = story.adopts(a_policy(tiers=[BASIC_RULE, SILVER_RULE]), at=midnight(11)).outcomes
    assert (ended.kind, ended.reason, ended.before, ended.after) == (
        "tier.override_ended", "override_ended", "Silver", "Basic",
    )  # fmt: skip
    assert ended.facts is not None
    assert ended.facts.detail == "tier_gone"  # type: ignore[union-attr]
    assert moves([fallen]) == [("tier.downgraded", "Silver", "Basic", "policy_changed")]
    assert moves(story.adopts(a_policy(tiers=HELD_TIERS), at=midnight(12)).outcomes) == [
        ("tier.upgraded", "Basic", "Gold", "policy_changed")
    ]


def test_an_override_follows_its_tier_to_another_rank_without_a_word() -> None:
    story = a_member_given_gold(a_policy(tiers=HELD_TIERS))
    story.adopts(a_policy(tiers=[BASIC_RULE, GOLD_RULE]), at=midnight(11))
    assert (story.told, story.member.tier, story.member.floor, story.member.base) == ([], 1, 1, 0)


# -- point 6: lifecycle, segments, horizon --------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "stage"), [(9, NEAR_CHURN), (10, NEAR_CHURN), (11, NEW)])
def test_a_boundary_that_moved_is_told_with_its_true_instant(days: int, stage: int) -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    told = story.adopts(a_policy(tiers=HELD_TIERS, stages=(days, 90, 180, 365)), at=midnight(11)).outcomes
    assert story.member.stage == stage
    assert [(each.kind, each.reason, each.at, each.due_at) for each in told] == (
        [(NEAR_CHURN_ALERT, "policy_changed", midnight(10), midnight(days))] if stage == NEAR_CHURN else []
    )


def test_who_is_no_longer_quiet_by_the_policy_has_recovered() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS, stages=(5, 90, 180, 365)))
    told = story.adopts(a_policy(tiers=HELD_TIERS), at=midnight(11)).outcomes
    assert moves(told) == [("lifecycle.recovered", "near_churn", "new", "policy_changed")]


def test_alerts_that_are_no_longer_held_back_come_with_the_policy() -> None:
    held_back = a_policy(tiers=HELD_TIERS, stages=(10, 90, 180, 365), allowed_lateness_ms=48 * HOUR_MS)
    story = a_silver_member(held_back, day=11)
    assert (story.member.stage, story.member.told_stage, story.told) == (NEAR_CHURN, NEW, [])
    [news] = story.adopts(a_policy(tiers=HELD_TIERS, stages=(10, 90, 180, 365)), at=midnight(12)).outcomes
    assert (news.kind, news.at, news.due_at) == (NEAR_CHURN_ALERT, midnight(11), midnight(10))


def test_an_order_that_counts_only_by_the_policy_is_a_first_purchase() -> None:
    story = Story(a_policy(tiers=HELD_TIERS, min_order_amount=500))
    story.has(an_order(net=499))
    assert story.member.stage == PROSPECT
    told = story.adopts(a_policy(tiers=HELD_TIERS, min_order_amount=499), at=midnight(1)).outcomes
    assert moves(told) == [("lifecycle.first_purchase", "prospect", "new", "policy_changed")]


def segmented(*named: str, r_cuts: tuple[int, int, int, int] = (30, 60, 90, 180)) -> Policy:
    rules = SegmentRules(list(r_cuts), [2, 3, 5, 8], 90, 1, 10_000, by_median=False, named=frozenset(named))
    return a_policy(tiers=HELD_TIERS, segments=rules)


def test_groups_that_are_scored_from_now_on_are_entered_from_nowhere() -> None:
    story = a_silver_member(a_policy(tiers=HELD_TIERS))
    [news] = story.adopts(segmented("new"), at=midnight(11)).outcomes
    assert (news.kind, news.before, news.after, news.reason) == ("segment.entered", "", "new", "policy_changed")


def test_groups_that_are_no_longer_scored_are_dropped_without_a_word() -> None:
    story = a_silver_member(segmented("new"))
    assert RF_SEGMENTS[story.member.rf_segment] == "new"
    decision = story.adopts(a_policy(tiers=HELD_TIERS), at=midnight(11))
    assert (list(decision.outcomes), story.member.rf_segment) == ([], NO_SEGMENT)
    assert story.member.offset == story.position.offset


def test_other_numbers_of_a_group_move_members() -> None:
    story = a_silver_member(segmented("new"))
    told = story.adopts(segmented("new", "promising", r_cuts=(5, 60, 90, 180)), at=midnight(11)).outcomes
    assert [(each.kind, each.before, each.after, each.reason) for each in told] == [
        ("segment.left", "new", "promising", "policy_changed"),
        ("segment.entered", "new", "promising", "policy_changed"),
    ]


def test_a_shorter_horizon_lets_orders_go_and_a_longer_one_brings_nothing_back() -> None:
    story = Story(a_policy(tiers=HELD_TIERS))
    story.has(an_order("old", net=2_000), an_order("young", at=noon(40), net=100))
    short = a_policy(
        tiers=HELD_TIERS, window_days=20, tier_window_days=20, return_window_days=5, stages=(10, 20, 25, 30)
    )
    story.adopts(short, at=midnight(41))
    ann = story.member
    assert (len(ann.orders) // 32, ann.gone_days, ann.gone_at) == (1, 1, instant_of(noon(0)))
    assert (ann.tier, ann.frequency, ann.stage) == (BASIC, 1, ACTIVE)
    story.adopts(a_policy(tiers=HELD_TIERS), at=midnight(42))
    assert (story.member.frequency, story.member.monetary, story.member.tier) == (1, 100, BASIC)


def test_a_state_is_never_changed_in_place() -> None:
    story = a_member_who_rose_twice()
    before, kept = story.member, contents(story.member)
    story.adopts(a_policy(tiers=HELD_TIERS[:2]), at=midnight(11))
    assert contents(before) == kept
    assert story.member is not before
    assert isinstance(story.member, MemberState)
    assert kinds(story.told) == []
