"""What an evaluation tells: in which order, for which reasons, at which instants, and what each kind says."""

import pytest

from scoring.evaluation import Evaluation
from scoring.further import Override
from scoring.news import report
from scoring.origin import Origin
from scoring.outcomes import Missing, Outcome, SegmentFacts, Silence, TierFacts
from scoring.policy import CALENDAR_YEAR, Policy
from scoring.segment_rules import EIGHT_TYPES, QUADRANTS, RF_SEGMENTS, SegmentRules
from scoring.shortfall import missing
from scoring.state import MemberState
from scoring.tier_rules import HoldRules, TierRule
from scoring.vocabulary import STAGES
from tests.builders import (
    BASIC,
    BLACK,
    GOLD,
    HOUR_MS,
    SILVER,
    Story,
    a_policy,
    a_return,
    a_withdrawal,
    an_order,
    an_override,
    holding,
    kinds,
    midnight,
    noon,
)

ACTIVE, NEAR_CHURN = STAGES.index("active"), STAGES.index("near_churn")
EVERY_NAME = frozenset(RF_SEGMENTS + QUADRANTS + EIGHT_TYPES)


def some_segments(named: frozenset[str] = EVERY_NAME) -> SegmentRules:
    return SegmentRules([30, 60, 90, 180], [2, 3, 5, 8], 90, 1, 10_000, by_median=False, named=named)


def segmented(named: frozenset[str] = EVERY_NAME) -> Policy:
    return a_policy(segments=some_segments(named))


def facts_of(outcome: Outcome) -> TierFacts:
    assert isinstance(outcome.facts, TierFacts)
    return outcome.facts


def an_origin(reason: str = "purchase", *, tick_at: int = 0, imported: bool = False) -> Origin:
    return Origin(cause="ev-1", reason=reason, recorded_at=midnight(100), imported=imported, tick_at=tick_at)


# --- order ---


def a_member_to_whom_everything_happens(policy: Policy) -> tuple[MemberState, Evaluation]:
    story = Story(policy)
    story.has(an_order(net=50_000))
    member = story.member
    member.tier = GOLD
    own = member.own_further()
    own.base = GOLD
    own.held_until = midnight(400)
    own.override = Override(midnight(0), "override-1", "Gold", midnight(50))
    own.told_stage = NEAR_CHURN
    own.rf_segment, own.quadrant, own.kind_of_eight = 0, 0, 0
    evaluation = Evaluation(-1, ACTIVE, (1, 1, 1), own.override)
    evaluation.override_set = evaluation.prolonged = evaluation.expiring = True
    return member, evaluation


def test_one_evaluation_tells_in_the_order_of_the_rules_with_sequence_numbers_without_holes() -> None:
    policy = a_policy(segments=some_segments(), holds=HoldRules(100, 0, one_level=False, expiring_days=30))
    member, evaluation = a_member_to_whom_everything_happens(policy)
    first = member.sequence
    told = report(member, evaluation, policy, an_origin())
    assert [(each.kind, each.before, each.after) for each in told] == [
        ("tier.joined", "", "Basic"),
        ("tier.override_set", "Basic", "Gold"),
        ("tier.upgraded", "Basic", "Gold"),
        ("tier.prolonged", "Gold", "Gold"),
        ("tier.expiring", "Gold", "Gold"),
        ("lifecycle.near_churn", "active", "near_churn"),
        ("segment.left", "loyal", "champion"),
        ("segment.entered", "loyal", "champion"),
        ("segment.left", "rare_high_spend", "frequent_high_spend"),
        ("segment.entered", "rare_high_spend", "frequent_high_spend"),
        ("segment.left", "important_development", "important_value"),
        ("segment.entered", "important_development", "important_value"),
    ]
    assert [each.sequence - first for each in told] == list(range(1, len(told) + 1))


def test_an_override_that_ended_is_told_before_the_fall_that_it_leads_to() -> None:
    policy = a_policy()
    member, evaluation = a_member_to_whom_everything_happens(policy)
    evaluation = Evaluation(BLACK, NEAR_CHURN, override_before=evaluation.override_before)
    evaluation.override_ended = "until"
    told = report(member, evaluation, policy, an_origin("window_exit", tick_at=midnight(50)))
    assert [(each.kind, each.reason) for each in told] == [
        ("tier.override_ended", "override_ended"),
        ("tier.downgraded", "override_ended"),
    ]


def test_nothing_is_told_when_nothing_changed() -> None:
    policy = a_policy()
    story = Story(policy)
    story.has(an_order())
    assert report(story.member, Evaluation(0, story.member.stage), policy, an_origin()) == []


