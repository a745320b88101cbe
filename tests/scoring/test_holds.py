"""A tier on hold: how long it is kept, what prolongs it, what takes it away, and when its end is announced."""

from datetime import datetime, timedelta

import pytest

from scoring.calendar import instant_of
from scoring.events import MemberEvent
from scoring.further import Asked, Hold
from scoring.tier_rules import TierRule
from tests.builders import (
    BASIC,
    BLACK,
    GOLD,
    HELD_TIERS,
    SILVER,
    Story,
    a_cancel,
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
GOLD_TEST = Asked(4, 4_000, match_all=False)


def a_silver_member(**rules: int) -> Story:
    """Silver by one order of 20.00, held for 100 days."""
    story = Story(holding(**rules))  # type: ignore[arg-type]
    story.has(an_order("first", net=2_000))
    story.told.clear()
    return story


def test_a_tier_reached_is_held_for_the_days_of_the_policy() -> None:
    story = a_silver_member()
    ann = story.member
    assert (ann.tier, ann.base, ann.held_until, ann.grace_until) == (SILVER, SILVER, midnight(100), 0)
    assert (ann.qualified_at, ann.asked, ann.stack) == (instant_of(noon(0)), SILVER_TEST, ())


def test_the_lowest_tier_has_no_hold() -> None:
    story = Story(holding())
    story.has(an_order(net=100))
    assert (story.member.base, story.member.held_until, story.member.asked, story.member.further) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("at", "tier"), [(midnight(100) - 1, SILVER), (midnight(100), BASIC), (midnight(100) + 1, BASIC)]
)
def test_a_hold_ends_at_the_start_of_its_day(at: int, tier: int) -> None:
    story = a_silver_member()
    story.tick(at)
    assert story.member.tier == tier
    fallen = [("downgraded", "Silver", "Basic", "hold_end", midnight(100))]
    assert told_tiers(story.told) == (fallen if tier == BASIC else [])


def test_orders_that_leave_the_window_cost_nothing_before_the_hold_ends() -> None:
    story = Story(holding(tier_window_days=30))
    story.has(an_order(net=2_000))
    story.tick(midnight(99))
    assert (story.member.tier_frequency, story.member.tier) == (0, SILVER)


def a_requalified_member(day: int) -> Story:
    """Silver on the first day, and again by an order of that day alone; never enough for gold."""
    story = Story(holding(tiers=HELD_TIERS[:2]))
    story.has(an_order("first", net=2_000), an_order("again", net=2_000, at=noon(day)))
    story.told.clear()
    return story


@pytest.mark.parametrize(
    ("day", "kind", "held_until"), [(0, "downgraded", 0), (1, "prolonged", 200), (99, "prolonged", 200)]
)
def test_purchases_prolong_at_the_end_only_and_only_those_in_the_window(day: int, kind: str, held_until: int) -> None:
    story = a_requalified_member(day)
    assert story.member.held_until == midnight(100)
    story.tick(midnight(100))
    assert [(told[0], told[3], told[4]) for told in told_tiers(story.told)] == [(kind, "hold_end", midnight(100))]
    assert story.member.held_until == (midnight(held_until) if held_until else 0)
    if held_until:
        assert (story.member.qualified_at, story.member.asked) == (midnight(100), SILVER_TEST)


def test_an_end_that_an_event_overtakes_happens_at_the_event() -> None:
    story = a_requalified_member(50)
    story.has(a_visit(at=noon(103)))
    assert told_tiers(story.told) == [("prolonged", "Silver", "Silver", "hold_end", instant_of(noon(103)))]
    assert story.member.held_until == midnight(203)


def test_a_purchase_that_overtakes_the_end_prolongs() -> None:
    story = a_silver_member(tier_window_days=50)
    story.has(an_order("again", net=2_000, at=noon(103)))
    assert told_tiers(story.told) == [("prolonged", "Silver", "Silver", "hold_end", instant_of(noon(103)))]


# -- grace -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (midnight(100), []),
        (midnight(107) - 1, []),
        (midnight(107), [("downgraded", "Silver", "Basic", "grace_end", midnight(107))]),
        (midnight(107) + 1, [("downgraded", "Silver", "Basic", "grace_end", midnight(107))]),
    ],
)
def test_a_tier_is_kept_in_grace_until_the_start_of_its_last_day(at: int, told: list[object]) -> None:
    story = a_silver_member(grace_days=7)
    story.tick(midnight(100))
    assert (story.member.held_until, story.member.grace_until) == (midnight(100), midnight(107))
    assert story.member.next_due == midnight(107)
    story.tick(at)
    assert told_tiers(story.told) == told


