"""One event and what it does: outcomes, reasons, sequence, duplicates, and a state that is never written to."""

import copy
from datetime import timedelta
from inspect import signature

import pytest

from scoring.calendar import instant_of
from scoring.engine import APPLIED, DUPLICATE, Position, apply, fire
from scoring.events import MemberEvent, MemberReferred
from scoring.outcomes import Outcome
from scoring.state import FINGERPRINT_BYTES, MemberState
from tests.builders import (
    NOON,
    Story,
    a_cancel,
    a_joining,
    a_policy,
    a_return,
    a_visit,
    an_order,
    contents,
    kinds,
    midnight,
    noon,
)

A_REFERRAL = MemberReferred(event_id="referred-1", member_id="ann", occurred_at=noon(1), referrer_id="bob")
EVERY_TYPE: list[MemberEvent] = [
    an_order("new", at=noon(1)),
    an_order("order-1", at=noon(1), net=200_000, revision=2),
    a_return(at=noon(1)),
    a_cancel(at=noon(1)),
    a_visit(at=noon(1)),
    a_joining(at=noon(1)),
    A_REFERRAL,
]


@pytest.mark.parametrize("event", EVERY_TYPE)
def test_the_given_state_is_never_written_to(event: MemberEvent) -> None:
    story = Story()
    story.has(an_order("order-1"), an_order("order-2"), a_return("order-2", amount=10), a_visit("earlier"))
    before = copy.deepcopy(contents(story.member))
    given = story.member
    story.has(event)
    story.tick(midnight(500))
    assert contents(given) == before
    tick = Position(9, midnight(500), 0, imported=False)
    fire(given, midnight(500), story.policy, tick)
    assert contents(given) == before


@pytest.mark.parametrize("event", EVERY_TYPE)
def test_a_state_that_is_given_away_becomes_what_a_copy_of_it_would(event: MemberEvent) -> None:
    story = Story()
    story.has(an_order("order-1"), an_order("order-2"))
    position = Position(9, midnight(2), 0, imported=False)
    kept = apply(story.member, event, story.policy, position)
    given = apply(story.member.clone(), event, story.policy, position, given=True)
    assert contents(given.state) == contents(kept.state)
    assert (given.verdict, given.moved) == (kept.verdict, kept.moved)
    assert [_said(each) for each in given.outcomes] == [_said(each) for each in kept.outcomes]


def _said(outcome: Outcome) -> list[object]:
    return [getattr(outcome, name) for name in signature(Outcome).parameters]


@pytest.mark.parametrize("event", EVERY_TYPE)
def test_the_same_event_twice_moves_only_the_offset(event: MemberEvent) -> None:
    story = Story()
    story.has(an_order("order-1"), an_order("order-2", net=99))
    assert story.has(event).verdict == APPLIED
    once = contents(story.member, but=["offset"])
    story.position.last_tick = midnight(80)
    again = story.has(event)
    assert (again.verdict, len(again.outcomes), again.moved) == (DUPLICATE, 0, False)
    assert again.state.offset == 3
    assert contents(again.state, but=["offset"]) == once


@pytest.mark.parametrize("event", [a_visit(), a_joining(), a_return(), a_cancel(), an_order(net=0)])
def test_any_first_event_makes_a_prospect_who_joined(event: MemberEvent) -> None:
    decision = Story().has(event)
    assert kinds(decision.outcomes) == ["tier.joined"]
    (joined,) = decision.outcomes
    assert (joined.before, joined.after, joined.rank_before, joined.rank_after) == ("", "Basic", -1, 0)
    assert (joined.reason, joined.sequence, joined.due_at) == ("joined", 1, 0)
    assert (decision.state.stage, decision.state.next_due, decision.state.joined_at) == (0, 0, instant_of(NOON))
    assert decision.moved


def test_a_first_order_tells_of_joining_then_tier_then_purchase() -> None:
    story = Story()
    order = an_order(net=100_000, event_id="e-1", shop_id="shop-7", channel="store", at=NOON)
    decision = story.has(order, log_time=instant_of(NOON) + 5)
    assert kinds(decision.outcomes) == ["tier.joined", "tier.upgraded", "lifecycle.first_purchase"]
    assert [news.reason for news in decision.outcomes] == ["joined", "purchase", "purchase"]
    assert [news.sequence for news in decision.outcomes] == [1, 2, 3]
    assert [news.tier for news in decision.outcomes] == [0, 2, 2]
    for news in decision.outcomes:
        assert (news.cause, news.order_id, news.shop_id, news.channel) == ("e-1", "order-1", "shop-7", "store")
        assert (news.frequency, news.monetary, news.last_purchase_at) == (1, 100_000, instant_of(NOON))
        assert (news.at, news.recorded_at, news.offset) == (instant_of(NOON), instant_of(NOON) + 5, 0)
        assert (news.next_due_at, news.due_at, news.catch_up) == (midnight(60), 0, False)
    assert (decision.outcomes[1].before, decision.outcomes[1].after) == ("Basic", "Gold")
    assert (decision.outcomes[2].before, decision.outcomes[2].after) == ("prospect", "new")


GOLD = [an_order(net=100_000)]


