"""Tiers by percentile: what a cut asks for, who it moves and when, and whose doing it was."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calendar import instant_of
from scoring.engine import Decision, adopt
from scoring.further import Asked
from scoring.origin import CUT_MOVED
from scoring.outcomes import BelowCut, Missing, Outcome, TierFacts
from scoring.percentile import NOBODY
from scoring.policy import Cuts, Policy
from scoring.segment_rules import Medians, SegmentRules
from scoring.shortfall import missing_to_keep, missing_to_next
from scoring.tiers import standing
from tests.builders import (
    BASIC,
    BLACK,
    GOLD,
    HELD_TIERS,
    SILVER,
    Story,
    a_cancel,
    a_policy,
    a_return,
    an_order,
    an_override,
    holding,
    midnight,
    noon,
)

#: Per tier the cut to enter and the one to keep it.
CUTS = {SILVER: (1_000, 900), GOLD: (5_000, 4_500), BLACK: (20_000, 18_000)}


def some_cuts(
    asked: Mapping[int, tuple[int | None, int | None]] | None = None,
    *,
    date: str = "2026-01-01",
    fallback: bool = False,
) -> Cuts:
    found: Mapping[int, tuple[int | None, int | None]] = CUTS if asked is None else asked
    enter = {rank: pair[0] for rank, pair in found.items()}
    leave = {rank: pair[1] for rank, pair in found.items()}
    return Cuts(date, fallback, frozenset(found), enter, leave)


def by_cuts(cuts: Cuts | None = None) -> Policy:
    """Up and down at once; thresholds of two, four and eight orders serve where cuts do not decide."""
    return a_policy(tiers=HELD_TIERS, by_percentile=True).with_cuts(cuts or some_cuts(), None)


def held_by_cuts(cuts: Cuts | None = None, *, tier_window_days: int = 100) -> Policy:
    return holding(by_percentile=True, tier_window_days=tier_window_days).with_cuts(cuts or some_cuts(), None)


def recut(story: Story, cuts: Cuts, at: int) -> Decision:
    """New cuts come, logged ``at`` (epoch ms); the last tick was then too."""
    before, after = story.policy, story.policy.with_cuts(cuts, story.policy.segments)
    story.policy = after
    story.position.offset += 1
    story.position.log_time = story.position.last_tick = at
    decision = adopt(story.member, before, after, CUT_MOVED, f"cuts:{cuts.date}", story.position)
    story._goes_on(decision)
    return decision


def moves(outcomes: list[Outcome]) -> list[tuple[str, str, str, str]]:
    """From, to, reason and by whom, of every change of tier."""
    found = []
    for news in outcomes:
        if news.kind in ("tier.upgraded", "tier.downgraded"):
            assert isinstance(news.facts, TierFacts)
            found.append((news.before, news.after, news.reason, news.facts.moved_by))
    return found


@pytest.mark.parametrize(
    ("frequency", "monetary", "below", "at_silver", "at_gold"),
    [
        (0, 0, BASIC, BASIC, BASIC),
        (1, 899, BASIC, BASIC, BASIC),
        (1, 900, BASIC, SILVER, SILVER),
        (1, 999, BASIC, SILVER, SILVER),
        (1, 1_000, SILVER, SILVER, SILVER),
        (4, 250, SILVER, SILVER, SILVER),
        (3, 1_499, SILVER, SILVER, SILVER),
        (3, 1_500, SILVER, SILVER, GOLD),
        (4, 1_249, SILVER, SILVER, GOLD),
        (4, 1_250, GOLD, GOLD, GOLD),
        (2, 10_000, BLACK, BLACK, BLACK),
        (10**6, 10**12, BLACK, BLACK, BLACK),
    ],
)
def test_orders_times_money_reach_the_enter_cut_from_below_and_the_leave_cut_from_above(
    frequency: int, monetary: int, below: int, at_silver: int, at_gold: int
) -> None:
    found = [standing(by_cuts(), [(frequency, monetary)], base) for base in (BASIC, SILVER, GOLD)]
    assert found == [below, at_silver, at_gold]


def test_nobody_reaches_a_cut_that_is_null_and_who_is_there_cannot_stay() -> None:
    policy = by_cuts(some_cuts({SILVER: (1, 1), GOLD: (None, 10), BLACK: (None, None)}))
    assert standing(policy, [(10, 10**12)], BASIC) == SILVER
    assert standing(policy, [(10, 1)], GOLD) == GOLD
    assert standing(policy, [(10, 10**12)], BLACK) == GOLD


@pytest.mark.parametrize(
    ("cuts", "tier"),
    [
        (None, SILVER),
        (some_cuts(fallback=True), SILVER),
        (some_cuts({}), SILVER),
        (some_cuts({GOLD: (1, 1)}), GOLD),
        (some_cuts({SILVER: (10**9, 10**9)}), BASIC),
        (some_cuts(), BASIC),
    ],
)
def test_thresholds_decide_where_there_is_no_cut(cuts: Cuts | None, tier: int) -> None:
    policy = a_policy(tiers=HELD_TIERS, by_percentile=True)
    if cuts is not None:
        policy = policy.with_cuts(cuts, None)
    for base in (BASIC, SILVER):
        assert standing(policy, [(2, 300)], base) == tier


def test_cuts_say_nothing_under_a_policy_by_thresholds() -> None:
    policy = a_policy(tiers=HELD_TIERS).with_cuts(some_cuts(), None)
    assert standing(policy, [(2, 10**9)], BASIC) == BLACK
    assert standing(policy, [(2, 10)], BASIC) == SILVER


@st.composite
def nested_cuts(draw: st.DrawFn) -> Cuts:
    values = sorted(draw(st.lists(st.integers(1, 60), min_size=6, max_size=6)))
    pairs: dict[int, tuple[int | None, int | None]] = {}
    for rank in (SILVER, GOLD, BLACK):
        leave, enter = values[2 * rank - 2], values[2 * rank - 1]
        nobody = draw(st.integers(0, 3))
        pairs[rank] = (None if nobody >= 2 else enter, None if nobody == 3 else leave)
    return some_cuts(pairs)


@given(nested_cuts(), st.integers(0, 8), st.integers(0, 12), st.sampled_from((BASIC, SILVER, GOLD, BLACK)))
def test_standing_is_the_highest_tier_whose_own_cut_is_reached(cuts: Cuts, orders: int, money: int, base: int) -> None:
    expected = BASIC
    for rank in (SILVER, GOLD, BLACK):
        cut = cuts.enter[rank] if rank > base else cuts.leave[rank]
        if cut is not None and orders * money >= cut:
            expected = rank
    assert standing(by_cuts(cuts), [(orders, money)], base) == expected


@given(nested_cuts(), st.integers(0, 8), st.integers(0, 12))
def test_a_day_without_news_moves_nobody_twice(cuts: Cuts, orders: int, money: int) -> None:
    policy = by_cuts(cuts)
    for base in (BASIC, SILVER, GOLD, BLACK):
        settled = standing(policy, [(orders, money)], base)
        assert standing(policy, [(orders, money)], settled) <= max(settled, base)
        if settled >= base:
            assert standing(policy, [(orders, money)], settled) == settled


# -- up and down at once ---------------------------------------------------------------------------------------------


def test_a_purchase_moves_the_member_up_by_her_own_doing() -> None:
    story = Story(by_cuts())
    story.has(an_order("one", net=999))
    assert story.member.tier == BASIC
    story.has(an_order("two", net=1_501))
    assert moves(story.told) == [("Basic", "Gold", "purchase", "own")]
    assert story.told[-1].facts is not None
    assert isinstance(story.told[-1].facts, TierFacts)
    assert story.told[-1].facts.value == 2 * 2_500


@pytest.mark.parametrize(
    ("leave", "moved"), [(2_499, []), (2_500, []), (2_501, [("Gold", "Silver", "cut_moved", "peers")])]
)
def test_a_new_leave_cut_lets_her_fall_although_she_did_nothing(leave: int, moved: list[tuple[str, ...]]) -> None:
    story = Story(by_cuts(some_cuts({SILVER: (100, 90), GOLD: (2_500, 2_400), BLACK: (10**6, 10**6)})))
    story.has(an_order(net=2_500))
    story.told.clear()
    decision = recut(story, some_cuts({SILVER: (100, 90), GOLD: (9_999, leave)}, date="2026-01-02"), midnight(1))
    assert moves(story.told) == moved
    assert [(news.cause, news.at) for news in decision.outcomes] == [("cuts:2026-01-02", midnight(1))] * len(moved)


def test_a_lower_enter_cut_lifts_her_although_she_did_nothing() -> None:
    story = Story(by_cuts())
    story.has(an_order(net=4_999))
    story.told.clear()
    recut(story, some_cuts({SILVER: (1_000, 900), GOLD: (4_999, 4_000)}), midnight(1))
    assert moves(story.told) == [("Silver", "Gold", "cut_moved", "peers")]


def test_cuts_that_move_nobody_leave_the_member_untouched() -> None:
    story = Story(by_cuts())
    story.has(an_order(net=1_000))
    before = story.member
    decision = recut(story, some_cuts({SILVER: (1_000, 1_000)}, date="2026-01-02"), midnight(1))
    assert decision.state is before
    assert decision.state.as_of == instant_of(noon(0))


@pytest.mark.parametrize("value", [899, 900])
def test_a_return_costs_the_tier_below_the_leave_cut_only(value: int) -> None:
    story = Story(by_cuts())
    story.has(an_order(net=1_000), a_return(amount=1_000 - value))
    assert moves(story.told)[1:] == ([("Silver", "Basic", "return", "own")] if value < 900 else [])


def test_an_order_that_leaves_the_window_takes_the_rank_with_it() -> None:
    story = Story(by_cuts())
    story.has(an_order(net=5_000))
    story.tick(midnight(365))
    assert moves(story.told)[1:] == [("Gold", "Basic", "window_exit", "own")]
    assert story.member.tier_frequency == 0


# -- on hold ---------------------------------------------------------------------------------------------------------


def a_gold_member(*, tier_window_days: int = 100) -> Story:
    """Gold by one order of 50.00, held for 100 days."""
    story = Story(held_by_cuts(tier_window_days=tier_window_days))
    story.has(an_order("first", net=5_000))
    story.told.clear()
    return story


OUT_OF_REACH = {SILVER: (8_000, 7_000), GOLD: (9_000, 8_500), BLACK: (20_000, 18_000)}


def test_a_tier_on_hold_remembers_the_cut_it_was_entered_by() -> None:
    assert a_gold_member().member.asked == Asked(None, None, match_all=False, cut=5_000)


def test_moved_cuts_take_no_tier_before_its_hold_ends() -> None:
    story = a_gold_member(tier_window_days=365)
    recut(story, some_cuts(OUT_OF_REACH, date="2026-01-02"), midnight(1))
    assert (story.told, story.member.tier) == ([], GOLD)
    story.tick(midnight(100))
    assert moves(story.told) == [("Gold", "Silver", "hold_end", "peers")]
    assert story.member.asked is None


def test_who_bought_less_falls_by_her_own_doing() -> None:
    story = a_gold_member(tier_window_days=50)
    story.tick(midnight(100))
    assert moves(story.told) == [("Gold", "Silver", "hold_end", "own")]


def test_who_fell_below_the_cut_she_passed_falls_by_her_own_doing_even_when_the_cut_rose() -> None:
    story = Story(held_by_cuts(tier_window_days=90))
    story.has(an_order("first", net=4_999), an_order("later", net=1_000, at=noon(20)))
    story.told.clear()
    recut(story, some_cuts(OUT_OF_REACH, date="2026-02-01"), midnight(31))
    story.tick(midnight(120))
    assert moves(story.told)[0] == ("Gold", "Silver", "hold_end", "own")


def test_at_the_end_of_a_hold_the_leave_cut_is_enough_and_is_what_the_next_hold_rests_on() -> None:
    story = a_gold_member(tier_window_days=365)
    recut(story, some_cuts({SILVER: (1, 1), GOLD: (6_000, 5_000)}, date="2026-01-02"), midnight(1))
    story.tick(midnight(100))
    assert [news.kind for news in story.told if news.kind.startswith("tier")] == ["tier.prolonged"]
    assert (story.member.held_until, story.member.asked) == (
        midnight(200),
        Asked(None, None, match_all=False, cut=5_000),
    )


@pytest.mark.parametrize(("amount", "tier"), [(0, GOLD), (1, SILVER)])
def test_a_return_repeats_the_test_of_then_and_not_the_leave_cut_of_now(amount: int, tier: int) -> None:
    story = a_gold_member(tier_window_days=365)
    recut(story, some_cuts(OUT_OF_REACH | {SILVER: (1_000, 900)}, date="2026-01-02"), midnight(1))
    story.has(a_return("first", amount=amount, at=noon(2)))
    assert story.member.tier == tier
    assert moves(story.told) == ([("Gold", "Silver", "return", "own")] if amount else [])


def test_who_fails_the_test_of_then_stays_by_the_leave_cut_of_now() -> None:
    story = a_gold_member()
    story.has(a_return("first", amount=500, at=noon(2)))
    assert (story.member.tier, story.member.asked) == (GOLD, Asked(None, None, match_all=False, cut=4_500))
    assert (story.told, story.member.qualified_at) == ([], instant_of(noon(2)))
    story.has(a_cancel("first", at=noon(3)))
    assert moves(story.told) == [("Gold", "Basic", "cancel", "own")]


def test_a_hold_that_a_null_cut_ends_remembers_that_nobody_passed() -> None:
    story = a_gold_member(tier_window_days=365)
    recut(story, some_cuts({SILVER: (1, 1), GOLD: (None, None)}, date="2026-01-02"), midnight(1))
    assert missing_to_keep(story.member, story.policy, midnight(100)) == BelowCut(None, 5_000)
    story.tick(midnight(100))
    assert moves(story.told) == [("Gold", "Silver", "hold_end", "peers")]
    assert story.member.asked == Asked(None, None, match_all=False, cut=1)
    assert NOBODY < 0


def test_an_override_that_lifts_her_is_nobodys_rank() -> None:
    story = Story(by_cuts())
    story.has(an_order(net=1_000))
    story.told.clear()
    story.has(an_override("Black", until=midnight(10), at=noon(1)))
    assert moves(story.told) == [("Silver", "Black", "override", "own")]


# -- what is told ----------------------------------------------------------------------------------------------------


def test_what_is_missing_is_told_as_cut_and_value() -> None:
    story = a_gold_member(tier_window_days=60)
    assert missing_to_next(story.member, GOLD, story.policy) == BelowCut(20_000, 5_000)
    assert missing_to_next(story.member, BLACK, story.policy) is None
    assert missing_to_keep(story.member, story.policy, midnight(100)) == BelowCut(4_500, 0)


def test_under_the_fallback_what_is_missing_is_told_as_orders_and_money() -> None:
    story = Story(held_by_cuts(some_cuts(fallback=True)))
    story.has(an_order(net=100), an_order("two", net=100))
    assert missing_to_next(story.member, SILVER, story.policy) == Missing(2, 3_800)


def test_the_notice_looks_at_the_leave_cut() -> None:
    policy = holding(by_percentile=True, expiring_days=30, tier_window_days=365)
    for leave, expected in ((5_000, []), (5_001, ["tier.expiring"])):
        story = Story(policy.with_cuts(some_cuts({SILVER: (1, 1), GOLD: (5_000, 5_000)}), None))
        story.has(an_order(net=5_000))
        story.told.clear()
        recut(story, some_cuts({SILVER: (1, 1), GOLD: (9_000, leave)}, date="2026-01-02"), midnight(1))
        story.tick(midnight(70))
        assert [news.kind for news in story.told if news.kind.startswith("tier")] == expected


# -- the policy and the segments of a day ----------------------------------------------------------------------------


def segment_rules(*, by_median: bool = False, by_quantile: bool = False) -> SegmentRules:
    return SegmentRules([30, 60, 90, 180], [2, 3, 5, 8], 90, 1, 10_000, by_median, frozenset(), by_quantile)


def test_a_policy_under_cuts_differs_in_cuts_and_segments_alone() -> None:
    policy = held_by_cuts()
    other = some_cuts(date="2027-01-01")
    rules = segment_rules()
    fields = [name for name in dir(policy) if not name.startswith("_") and not callable(getattr(policy, name))]
    assert len(fields) > 25
    after = policy.with_cuts(other, rules)
    assert {name for name in fields if getattr(after, name) != getattr(policy, name)} == {"cuts", "segments"}
    assert (after.cuts, after.segments) == (other, rules)


@pytest.mark.parametrize(("by_median", "median", "quadrant"), [(True, 499, 1), (True, 500, 3), (False, 499, 3)])
def test_the_median_of_the_day_says_what_is_high_where_the_policy_asks_for_it(
    by_median: bool, median: int, quadrant: int
) -> None:
    cuts = Cuts("2026-01-01", fallback=True, ranks=frozenset(), enter={}, leave={}, medians=Medians(10, 1, median))
    policy = a_policy(segments=segment_rules(by_median=by_median)).with_cuts(cuts, segment_rules(by_median=by_median))
    story = Story(policy)
    story.has(an_order(net=500))
    assert story.member.quadrant == quadrant


def test_recency_by_median_has_its_timer() -> None:
    rules = segment_rules(by_median=True)
    cuts = Cuts("2026-01-01", fallback=True, ranks=frozenset(), enter={}, leave={}, medians=Medians(10, 1, 1))
    story = Story(a_policy(segments=rules).with_cuts(cuts, rules))
    story.has(an_order(net=500))
    assert (story.member.kind_of_eight, story.member.next_due) == (1, midnight(10))
    story.tick(midnight(10))
    assert story.member.kind_of_eight == 3


def test_quantiles_of_a_day_follow_those_of_the_day_before_and_end_with_them() -> None:
    stated = segment_rules(by_quantile=True)
    first = stated.with_quantiles([1, 2, 3, 4], [1, 1, 2, 3])
    second = first.with_quantiles([5, 6, 7, 8], [2, 3, 4, 5])
    assert (first.r_cuts, second.r_cuts) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert first.stated is stated
    assert second.stated is stated
    assert second.by_quantile