# --- reasons ---


@pytest.mark.parametrize(
    ("reason", "override", "ended", "fell_by", "expected"),
    [
        ("return", False, "", "", "return"),
        ("return", False, "", "retest", "return"),
        ("window_exit", False, "", "hold_end", "hold_end"),
        ("purchase", False, "", "grace_end", "grace_end"),
        ("window_exit", False, "until", "grace_end", "override_ended"),
        ("other", False, "withdrawn", "", "override_ended"),
        ("other", True, "", "hold_end", "override"),
        ("policy_changed", True, "", "hold_end", "policy_changed"),
        ("cut_moved", False, "until", "", "cut_moved"),
    ],
)
def test_a_tier_change_has_the_first_reason_that_applies(
    reason: str, override: bool, ended: str, fell_by: str, expected: str
) -> None:
    policy = a_policy()
    member, before = a_member_to_whom_everything_happens(policy)
    evaluation = Evaluation(BLACK, NEAR_CHURN, override_before=before.override_before)
    evaluation.override_set, evaluation.override_ended, evaluation.fell_by = override, ended, fell_by
    told = report(member, evaluation, policy, an_origin(reason))
    assert (told[-1].kind, told[-1].reason) == ("tier.downgraded", expected)


@pytest.mark.parametrize(("in_grace", "reason"), [(False, "hold_end"), (True, "purchase")])
def test_a_tier_prolonged_in_grace_says_what_prolonged_it(in_grace: bool, reason: str) -> None:
    policy = holding()
    member, _ = a_member_to_whom_everything_happens(policy)
    evaluation = Evaluation(GOLD, NEAR_CHURN, in_grace_before=in_grace)
    evaluation.prolonged = True
    assert [each.reason for each in report(member, evaluation, policy, an_origin())] == [reason]


def test_a_base_prolonged_below_an_override_is_not_told() -> None:
    policy = holding()
    member, _ = a_member_to_whom_everything_happens(policy)
    member.own_further().base = SILVER
    evaluation = Evaluation(GOLD, NEAR_CHURN)
    evaluation.prolonged = True
    assert report(member, evaluation, policy, an_origin()) == []


# --- told late ---


@pytest.mark.parametrize(("late_ms", "caught_up"), [(0, False), (HOUR_MS, False), (HOUR_MS + 1, True)])
def test_every_kind_but_the_first_tier_changes_says_that_its_timer_fired_late(late_ms: int, caught_up: bool) -> None:
    policy = a_policy(segments=some_segments(), holds=HoldRules(100, 0, one_level=False, expiring_days=30))
    member, evaluation = a_member_to_whom_everything_happens(policy)
    told = report(member, evaluation, policy, an_origin("window_exit", tick_at=member.as_of + late_ms))
    assert {each.catch_up for each in told[:1] + told[2:3]} == {False}
    assert {each.catch_up for each in told[1:2] + told[3:]} == {caught_up}
    assert {each.timer_at for each in told} == {member.as_of}


def test_everything_imported_is_caught_up_and_no_event_has_a_timer() -> None:
    policy = a_policy(segments=some_segments(), holds=HoldRules(100, 0, one_level=False, expiring_days=30))
    member, evaluation = a_member_to_whom_everything_happens(policy)
    told = report(member, evaluation, policy, an_origin(imported=True))
    assert {(each.catch_up, each.timer_at) for each in told} == {(True, 0)}


# --- what tier kinds say ---


def test_a_plain_tier_change_needs_no_more_than_the_reported_numbers() -> None:
    story = Story(a_policy())
    story.has(an_order(net=100_000))
    assert [(each.kind, each.facts) for each in story.told[:2]] == [("tier.joined", None), ("tier.upgraded", None)]


def test_joining_is_into_the_lowest_tier_even_when_the_same_order_leads_higher() -> None:
    story = Story(a_policy())
    story.has(an_order(net=100_000))
    assert [(each.kind, each.tier) for each in story.told[:2]] == [("tier.joined", BASIC), ("tier.upgraded", GOLD)]


def test_an_override_is_told_with_who_why_and_until_when() -> None:
    story = Story(a_policy())
    story.has(an_order(), an_override("Gold", until=midnight(20), at=noon(1)))
    told = story.told[-2:]
    assert [(each.kind, each.before, each.after, each.reason) for each in told] == [
        ("tier.override_set", "Basic", "Gold", "override"),
        ("tier.upgraded", "Basic", "Gold", "override"),
    ]
    facts = facts_of(told[0])
    assert facts.override is not None
    assert (facts.override.tier, facts.override.until, facts.override.event_id) == (
        "Gold",
        midnight(20),
        "override-1",
    )
    assert (facts.override_reason, facts.override_actor) == ("kindness", "eve")
    assert (facts.base, facts.floor) == (BASIC, GOLD)


