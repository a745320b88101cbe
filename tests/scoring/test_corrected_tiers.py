"""Orders that arrive late and show a fall to have been wrong."""

from typing import Any

import pytest

from scoring.outcomes import TierFacts
from scoring.policy import CALENDAR_YEAR, Policy, SealRules
from tests.builders import (
    BASIC,
    GOLD,
    HELD_TIERS,
    SILVER,
    Story,
    a_visit,
    an_order,
    an_override,
    holding,
    kinds,
    midnight,
    noon,
)
from tests.scoring.late_news import alerts, comes_late, correcting, tiers


def fallen_at_once() -> Story:
    """Silver by two orders, of which one left the window of 60 days at the start of day 60."""
    story = Story(correcting(tiers=HELD_TIERS, tier_window_days=60))
    story.has(an_order("a"), an_order("b", at=noon(40)))
    story.tick(midnight(62))
    assert tiers(story.told)[-1] == ("downgraded", "Silver", "Basic", "window_exit")
    story.told.clear()
    return story


@pytest.mark.parametrize(("bought", "corrected"), [(0, False), (1, True), (59, True), (60, False)])
def test_a_fall_at_once_is_corrected_and_what_holds_now_decides_the_tier(bought: int, *, corrected: bool) -> None:
    story = fallen_at_once()
    told = comes_late(story, bought, seen=63)
    # The order of the first day has left the window by now, that of the second has not.
    up = [("upgraded", "Basic", "Silver", "purchase")] if bought > 2 else []
    wrong = [("corrected", "Basic", "Silver", "late_event")] if corrected else []
    assert tiers(told) == wrong + up
    if corrected:
        facts = told[0].facts
        assert isinstance(facts, TierFacts)
        assert facts.superseded is not None
        assert (facts.superseded.kind, facts.superseded.at) == ("tier.downgraded", midnight(60))
        assert told[0].tier == (SILVER if up else BASIC)


@pytest.mark.parametrize(("seen", "corrected"), [(460, True), (461, False)])
def test_a_fall_is_judged_while_the_ledger_has_the_whole_window_of_then(seen: int, *, corrected: bool) -> None:
    story = Story(correcting(tiers=HELD_TIERS))
    story.has(an_order("a"), an_order("b", at=noon(100)))
    # The first order leaves the window; what is left began on day 1.
    story.tick(midnight(seen))
    comes_late(story, 50, seen=seen)
    assert ("tier.corrected" in kinds(story.told)) is corrected


def test_a_fall_because_an_override_ended_is_not_remembered() -> None:
    story = Story(correcting(tiers=HELD_TIERS))
    story.has(an_order("a"), an_override("Gold", until=midnight(30), at=noon(1)))
    story.tick(midnight(30))
    assert tiers(story.told)[-1] == ("downgraded", "Gold", "Basic", "override_ended")
    assert story.member.told == ()


def test_a_fall_to_an_override_is_not_remembered() -> None:
    story = Story(correcting(tiers=HELD_TIERS, tier_window_days=60))
    story.has(an_order("a", net=4_000), an_override("Silver", until=midnight(300), at=noon(1)))
    story.tick(midnight(60))
    assert tiers(story.told)[-1] == ("downgraded", "Gold", "Silver", "window_exit")
    assert [each.kind for each in story.member.told] == ["lifecycle.near_churn"]


def on_hold(**rules: Any) -> Policy:
    return holding(**{"corrects": True, "tiers": HELD_TIERS, **rules})


def fallen_from_hold(**rules: Any) -> Story:
    """Silver by one order of 20.00, held for 100 days, then lost: nothing of it was left in the window."""
    story = Story(on_hold(**rules))
    story.has(an_order("first", net=2_000))
    story.tick(midnight(100))
    assert tiers(story.told)[-1] == ("downgraded", "Silver", "Basic", "hold_end")
    story.told.clear()
    return story


@pytest.mark.parametrize(("bought", "undone"), [(0, False), (1, True), (99, True), (100, False)])
def test_a_fall_from_a_hold_is_undone_when_the_member_had_qualified_by_then(bought: int, *, undone: bool) -> None:
    story = fallen_from_hold()
    told = comes_late(story, bought, seen=105, net=2_000)
    if undone:
        assert tiers(told) == [
            ("corrected", "Basic", "Silver", "late_event"),
            ("upgraded", "Basic", "Silver", "late_event"),
        ]
        ann = story.member
        assert (ann.held_until, ann.qualified_at, ann.stack) == (midnight(200), midnight(100), ())
    else:
        assert tiers(told)[:1] != [("corrected", "Basic", "Silver", "late_event")]


def test_the_hold_given_back_is_of_the_tier_lost_even_where_more_was_earned_and_the_rise_follows() -> None:
    story = fallen_from_hold(return_window_days=200)
    told = comes_late(story, 50, seen=105, net=4_500)
    assert tiers(told) == [
        ("corrected", "Basic", "Silver", "late_event"),
        ("upgraded", "Basic", "Gold", "late_event"),
    ]
    assert [(hold.rank, hold.held_until) for hold in story.member.stack] == [(SILVER, midnight(200))]
    assert story.member.held_until == midnight(200)


def test_a_fall_to_less_than_was_earned_is_undone_as_far_as_that() -> None:
    story = Story(on_hold(one_level=False))
    story.has(an_order("first", net=4_000))
    story.tick(midnight(100))
    assert tiers(story.told)[-1] == ("downgraded", "Gold", "Basic", "hold_end")
    story.told.clear()
    assert tiers(comes_late(story, 50, seen=105, net=2_000)) == [
        ("corrected", "Basic", "Silver", "late_event"),
        ("upgraded", "Basic", "Silver", "late_event"),
    ]