def test_qualifying_in_grace_prolongs_at_once_for_the_reason_it_has() -> None:
    story = a_silver_member(grace_days=7)
    story.tick(midnight(100))
    story.has(an_order("again", net=2_000, at=noon(103)))
    assert told_tiers(story.told) == [("prolonged", "Silver", "Silver", "purchase", instant_of(noon(103)))]
    assert (story.member.held_until, story.member.grace_until) == (midnight(203), 0)


def test_an_event_that_overtakes_the_end_of_grace_falls_there() -> None:
    story = a_silver_member(grace_days=7)
    story.has(a_visit(at=noon(110)))
    assert told_tiers(story.told) == [("downgraded", "Silver", "Basic", "grace_end", instant_of(noon(110)))]


def test_an_event_between_the_end_and_the_end_of_grace_begins_the_grace() -> None:
    story = a_silver_member(grace_days=7)
    story.has(a_visit(at=noon(103)))
    assert (story.member.grace_until, story.member.next_due) == (midnight(107), midnight(107))
    assert told_tiers(story.told) == []


# -- how far a fall by time goes ---------------------------------------------------------------------------------------

PROTECTED = (*HELD_TIERS[:1], TierRule("Silver", 2, 2_000, match_all=False, never_downgrade=True), *HELD_TIERS[2:])


@pytest.mark.parametrize(
    ("one_level", "rules", "in_window", "after"),
    [
        (True, HELD_TIERS, 0, GOLD),
        (True, HELD_TIERS, 2_000, GOLD),
        (True, HELD_TIERS, 4_000, GOLD),
        (False, HELD_TIERS, 0, BASIC),
        (False, HELD_TIERS, 2_000, SILVER),
        (False, HELD_TIERS, 4_000, GOLD),
        (True, PROTECTED, 0, GOLD),
        (False, PROTECTED, 0, SILVER),
        (False, PROTECTED, 4_000, GOLD),
    ],
)
def test_a_fall_by_time_is_one_level_or_to_the_match_and_stops_at_a_protected_tier(
    one_level: bool, rules: tuple[TierRule, ...], in_window: int, after: int
) -> None:
    story = Story(holding(one_level=one_level, tiers=rules))
    story.has(an_order("first", net=8_000), an_order("later", net=in_window, at=noon(50)))
    story.tick(midnight(100))
    assert story.member.tier == after
    qualified = after > 0 and in_window >= (0, 2_000, 4_000, 8_000)[after]
    assert story.member.qualified_at == (midnight(100) if qualified else 0)
    assert (story.member.asked is not None) == qualified
    assert story.member.stack == ()


def test_a_fall_one_level_at_a_time_takes_a_hold_for_each() -> None:
    story = Story(holding())
    story.has(an_order("first", net=8_000))
    story.tick(midnight(1000))
    assert [(told[1], told[2], told[4]) for told in told_tiers(story.told) if told[0] == "downgraded"] == [
        ("Black", "Gold", midnight(100)),
        ("Gold", "Silver", midnight(200)),
        ("Silver", "Basic", midnight(300)),
    ]


def test_a_tier_that_never_falls_has_no_end() -> None:
    story = Story(holding(tiers=PROTECTED))
    story.has(an_order(net=2_000))
    assert (story.member.held_until, story.member.base) == (0, SILVER)
    story.tick(midnight(5000))
    assert story.member.tier == SILVER


def test_but_its_protection_is_against_time_only() -> None:
    story = Story(holding(tiers=PROTECTED))
    story.has(an_order(net=2_000), a_return(amount=2_000, at=noon(1)))
    assert story.member.tier == BASIC


# -- rising and the stack ----------------------------------------------------------------------------------------------


def test_a_hold_left_by_rising_waits_below() -> None:
    story = a_silver_member()
    story.has(an_order("second", net=2_000, at=noon(10)))
    assert (story.member.base, story.member.held_until) == (GOLD, midnight(110))
    assert story.member.stack == (Hold(SILVER, midnight(100), instant_of(noon(0)), SILVER_TEST, notice_told=False),)


LAST_INSTANT = noon(99) + timedelta(hours=12, milliseconds=-1)


@pytest.mark.parametrize(("at", "kept"), [(LAST_INSTANT, True), (noon(99) + timedelta(hours=12), False)])
def test_a_hold_that_is_over_is_not_kept_when_its_member_rises(at: datetime, *, kept: bool) -> None:
    story = a_silver_member()
    story.has(an_order("second", net=4_000, at=at))
    assert (story.member.base, len(story.member.stack)) == (GOLD, kept)