@pytest.mark.parametrize(
    ("before", "event", "kind", "reason"),
    [
        (GOLD, a_cancel(), "tier.downgraded", "cancel"),
        (GOLD, a_return(amount=1), "tier.downgraded", "return"),
        (GOLD, an_order(net=5, revision=2), "tier.downgraded", "revision"),
        ([an_order(net=5)], an_order(net=100_000, revision=2), "tier.upgraded", "revision"),
        ([an_order(net=5)], an_order("order-2", net=100_000), "tier.upgraded", "purchase"),
        # The first payment is the purchase, even after news of a cancel or a return.
        ([a_cancel()], an_order(net=100_000, revision=2), "tier.upgraded", "purchase"),
        ([a_return(amount=1)], an_order(net=100_001), "tier.upgraded", "purchase"),
        ([an_order(net=5), a_cancel()], an_order(net=100_000, revision=2), "tier.upgraded", "revision"),
    ],
)
def test_what_moved_the_tier_is_the_reason(
    before: list[MemberEvent], event: MemberEvent, kind: str, reason: str
) -> None:
    story = Story()
    story.has(*before)
    news = story.has(event).outcomes[0]
    assert (news.kind, news.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("quiet_days", "kind"),
    [
        (59, []),
        (60, ["lifecycle.recovered"]),
        (89, ["lifecycle.recovered"]),
        (90, ["lifecycle.reactivated"]),
        (180, ["lifecycle.reactivated"]),
        (365, ["lifecycle.reactivated"]),
    ],
)
def test_a_quiet_member_who_orders_again_is_back(quiet_days: int, kind: list[str]) -> None:
    story = Story()
    story.has(an_order())
    story.tick(midnight(quiet_days))
    assert kinds(story.has(an_order("again", at=noon(quiet_days))).outcomes) == kind
    assert story.member.stage == 2


@pytest.mark.parametrize(
    ("quiet_days", "kind", "due_day"),
    [
        (60, "lifecycle.near_churn", 60),
        (91, "lifecycle.lapsed_recently", 90),
        (364, "lifecycle.lapsed_mid", 180),
        (400, "lifecycle.dormant", 365),
    ],
)
def test_an_event_reports_the_boundaries_that_passed_without_a_tick_as_one(
    quiet_days: int, kind: str, due_day: int
) -> None:
    story = Story()
    story.has(an_order())
    (news,) = story.has(a_visit(at=noon(quiet_days), shop_id="shop-2", channel="web")).outcomes
    assert (news.kind, news.reason, news.due_at) == (kind, "other", midnight(due_day))
    assert (news.at, news.order_id, news.shop_id, news.channel) == (instant_of(noon(quiet_days)), "", "shop-2", "web")
    assert not news.catch_up


def test_a_cancel_that_moves_the_last_purchase_back_tells_the_present_stage() -> None:
    story = Story()
    story.has(an_order(), an_order("order-2", at=noon(100)))
    (news,) = story.has(a_cancel("order-2", at=noon(101))).outcomes
    assert (news.kind, news.reason, news.due_at) == ("lifecycle.lapsed_recently", "cancel", midnight(90))
    assert story.member.next_due == midnight(180)


def test_an_older_order_found_later_makes_a_dormant_member_less_quiet() -> None:
    story = Story()
    story.has(an_order())
    story.tick(midnight(370))
    (news,) = story.has(an_order("found", at=noon(200)), log_time=midnight(371)).outcomes
    assert (news.kind, news.before, news.after, news.due_at) == (
        "lifecycle.reactivated",
        "dormant",
        "recently_lapsed",
        0,
    )


def test_a_member_whose_orders_are_all_cancelled_is_a_silent_prospect() -> None:
    story = Story()
    story.has(an_order())
    decision = story.has(a_cancel())
    assert (len(decision.outcomes), decision.moved, decision.state.stage, decision.state.next_due) == (0, True, 0, 0)
    assert decision.state.last_at == 0


def test_a_second_day_makes_a_new_member_active_without_an_alert() -> None:
    story = Story()
    story.has(a_visit(), an_order(at=NOON + timedelta(hours=11, minutes=59)))
    assert story.member.stage == 1
    decision = story.has(an_order("next-day", at=NOON + timedelta(hours=12)))
    assert (decision.state.stage, decision.moved, len(decision.outcomes)) == (2, True, 0)


@pytest.mark.parametrize(
    ("known", "tick", "event", "as_of"), [(5, 3, 1, 5), (3, 5, 1, 5), (1, 3, 5, 5), (5, 5, 5, 5), (2, 0, 4, 4)]
)
def test_as_of_is_the_latest_of_state_tick_and_event(known: int, tick: int, event: int, as_of: int) -> None:
    story = Story()
    story.has(a_visit("first", at=noon(known)))
    story.position.last_tick = instant_of(noon(tick)) if tick else 0
    assert story.has(a_visit("second", at=noon(event))).state.as_of == instant_of(noon(as_of))


def test_the_last_sixteen_event_ids_are_remembered() -> None:
    story = Story()
    story.has(*[a_visit(f"visit-{n}") for n in range(17)])
    assert story.has(a_visit("visit-1")).verdict == DUPLICATE
    assert story.has(a_visit("visit-16")).verdict == DUPLICATE
    assert story.has(a_visit("visit-0")).verdict == APPLIED
    assert len(story.member.remembered) == 16 * FINGERPRINT_BYTES


def test_the_same_log_gives_the_same_outcomes() -> None:
    def told() -> list[tuple[object, ...]]:
        story = Story()
        story.has(*EVERY_TYPE)
        story.tick(midnight(800))
        return [tuple(getattr(news, name) for name in signature(Outcome).parameters) for news in story.told]

    assert told() == told()
    assert len(told()) > 5


def test_an_unknown_member_starts_from_nothing() -> None:
    position = Position(41, instant_of(NOON), 0, imported=False)
    decision = apply(None, an_order(), a_policy(), position)
    assert isinstance(decision.state, MemberState)
    assert decision.state.offset == 41