@pytest.mark.parametrize(("ends", "detail"), [("by its date", "until"), ("by hand", "withdrawn")])
def test_the_end_of_an_override_names_the_one_that_ended(ends: str, detail: str) -> None:
    story = Story(a_policy())
    story.has(an_order(), an_override("Gold", until=midnight(20), at=noon(1)))
    if ends == "by hand":
        story.has(a_withdrawal(at=noon(2)))
    else:
        story.tick(midnight(20))
    told = story.told[-2:]
    assert [(each.kind, each.before, each.after, each.reason) for each in told] == [
        ("tier.override_ended", "Gold", "Basic", "override_ended"),
        ("tier.downgraded", "Gold", "Basic", "override_ended"),
    ]
    facts = facts_of(told[0])
    assert facts.override is not None
    assert (facts.override.event_id, facts.override.until, facts.detail) == ("override-1", midnight(20), detail)
    assert (facts.base, facts.floor) == (BASIC, BASIC)


def test_an_expiring_tier_says_what_it_misses_at_the_end_of_its_hold() -> None:
    # Silver asks for 2 orders or 2,000; held for 100 days; told 30 days before.
    story = Story(holding(tier_window_days=50, expiring_days=30))
    story.has(an_order(net=1_500), an_order("o-2", at=noon(1), net=600), an_order("o-3", at=noon(60), net=700))
    story.tick(midnight(101 - 30))
    told = story.told[-1]
    facts = facts_of(told)
    assert (told.kind, told.before, told.after, told.reason) == ("tier.expiring", "Silver", "Silver", "hold_end")
    # On day 101 only the order of day 60 is left: 1 of 2 orders, 700 of 2,000.
    assert (facts.held_until, facts.would_be, facts.keeps) == (story.member.held_until, BASIC, Missing(1, 1_300))


def test_joining_says_the_way_up_from_the_lowest_tier_and_no_hold() -> None:
    story = Story(holding())
    story.has(an_order(net=2_000))
    joined, upgraded = (facts_of(each) for each in story.told[:2])
    assert joined == TierFacts(BASIC, BASIC, 0, 0, Missing(1, 0), None)
    assert (upgraded.base, upgraded.held_until, upgraded.keeps) == (SILVER, midnight(100), upgraded.keeps)


def test_the_way_up_counts_over_the_tiers_window() -> None:
    story = Story(a_policy(tier_window_days=10))
    story.has(an_order(at=noon(0)), an_order("o-2", at=noon(20)), an_order("o-3", at=noon(21), net=100_000))
    assert (story.told[-1].kind, story.told[-1].frequency) == ("tier.upgraded", 3)
    assert facts_of(story.told[-1]).to_next == Missing(8, 399_000)


def test_by_years_the_better_of_the_two_years_counts_on_the_way_up() -> None:
    tiers = [TierRule("Basic", None, None, match_all=False), TierRule("Gold", None, 10_000, match_all=False)]
    policy = a_policy(
        tiers=tiers, tier_window=CALENDAR_YEAR, holds=HoldRules(365, 0, one_level=False, expiring_days=30)
    )
    story = Story(policy)
    story.has(an_order(net=9_000), an_order("o-2", at=noon(365 + 10), net=500))
    story.has(an_override("Basic", until=midnight(500), at=noon(380)))
    assert (story.told[-1].kind, facts_of(story.told[-1]).to_next) == ("tier.override_set", Missing(None, 1_000))


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([(3, 500)], (2, 500)),
        ([(9, 9_000)], (0, 0)),
        ([(1, 800), (5, 700)], (4, 200)),
        ([(5, 700), (1, 800)], (4, 200)),
        ([(1, 800), (4, 800)], (1, 200)),
        ([(9, 0), (0, 1_000)], (5, 0)),
    ],
)
def test_what_misses_least_money_then_least_orders_is_told(windows: list[tuple[int, int]], expected: object) -> None:
    assert tuple(missing(TierRule("Gold", 5, 1_000, match_all=True), windows)) == expected


def test_what_is_not_asked_for_is_not_missing() -> None:
    assert missing(TierRule("Gold", None, 1_000, match_all=False), [(0, 1)]) == Missing(None, 999)
    assert missing(TierRule("Gold", 5, None, match_all=False), [(1, 1)]) == Missing(4, None)


# --- segments ---