def test_a_hold_in_grace_is_not_kept_when_its_member_rises() -> None:
    story = a_silver_member(grace_days=7)
    story.tick(midnight(100))
    story.has(an_order("second", net=4_000, at=noon(101)))
    assert (story.member.base, story.member.stack, story.member.grace_until) == (GOLD, (), 0)


# -- what is taken back ------------------------------------------------------------------------------------------------


def a_risen_member() -> Story:
    """Silver on the first day by 20.00, gold on the tenth by 20.00 more."""
    story = a_silver_member()
    story.has(an_order("second", net=2_000, at=noon(10)))
    story.told.clear()
    return story


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (a_return("second", amount=1, at=noon(20)), "return"),
        (a_cancel("second", at=noon(20)), "cancel"),
        (an_order("second", net=1_999, revision=2, at=noon(20)), "revision"),
    ],
)
def test_a_qualification_that_is_taken_back_restores_the_hold_below(event: MemberEvent, reason: str) -> None:
    story = a_risen_member()
    story.has(event)
    assert told_tiers(story.told) == [("downgraded", "Gold", "Silver", reason, instant_of(noon(20)))]
    ann = story.member
    assert (ann.base, ann.held_until, ann.qualified_at, ann.stack) == (SILVER, midnight(100), instant_of(noon(0)), ())


@pytest.mark.parametrize(("amount", "tier"), [(0, GOLD), (1, SILVER)])
def test_a_return_costs_the_tier_from_the_first_cent_below_the_threshold(amount: int, tier: int) -> None:
    story = a_risen_member()
    story.has(a_return("second", amount=amount, at=noon(20)))
    assert story.member.tier == tier


def test_a_hold_below_whose_own_qualification_is_gone_falls_too() -> None:
    story = a_risen_member()
    # What is left, 20.00 of the tenth day, made no one silver on the first, but does so now.
    story.has(a_return("first", at=noon(20), amount=2_000))
    assert (story.member.base, story.member.held_until) == (SILVER, midnight(100))
    assert (story.member.qualified_at, story.member.asked) == (instant_of(noon(20)), SILVER_TEST)
    story.has(a_return("second", at=noon(21), amount=2_000))
    assert (story.member.base, story.member.held_until, story.member.stack) == (BASIC, 0, ())


@pytest.mark.parametrize(("at", "tier"), [(LAST_INSTANT, SILVER), (noon(99) + timedelta(hours=12), BASIC)])
def test_a_hold_below_that_has_ended_is_not_restored(at: datetime, tier: int) -> None:
    story = a_risen_member()
    story.has(a_cancel("second", at=at))
    assert (story.member.tier, story.member.stack) == (tier, ())


def test_who_qualifies_anew_keeps_the_hold_as_it_is() -> None:
    story = a_risen_member()
    story.has(an_order("third", net=2_000, at=noon(15)), a_cancel("second", at=noon(20)))
    ann = story.member
    assert (ann.tier, ann.held_until) == (GOLD, midnight(110))
    assert (ann.qualified_at, ann.asked) == (instant_of(noon(20)), GOLD_TEST)
    assert len(ann.stack) == 1


def test_a_member_who_stands_between_two_holds_gets_a_new_one() -> None:
    story = Story(holding())
    story.has(an_order("first", net=2_000))
    story.has(an_order("second", net=2_000, at=noon(5)), an_order("third", net=4_000, at=noon(10)))
    assert [hold.rank for hold in story.member.stack] == [SILVER, GOLD]
    story.has(an_order("fourth", net=2_000, at=noon(20)), a_cancel("second", at=noon(30)))
    # Black is still passed by the rest.
    assert story.member.base == BLACK
    story.has(a_return("third", amount=1_000, at=noon(31)))
    # 20.00 + 30.00 + 20.00: gold, whose hold was not passed on the fifth day without the second order, but is now.
    ann = story.member
    assert (ann.base, ann.held_until, ann.qualified_at) == (GOLD, midnight(105), instant_of(noon(31)))
    assert [hold.rank for hold in ann.stack] == [SILVER]


def test_a_present_standing_above_the_hold_that_stands_starts_a_hold_of_its_own() -> None:
    story = Story(holding(hold_days=50))
    story.has(an_order("first", net=2_000), an_order("second", net=6_000, at=noon(10)))
    assert [hold.rank for hold in story.member.stack] == [SILVER]
    story.has(a_return("second", amount=2_000, at=noon(30)))
    ann = story.member
    assert (ann.base, ann.held_until, ann.qualified_at) == (GOLD, midnight(80), instant_of(noon(30)))
    assert [hold.rank for hold in ann.stack] == [SILVER]


