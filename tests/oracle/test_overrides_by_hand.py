"""Tiers given by hand, in small stories worked out from docs/rules.md, section 6.6."""

from typing import Any

import pytest

from tests.oracle.telling import Telling, ms
from tests.oracle.test_holds_by_hand import brief, holding, state, tiers_of, two_orders


def given(told: Telling, tier: str, until: str, at: str, **fields: Any) -> Telling:
    """``until`` as the tests write instants: UTC without its offset."""
    return told.event("tier.overridden", at, tier=tier, until=f"{until}+00:00", reason="slip", actor="ada", **fields)


def taken_back(told: Telling, at: str, **fields: Any) -> Telling:
    return told.event("tier.override_withdrawn", at, reason="slip", actor="ada", **fields)


def test_override_joins_sets_and_lifts_in_this_order() -> None:
    told = given(Telling(), "A", "2026-03-01T00:00", "2026-01-01")
    assert [(o.kind, o.before, o.after, o.reason) for o in told.outcomes] == [
        ("tier.joined", "", "D", "joined"),
        ("tier.override_set", "D", "A", "override"),
        ("tier.upgraded", "D", "A", "override"),
    ]
    assert (told.member.tier, state(told).base, told.member.next_due_at) == ("A", "D", ms("2026-03-01T00:00"))


@pytest.mark.parametrize(("at", "ended"), [("2026-02-28T23:59:59.999", False), ("2026-03-01T00:00", True)])
def test_override_ends_at_its_instant_and_leaves_the_tier_that_the_rules_give(at: str, *, ended: bool) -> None:
    told = given(Telling(), "A", "2026-03-01T00:00", "2026-01-01")
    told.paid("o1", 10_000, "2026-02-27").tick(at)
    ends = [("override_ended", "A", "C", "override_ended"), ("downgraded", "A", "C", "override_ended")]
    assert brief(told)[2:] == (ends if ended else [])


def test_end_that_was_overtaken_is_told_by_the_event_with_the_rise_of_that_event() -> None:
    told = given(Telling(), "C", "2026-03-01T00:00", "2026-01-01").paid("o1", 30_000, "2026-03-05")
    assert brief(told)[2:] == [("override_ended", "C", "B", "override_ended"), ("upgraded", "C", "B", "override_ended")]
    assert tiers_of(told)[-1].at == ms("2026-03-05")


def test_override_below_the_base_is_told_and_moves_nothing() -> None:
    told = given(Telling().paid("o1", 30_000, "2026-01-01"), "C", "2026-03-01T00:00", "2026-01-02")
    assert brief(told.tick("2026-03-01T00:00"))[1:] == [
        ("override_set", "B", "B", "override"),
        ("override_ended", "B", "B", "override_ended"),
    ]


def test_later_override_wins_whichever_arrives_first() -> None:
    told = given(Telling(), "C", "2026-03-01T00:00", "2026-01-02")
    given(told, "A", "2026-03-01T00:00", "2026-01-01", seen="2026-01-02")
    taken_back(told, "2026-01-01", seen="2026-01-03")
    assert brief(told) == [("override_set", "D", "C", "override"), ("upgraded", "D", "C", "override")]
    given(told, "A", "2026-02-01T00:00", "2026-01-03")
    assert brief(told)[2:] == [("override_set", "C", "A", "override"), ("upgraded", "C", "A", "override")]


@pytest.mark.parametrize(("second", "wins"), [("e09", False), ("e1", True), ("e10", True), ("f", True), ("é", True)])
def test_of_two_overrides_of_one_instant_the_larger_event_id_wins(second: str, *, wins: bool) -> None:
    told = given(Telling(), "C", "2026-03-01T00:00", "2026-01-02", event_id="e0~" if second != "e09" else "e1")
    given(told, "B", "2026-03-01T00:00", "2026-01-02", event_id=second)
    assert told.member.tier == ("B" if wins else "C")


def test_withdrawal_ends_it_and_an_older_override_does_not_come_back() -> None:
    told = given(Telling(), "C", "2026-03-01T00:00", "2026-01-01")
    taken_back(given(told, "A", "2026-03-01T00:00", "2026-01-02"), "2026-01-03")
    assert brief(told)[4:] == [
        ("override_ended", "A", "D", "override_ended"),
        ("downgraded", "A", "D", "override_ended"),
    ]
    assert told.member.next_due_at is None


def test_override_that_is_over_when_it_comes_says_nothing_and_ends_the_one_before() -> None:
    told = given(Telling(), "A", "2026-01-01T12:00", "2026-01-01")
    assert (brief(told), told.member.tier) == ([], "D")
    given(told, "A", "2026-03-01T00:00", "2026-01-02")
    given(told, "A", "2026-01-02T18:00", "2026-01-03")
    assert brief(told)[2:] == [
        ("override_ended", "A", "D", "override_ended"),
        ("downgraded", "A", "D", "override_ended"),
    ]


def test_hold_goes_on_silently_below_an_override() -> None:
    # C ends on the 22nd and is prolonged by what counts then, ends again on 11 February and falls: all unseen below B.
    told = given(two_orders(holding()), "B", "2026-03-01T00:00", "2026-01-03")
    told.paid("o3", 1, "2026-01-14").paid("o4", 1, "2026-01-15").tick("2026-01-22T00:00")
    assert (len(brief(told)), state(told).held_until) == (3, ms("2026-02-11T00:00"))
    told.tick("2026-02-11T00:00")
    assert (len(brief(told)), state(told).base, told.member.tier) == (3, "D", "B")
    assert brief(told.tick("2026-03-01T00:00"))[3:] == [
        ("override_ended", "B", "D", "override_ended"),
        ("downgraded", "B", "D", "override_ended"),
    ]


@pytest.mark.parametrize(
    ("tier", "until", "is_told"),
    [
        ("C", "2026-01-21T23:59:59.999", True),
        ("C", "2026-01-22T00:00", False),
        ("B", "2026-01-22T00:00", False),
        ("D", "2026-01-22T00:00", True),
    ],
)
def test_nobody_is_warned_of_an_end_that_an_override_outlasts(tier: str, until: str, *, is_told: bool) -> None:
    told = given(two_orders(holding(expiring_days=3)), tier, until, "2026-01-03").tick("2026-01-19T00:00")
    assert (tiers_of(told)[-1].kind == "tier.expiring") is is_told


def test_override_event_said_again_is_a_duplicate() -> None:
    told = given(Telling(), "A", "2026-03-01T00:00", "2026-01-01")
    given(told, "A", "2026-03-01T00:00", "2026-01-01", event_id="e1", seen="2026-01-09")
    assert (told.member.as_of, told.member.offset, len(told.kinds)) == (ms("2026-01-01"), 2, 3)


def test_policy_with_holds_lets_an_order_earn_a_tier_that_the_override_also_gives() -> None:
    told = given(holding(), "C", "2026-01-10T00:00", "2026-01-01")
    assert brief(two_orders(told).tick("2026-01-10T00:00"))[2:] == [("override_ended", "C", "C", "override_ended")]


@pytest.mark.parametrize(
    ("withdrawn", "detail"),
    [("2026-01-20T11:59:59.999", "withdrawn"), ("2026-01-20T12:00:00", "until"), ("2026-01-25", "until")],
)
def test_withdrawal_of_what_has_ended_by_itself_does_not_say_withdrawn(withdrawn: str, detail: str) -> None:
    told = taken_back(given(Telling(), "A", "2026-01-20T12:00:00", "2026-01-10"), withdrawn)
    assert [o.said.detail for o in tiers_of(told)] == ["", "", detail, ""]