def segments_told(story: Story) -> list[tuple[str, str, str, str]]:
    return [
        (each.kind.removeprefix("segment."), each.before, each.after, each.reason)
        for each in story.told
        if each.kind.startswith("segment.")
    ]


def test_a_first_order_enters_each_group_from_nowhere() -> None:
    story = Story(segmented())
    story.has(an_order(net=20_000))
    assert segments_told(story) == [
        ("entered", "", "new", "purchase"),
        ("entered", "", "rare_high_spend", "purchase"),
        ("entered", "", "important_development", "purchase"),
    ]
    assert [each.facts for each in story.told[-3:]] == [SegmentFacts(group, 0) for group in range(3)]


def test_a_member_without_a_kept_order_enters_prospect_and_leaves_it() -> None:
    story = Story(segmented(frozenset({"prospect", "new"})))
    story.has(a_return(), an_order())
    # The order was returned whole before it came; the second one is kept.
    story.has(an_order("o-2", net=5))
    assert segments_told(story) == [
        ("entered", "", "prospect", "return"),
        ("left", "prospect", "new", "purchase"),
        ("entered", "prospect", "new", "purchase"),
    ]
    assert story.told[1].facts == SegmentFacts(0, -1)


def test_only_named_segments_are_told() -> None:
    story = Story(segmented(frozenset({"promising"})))
    story.has(an_order())
    story.tick(midnight(61))
    assert segments_told(story) == [
        ("entered", "new", "promising", "quiet"),
        ("left", "promising", "about_to_sleep", "quiet"),
    ]
    days = [(each.at - midnight(0)) // (24 * HOUR_MS) for each in story.told if each.kind.startswith("segment.")]
    assert days == [31, 61]


@pytest.mark.parametrize(
    ("tick", "told"),
    [
        (midnight(90) - 1, []),
        (midnight(90), [("left", "general_development", "general_win_back", "quiet")]),
        (midnight(91), [("left", "general_development", "general_win_back", "quiet")]),
    ],
)
def test_a_type_changes_when_recency_is_no_longer_high(tick: int, told: object) -> None:
    story = Story(segmented(frozenset({"general_development"})))
    story.has(an_order())
    story.told.clear()
    story.tick(tick)
    assert segments_told(story) == told


def test_an_order_that_leaves_the_window_moves_segments_for_that_reason() -> None:
    story = Story(a_policy(window_days=50, tier_window_days=50, segments=some_segments()))
    story.has(an_order(net=8_000), an_order("o-2", at=noon(40), net=8_000))
    story.told.clear()
    story.tick(midnight(50))
    assert segments_told(story) == [
        ("left", "potential_loyalist", "new", "window_exit"),
        ("entered", "potential_loyalist", "new", "window_exit"),
        ("left", "frequent_high_spend", "rare_low_spend", "window_exit"),
        ("entered", "frequent_high_spend", "rare_low_spend", "window_exit"),
        ("left", "important_value", "general_development", "window_exit"),
        ("entered", "important_value", "general_development", "window_exit"),
    ]


@pytest.mark.parametrize(
    ("window_days", "now", "reason"),
    [
        # R falls 31 days after the last order, on day 61. A window of 61 days loses the first five orders then, too.
        (61, "potential_loyalist", "window_exit"),
        (62, "loyal", "quiet"),
    ],
)
def test_a_change_is_quiet_only_when_no_order_left_the_window(window_days: int, now: str, reason: str) -> None:
    story = Story(a_policy(window_days=window_days, segments=some_segments(frozenset({"champion"}))))
    story.has(*[an_order(f"o-{number}", at=noon(0 if number < 5 else 30)) for number in range(8)])
    story.told.clear()
    story.tick(midnight(61))
    assert segments_told(story) == [("left", "champion", now, reason)]


def test_a_policy_without_segments_scores_none() -> None:
    story = Story(a_policy())
    story.has(an_order())
    story.tick(midnight(400))
    assert segments_told(story) == []
    assert (story.member.rf_segment, story.member.quadrant, story.member.kind_of_eight) == (-1, -1, -1)


# --- alerts ---


def test_alerts_of_a_purchase_say_nothing_of_silence() -> None:
    story = Story(a_policy())
    story.has(an_order())
    story.tick(midnight(60))
    story.has(an_order("o-2", at=noon(61)))
    assert [(each.kind, isinstance(each.facts, Silence)) for each in story.told[1:]] == [
        ("lifecycle.first_purchase", False),
        ("lifecycle.near_churn", True),
        ("lifecycle.recovered", False),
    ]
    assert kinds(story.told[:1]) == ["tier.joined"]
