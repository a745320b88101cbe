"""Upgrades that wait for the return window: what confirms them, what withdraws them, and when."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import EPOCH, instant_of
from scoring.events import MemberEvent
from scoring.further import Asked, Hold
from scoring.outcomes import Outcome, TierFacts
from scoring.policy import CALENDAR_YEAR, Policy
from tests.builders import (
    BASIC,
    DAY_MS,
    GOLD,
    HELD_TIERS,
    HOUR_MS,
    SILVER,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_visit,
    a_zone,
    an_order,
    an_override,
    holding,
    kinds,
    midnight,
    noon,
)
from tests.scoring.told_tiers import told_tiers

SILVER_TEST = Asked(2, 2_000, match_all=False)


def at_once(**rules: Any) -> Policy:
    return a_policy(**{"tiers": HELD_TIERS, "provisional": True, **rules})


def on_hold(**rules: Any) -> Policy:
    return holding(**{"hold_days": 365, "tier_window_days": 365, "provisional": True, **rules})


EITHER = pytest.mark.parametrize("policy", [at_once(), on_hold()], ids=["at once", "on hold"])


def says_provisional(outcomes: list[Outcome]) -> list[bool | None]:
    """Of every upgrade."""
    facts = [news.facts for news in outcomes if news.kind == "tier.upgraded"]
    return [each.provisional for each in facts if isinstance(each, TierFacts)]


def a_silver_member(policy: Policy) -> Story:
    """Silver by one order of 20.00 on the first day."""
    story = Story(policy)
    story.has(an_order("first", net=2_000))
    return story


@EITHER
@pytest.mark.parametrize(("at", "confirmed"), [(midnight(90) - 1, False), (midnight(90), True)])
def test_an_upgrade_is_confirmed_when_its_order_can_no_longer_be_returned(
    policy: Policy, at: int, *, confirmed: bool
) -> None:
    story = a_silver_member(policy)
    assert says_provisional(story.told) == [True]
    assert story.member.provisional
    story.told.clear()
    story.tick(at)
    news = [("confirmed", "Silver", "Silver", "settled", midnight(90))]
    assert told_tiers(story.told) == (news if confirmed else [])
    assert story.member.provisional is not confirmed


def test_a_day_of_the_return_window_begins_in_the_zone_of_the_policy() -> None:
    story = a_silver_member(at_once(zone=a_zone("Europe/Berlin"), tiers=HELD_TIERS[:2]))
    story.tick(midnight(95))
    [told] = [news for news in story.told if news.kind == "tier.confirmed"]
    # 1 April, summer time.
    assert told.at == midnight(90) - 2 * HOUR_MS


@EITHER
def test_all_orders_that_earned_a_tier_are_waited_for_and_no_others(policy: Policy) -> None:
    story = Story(policy)
    story.has(an_order("a"), an_order("b", at=noon(10)), an_order("after", at=noon(20), net=500))
    story.told.clear()
    story.tick(midnight(200))
    assert [(told[0], told[4]) for told in told_tiers(story.told)] == [("confirmed", midnight(100))]


@EITHER
@pytest.mark.parametrize(("bought", "provisional"), [(4, False), (5, False), (6, True)])
def test_an_upgrade_by_settled_orders_alone_was_never_provisional(
    policy: Policy, bought: int, *, provisional: bool
) -> None:
    story = Story(policy)
    story.has(an_order("a"), a_visit(at=noon(95)))
    story.has(an_order("late", at=noon(bought)), log_time=instant_of(noon(95)))
    assert says_provisional(story.told) == [provisional]
    assert story.member.provisional is provisional
    story.tick(midnight(96))
    assert [told[0] for told in told_tiers(story.told)] == ["upgraded", *(["confirmed"] if provisional else [])]


@EITHER
@pytest.mark.parametrize(
    ("taken_back", "reason"),
    [(a_return("first", at=noon(20), amount=2_000), "return"), (a_cancel("first", at=noon(20)), "cancel")],
    ids=["return", "cancel"],
)
def test_what_is_taken_back_withdraws_the_tier_before_it_is_lost(
    policy: Policy, taken_back: MemberEvent, reason: str
) -> None:
    story = a_silver_member(policy)
    at = instant_of(noon(20))
    decision = story.has(taken_back)
    assert told_tiers(list(decision.outcomes)) == [
        ("withdrawn", "Silver", "Basic", reason, at),
        ("downgraded", "Silver", "Basic", reason, at),
    ]
    ann = story.member
    assert (ann.provisional, ann.qualified_at, ann.asked, ann.next_due) == (False, 0, None, 0)


@EITHER
def test_a_confirmed_tier_is_lost_without_being_withdrawn(policy: Policy) -> None:
    story = a_silver_member(policy)
    story.tick(midnight(90))
    decision = story.has(a_return("first", at=noon(91), amount=2_000))
    assert [told[0] for told in told_tiers(list(decision.outcomes))] == ["downgraded"]


def test_a_tier_lost_to_time_is_withdrawn_too_and_late_when_it_is_told_late() -> None:
    story = a_silver_member(at_once(tier_window_days=50))
    story.told.clear()
    story.tick(midnight(50) + HOUR_MS + 1)
    assert told_tiers(story.told) == [
        ("withdrawn", "Silver", "Basic", "window_exit", midnight(50)),
        ("downgraded", "Silver", "Basic", "window_exit", midnight(50)),
    ]
    assert [news.catch_up for news in story.told] == [True, False]


def test_a_hold_that_ends_before_the_return_window_withdraws_its_tier() -> None:
    story = a_silver_member(on_hold(hold_days=50, tier_window_days=40))
    story.told.clear()
    story.tick(midnight(50))
    assert [told[0:4] for told in told_tiers(story.told)] == [
        ("withdrawn", "Silver", "Basic", "hold_end"),
        ("downgraded", "Silver", "Basic", "hold_end"),
    ]


@EITHER
def test_a_tier_that_other_orders_earn_by_now_waits_for_these(policy: Policy) -> None:
    policy.tiers = policy.tiers[:2]
    story = a_silver_member(policy)
    story.has(an_order("second", at=noon(30), net=2_000))
    story.has(a_return("first", at=noon(40), amount=2_000))
    ann = story.member
    assert (ann.tier, ann.provisional, ann.qualified_at) == (SILVER, True, instant_of(noon(40)))
    story.told.clear()
    story.tick(midnight(200))
    assert [(told[0], told[4]) for told in told_tiers(story.told)] == [("confirmed", midnight(120))]


@EITHER
def test_a_return_that_leaves_enough_changes_nothing(policy: Policy) -> None:
    story = Story(policy)
    story.has(an_order("first", net=2_500), a_return("first", at=noon(40), amount=500))
    assert (story.member.provisional, story.member.qualified_at) == (True, instant_of(noon(0)))


def a_member_on_her_way() -> Story:
    """Silver on the first day, gold ten days later."""
    story = a_silver_member(on_hold())
    story.has(an_order("second", at=noon(10), net=2_000))
    story.told.clear()
    return story


def test_a_rise_while_provisional_says_nothing_of_the_tier_left_which_keeps_its_flag() -> None:
    story = a_member_on_her_way()
    assert story.member.base == GOLD
    hold = Hold(SILVER, midnight(365), instant_of(noon(0)), SILVER_TEST, notice_told=False, provisional=True)
    assert story.member.stack == (hold,)
    story.tick(midnight(101))
    assert [told[:3] for told in told_tiers(story.told)] == [("confirmed", "Gold", "Gold")]


def test_a_tier_fallen_back_to_goes_on_waiting() -> None:
    story = a_member_on_her_way()
    story.has(a_return("second", at=noon(20), amount=2_000))
    assert story.member.provisional
    story.tick(midnight(90))
    assert [told[:3] for told in told_tiers(story.told)] == [
        ("withdrawn", "Gold", "Silver"),
        ("downgraded", "Gold", "Silver"),
        ("confirmed", "Silver", "Silver"),
    ]
    assert told_tiers(story.told)[-1][4] == midnight(90)


def test_a_tier_fallen_back_to_may_be_confirmed_in_the_same_step() -> None:
    story = a_member_on_her_way()
    decision = story.has(a_return("second", at=noon(95), amount=2_000))
    assert [told[:4] for told in told_tiers(list(decision.outcomes))] == [
        ("withdrawn", "Gold", "Silver", "return"),
        ("downgraded", "Gold", "Silver", "return"),
        ("confirmed", "Silver", "Silver", "settled"),
    ]


@pytest.mark.parametrize(("window", "confirmed"), [(51, 60), (50, 90)])
def test_a_tier_prolonged_goes_on_waiting_for_what_prolonged_it(window: int, confirmed: int) -> None:
    rules = {"hold_days": 50, "tier_window_days": window, "return_window_days": 60}
    story = a_silver_member(on_hold(tiers=HELD_TIERS[:2], **rules))
    story.has(an_order("again", at=noon(30), net=2_000))
    story.told.clear()
    story.tick(midnight(confirmed))
    found = [(told[0], told[4]) for told in told_tiers(story.told)]
    assert found[0] == ("prolonged", midnight(50))
    assert found[-1] == ("confirmed", midnight(confirmed))


def test_an_upgrade_whose_orders_have_left_the_ledger_is_confirmed_by_the_event_that_overtook_the_timer() -> None:
    story = Story(on_hold(hold_days=700))
    story.has(an_order("a"), an_order("b", at=noon(300)))
    story.told.clear()
    story.has(a_visit(at=noon(470)))
    assert [told[:4] for told in told_tiers(story.told)] == [("confirmed", "Silver", "Silver", "settled")]


def test_an_override_above_keeps_confirmation_and_withdrawal_silent() -> None:
    for last in (a_visit("late", at=noon(95)), a_return("first", at=noon(20), amount=2_000)):
        story = a_silver_member(at_once())
        story.has(an_override("Gold", until=midnight(400), at=noon(1)))
        assert says_provisional(story.told) == [True, False]
        story.told.clear()
        story.has(last)
        assert told_tiers(story.told) == []
        assert not story.member.provisional


def test_a_fall_below_an_override_that_is_set_at_the_same_time_is_still_withdrawn() -> None:
    story = a_silver_member(on_hold(hold_days=50, tier_window_days=40))
    decision = story.has(an_override("Silver", until=midnight(400), at=noon(55)))
    assert [told[:4] for told in told_tiers(list(decision.outcomes))] == [
        ("override_set", "Silver", "Silver", "override"),
        ("withdrawn", "Silver", "Basic", "override"),
    ]


def test_years_confirm_by_the_year_that_earned_the_tier() -> None:
    story = Story(on_hold(tier_window=CALENDAR_YEAR))
    story.has(an_order("a", at=noon(340)), an_order("b", at=noon(350)))
    story.tick(midnight(440) - 1)
    assert "tier.confirmed" not in kinds(story.told)
    story.tick(midnight(440))
    assert [(told[0], told[4]) for told in told_tiers(story.told)][-1] == ("confirmed", midnight(440))


@EITHER
def test_without_returns_nothing_is_provisional(policy: Policy) -> None:
    policy.return_window_days = 0
    story = a_silver_member(policy)
    assert says_provisional(story.told) == [False]


def test_other_policies_do_not_speak_of_it() -> None:
    for policy in (a_policy(tiers=HELD_TIERS), holding()):
        story = a_silver_member(policy)
        assert says_provisional(story.told) in ([], [None])
        assert not story.member.provisional


MOMENTS = st.integers(0, 400 * DAY_MS)


@settings(max_examples=150, deadline=None)
@given(
    held=st.booleans(), steps=st.lists(st.tuples(MOMENTS, st.sampled_from("ooorct"), st.integers(0, 5)), max_size=25)
)
def test_every_provisional_upgrade_is_at_last_confirmed_or_withdrawn_and_has_a_timer_until_then(
    held: bool, steps: list[tuple[int, str, int]]
) -> None:
    rules: dict[str, Any] = {"tier_window_days": 60, "return_window_days": 20}
    story = Story(on_hold(hold_days=50, grace_days=10, **rules) if held else at_once(**rules))
    story.has(an_order("o0", net=1_500))
    for after, what, number in sorted(steps):
        at = EPOCH + timedelta(milliseconds=midnight(1) + after)
        before = story.member
        if what == "t":
            told = list(story.tick(max(midnight(1) + after, story.position.last_tick + 1)).outcomes)
        else:
            events: dict[str, MemberEvent] = {
                "o": an_order(f"o{number}", at=at, net=1_500),
                "r": a_return(f"o{number}", at=at, amount=1_500),
                "c": a_cancel(f"o{number}", at=at),
            }
            told = list(story.has(events[what]).outcomes)
        ann = story.member
        if ann.provisional:
            assert (ann.base > BASIC, ann.asked is None) == (True, False)
            assert ann.next_due > ann.as_of
        elif before.provisional:
            ended = {"tier.confirmed", "tier.withdrawn"} & set(kinds(told))
            assert ended or says_provisional(told)[-1:] == [False]
        for place, news in enumerate(told):
            if news.kind == "tier.withdrawn":
                assert told[place + 1].kind == "tier.downgraded"
    story.tick(midnight(1_000))
    assert not story.member.provisional