def test_a_hold_that_would_be_over_by_now_is_not_given_back() -> None:
    story = fallen_from_hold(hold_days=100, return_window_days=300)
    story.tick(midnight(201))
    told = comes_late(story, 50, seen=201, net=2_000)
    assert tiers(told) == [("corrected", "Basic", "Silver", "late_event")]
    assert story.member.base == BASIC


@pytest.mark.parametrize(("tick", "undone"), [(200, False), (199, True)])
def test_a_hold_is_given_back_while_it_would_last(tick: int, *, undone: bool) -> None:
    story = fallen_from_hold(return_window_days=300)
    story.has(a_visit(at=noon(tick - 1)))
    story.tick(midnight(tick))
    # As of the tick for those who were not due.
    told = comes_late(story, 50, seen=tick, net=2_000)
    assert (("upgraded", "Basic", "Silver", "late_event") in tiers(told)) is undone


def test_a_fall_at_the_very_end_of_the_hold_that_there_would_have_been_stands() -> None:
    story = Story(on_hold(hold_days=50, tier_window_days=100, return_window_days=300))
    story.has(an_order("a", net=4_000))
    # One level at a time: gold until day 50 and again until 100, when the order has left the window.
    story.tick(midnight(151))
    falls = [(news.before, news.after, news.at) for news in story.told if news.kind == "tier.downgraded"]
    assert falls == [("Gold", "Silver", midnight(100)), ("Silver", "Basic", midnight(150))]
    assert tiers(comes_late(story, 49, seen=152, net=4_000)) == [("corrected", "Silver", "Gold", "late_event")]


def fallen_twice() -> Story:
    """Gold by 2026, silver at the end of the grace in 2028, basic at the end of the grace in 2029."""
    story = Story(on_hold(tier_window=CALENDAR_YEAR, grace_days=59))
    story.has(an_order("first", net=4_000, at=noon(10)))
    story.tick(midnight(1_155))
    falls = [(news.before, news.after, news.at) for news in story.told if news.kind == "tier.downgraded"]
    assert falls == [("Gold", "Silver", midnight(730 + 59)), ("Silver", "Basic", midnight(1_096 + 59))]
    story.told.clear()
    return story


def test_later_falls_from_what_would_have_been_held_were_wrong_too() -> None:
    # Gold by the orders of 2028, known in time, would have been held until 2030.
    story = fallen_twice()
    assert tiers(comes_late(story, 770, seen=1_160, net=4_000)) == [
        ("corrected", "Silver", "Gold", "late_event"),
        ("corrected", "Basic", "Gold", "late_event"),
        ("upgraded", "Basic", "Gold", "late_event"),
    ]
    assert (story.member.base, story.member.held_until) == (GOLD, midnight(1_461))


def test_they_were_wrong_for_a_member_too_who_has_the_tier_again() -> None:
    story = fallen_twice()
    story.has(an_order("back", net=4_000, at=noon(1_158)))
    assert (story.member.base, story.member.held_until) == (GOLD, midnight(1_826))
    assert tiers(comes_late(story, 770, seen=1_160, net=4_000)) == [
        ("corrected", "Silver", "Gold", "late_event"),
        ("corrected", "Basic", "Gold", "late_event"),
    ]
    assert (story.member.held_until, story.member.stack) == (midnight(1_826), ())


def test_years_give_back_a_hold_to_the_end_of_the_year_that_earned_it() -> None:
    story = Story(on_hold(tier_window=CALENDAR_YEAR, return_window_days=400))
    story.has(an_order("first", net=2_000, at=noon(10)))
    # Entered in 2026, held until 2028; by then 2027 and 2028 are looked at.
    story.tick(midnight(730))
    assert tiers(story.told)[-1] == ("downgraded", "Silver", "Basic", "hold_end")
    story.told.clear()
    assert tiers(comes_late(story, 500, seen=735, net=2_000)) == [
        ("corrected", "Basic", "Silver", "late_event"),
        ("upgraded", "Basic", "Silver", "late_event"),
    ]
    # By the year before alone: until the end of 2028.
    assert story.member.held_until == midnight(730 + 366)


def test_a_tier_given_back_is_not_provisional() -> None:
    story = fallen_from_hold(provisional=True)
    told = comes_late(story, 50, seen=105, net=2_000)
    assert tiers(told)[-1][0] == "upgraded"
    assert not story.member.provisional
    assert [news.facts.provisional for news in told if isinstance(news.facts, TierFacts)][-1] is False


def test_tiers_are_corrected_before_they_move_and_alerts_before_they_are_told() -> None:
    story = fallen_from_hold()
    told = comes_late(story, 80, seen=105, net=2_000)
    assert kinds(told) == ["tier.corrected", "tier.upgraded", "lifecycle.corrected"]
    assert [news.sequence for news in told] == sorted(news.sequence for news in told)


def test_an_order_that_is_sealed_on_arrival_corrects_too() -> None:
    story = Story(correcting(seal=SealRules(512, 4_096), return_window_days=30))
    story.has(an_order("first"))
    story.tick(midnight(90))
    told = comes_late(story, 50, seen=91)
    assert alerts(told)[-1] == ("corrected", "recently_lapsed", "active", "late_event")
    assert story.member.orders == b""