@pytest.mark.parametrize(("day", "tier"), [(105, BASIC), (106, GOLD)])
def test_a_qualification_too_old_to_repeat_stands(day: int, tier: int) -> None:
    policy = holding(hold_days=300, tier_window_days=20)
    # The window of day 0 begins on day -19, which leaves the ledger on day 106.
    policy.horizon_days = 125
    story = Story(policy)
    story.has(an_order("first", net=4_000), a_cancel("first", at=noon(day)))
    assert story.member.base == tier


def test_an_event_without_a_correction_tests_nothing_again() -> None:
    story = a_silver_member(tier_window_days=30)
    story.has(a_visit(at=noon(50)), an_order("other", net=5, at=noon(60)))
    assert (story.member.tier, story.member.qualified_at) == (SILVER, instant_of(noon(0)))


# -- the notice --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "told"), [(midnight(90) - 1, 0), (midnight(90), 1), (midnight(100) - 1, 1)])
def test_the_end_is_announced_so_many_days_before(at: int, told: int) -> None:
    story = a_silver_member(expiring_days=10)
    story.tick(at)
    notices = [news for news in story.told if news.kind == "tier.expiring"]
    assert [(news.at, news.reason, news.before, news.after) for news in notices] == [
        (midnight(90), "hold_end", "Silver", "Silver")
    ] * told
    assert story.member.notice_told is bool(told)


def test_an_event_in_time_announces_and_once_is_enough() -> None:
    story = a_silver_member(expiring_days=10)
    story.has(a_visit(at=noon(95)), a_visit("again", at=noon(96)))
    assert [news.at for news in story.told if news.kind == "tier.expiring"] == [instant_of(noon(95))]


def test_who_will_still_qualify_is_not_told() -> None:
    story = Story(holding(tiers=HELD_TIERS[:2], expiring_days=10))
    story.has(an_order("first", net=2_000), an_order("again", net=2_000, at=noon(50)))
    story.tick(midnight(99))
    assert "tier.expiring" not in kinds(story.told)
    assert not story.member.notice_told
    # A return within the time of the notice brings it, though no timer is due.
    told = story.has(a_return("again", amount=2_000, at=noon(99))).outcomes
    assert kinds(told)[0] == "tier.expiring"


def test_an_order_that_leaves_by_the_end_does_not_count_in_the_notice() -> None:
    story = Story(holding(tiers=HELD_TIERS[:2], expiring_days=10, tier_window_days=95))
    story.has(an_order("first", net=2_000), an_order("again", net=2_000, at=noon(5)))
    story.tick(midnight(90))
    assert kinds(story.told)[-1] == "tier.expiring"


@pytest.mark.parametrize(
    ("one_level", "net", "would_be"), [(True, 8_000, GOLD), (False, 8_000, BASIC), (True, 2_000, BASIC)]
)
def test_the_notice_says_what_the_member_would_be(one_level: bool, net: int, would_be: int) -> None:
    story = Story(holding(one_level=one_level, expiring_days=10))
    story.has(an_order(net=net))
    story.tick(midnight(90))
    (notice,) = [news for news in story.told if news.kind == "tier.expiring"]
    assert getattr(notice.facts, "would_be", None) == would_be


@pytest.mark.parametrize(
    ("tier", "until", "told"),
    [
        ("Gold", midnight(100), 0),
        ("Silver", midnight(100), 0),
        ("Silver", midnight(100) - 1, 1),
        ("Basic", midnight(200), 1),
    ],
)
def test_no_notice_while_an_override_lasts_longer(tier: str, until: int, told: int) -> None:
    story = a_silver_member(expiring_days=10)
    story.has(an_override(tier, until=until, at=noon(1)))
    story.tick(midnight(100) - 2)
    assert kinds(story.told).count("tier.expiring") == told


def test_a_new_hold_is_announced_anew() -> None:
    story = Story(holding(one_level=True, expiring_days=10))
    story.has(an_order(net=4_000))
    story.tick(midnight(300))
    assert [news.at for news in story.told if news.kind == "tier.expiring"] == [midnight(90), midnight(190)]


def test_holds_end_when_the_local_day_begins() -> None:
    # New York goes to daylight saving on day 66 and back on day 304 of 2026.
    zone = a_zone("America/New_York")
    for days in (60, 67, 200, 310):
        story = Story(holding(zone=zone, hold_days=days, grace_days=3, expiring_days=2, tier_window_days=10))
        story.has(an_order(net=2_000))
        first = zone.day_of(instant_of(noon(0)))
        story.tick(midnight(400))
        assert [(news.kind, news.at) for news in story.told if news.kind in {"tier.expiring", "tier.downgraded"}] == [
            ("tier.expiring", zone.start_of_day(first + days - 2)),
            ("tier.downgraded", zone.start_of_day(first + days + 3)),
        ]
