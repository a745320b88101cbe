"""Upgrades that wait for the end of the return window, in small stories worked out by hand (docs/rules.md, 6.7)."""

from typing import Any

import pytest

from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms
from tests.oracle.test_holds_by_hand import BY_COUNT, brief, holding, state, tiers_of, two_orders
from tests.oracle.test_overrides_by_hand import given
from tests.oracle.test_policy_change_by_hand import later

D, C, B, A = BY_COUNT


def waiting(*levels: Any, **tiers: Any) -> Telling:
    """As ``holding``, with returns expected for three days: an order is settled at the start of the third day after."""
    return holding(*levels, upgrade="provisional", **tiers)


def at_once(*levels: Any, return_days: int = 3) -> Telling:
    """Orders of ten days count, and tiers fall with them."""
    return Telling(
        {
            **POLICY,
            "windows": {"reported_days": 30, "return_days": return_days},
            "tiers": {"window_days": 10, "upgrade": "provisional", "levels": list(levels or BY_COUNT)},
        }
    )


MODES = pytest.mark.parametrize("begin", [waiting, at_once])


@MODES
@pytest.mark.parametrize(("moment", "is_confirmed"), [("2026-01-04T23:59:59.999", False), ("2026-01-05T00:00", True)])
def test_tier_is_confirmed_when_the_orders_behind_it_are_settled(
    begin: Any, moment: str, *, is_confirmed: bool
) -> None:
    told = two_orders(begin())
    assert (tiers_of(told)[-1].said.provisional, told.member.next_due_at) == (True, ms("2026-01-04T00:00"))
    told.tick(moment)
    assert brief(told)[1:] == ([("confirmed", "C", "C", "settled")] if is_confirmed else [])


def test_late_tick_marks_confirmed_as_caught_up_and_dates_it_by_its_timer() -> None:
    confirmed = tiers_of(two_orders(waiting()).tick("2026-01-09"))[-1]
    assert (confirmed.at, confirmed.catch_up, confirmed.held_until) == (
        ms("2026-01-05T00:00"),
        True,
        ms("2026-01-22T00:00"),
    )


@MODES
def test_return_before_that_withdraws_the_tier_and_then_takes_it(begin: Any) -> None:
    told = two_orders(begin()).returned("o2", 100, "2026-01-03")
    assert brief(told)[1:] == [("withdrawn", "C", "D", "return"), ("downgraded", "C", "D", "return")]


@MODES
def test_return_after_that_only_takes_it(begin: Any) -> None:
    told = two_orders(begin()).tick("2026-01-05T00:00").returned("o2", 100, "2026-01-06")
    assert brief(told)[2:] == [("downgraded", "C", "D", "return")]


@MODES
@pytest.mark.parametrize(("day", "provisional"), [("2026-01-03", True), ("2026-01-04", False)])
def test_tier_by_orders_that_are_settled_already_has_nothing_to_wait_for(
    begin: Any, day: str, *, provisional: bool
) -> None:
    told = begin().paid("o1", 100, "2026-01-01").tick(day).paid("o2", 100, "2026-01-01T13:00:00.000", seen=day)
    assert [o.said.provisional for o in tiers_of(told)] == [provisional]
    assert [o.kind for o in tiers_of(told.tick("2026-01-09"))[1:]] == (["tier.confirmed"] if provisional else [])


def test_policy_without_the_wait_says_nothing_of_it() -> None:
    assert [o.said.provisional for o in tiers_of(two_orders(holding()))] == [None]


def test_rise_leaves_the_tier_below_waiting_and_a_cancel_brings_it_back_unconfirmed() -> None:
    told = two_orders(waiting()).paid("o3", 1, "2026-01-03").cancelled("o3", "2026-01-04")
    assert brief(told)[1:] == [
        ("upgraded", "C", "B", "purchase"),
        ("withdrawn", "B", "C", "cancel"),
        ("downgraded", "B", "C", "cancel"),
    ]
    assert brief(told.tick("2026-01-05T00:00"))[4:] == [("confirmed", "C", "C", "settled")]


def test_tier_that_comes_back_may_be_confirmed_in_the_same_step() -> None:
    told = two_orders(waiting()).paid("o3", 1, "2026-01-03").cancelled("o3", "2026-01-05")
    assert brief(told)[2:] == [
        ("withdrawn", "B", "C", "cancel"),
        ("downgraded", "B", "C", "cancel"),
        ("confirmed", "C", "C", "settled"),
    ]


def test_tier_reached_by_falling_is_not_provisional() -> None:
    levels = ({"name": "D"}, {"name": "C", "monetary": 100}, {"name": "B", "monetary": 300})
    told = waiting(*levels).paid("o1", 300, "2026-01-01").returned("o1", 200, "2026-01-02").tick("2026-01-09")
    assert brief(told) == [
        ("upgraded", "D", "B", "purchase"),
        ("withdrawn", "B", "C", "return"),
        ("downgraded", "B", "C", "return"),
    ]


def test_tier_that_falls_at_once_with_its_window_is_withdrawn_by_that() -> None:
    told = two_orders(at_once(return_days=20)).tick("2026-01-11T00:00")
    assert brief(told)[1:] == [("withdrawn", "C", "D", "window_exit"), ("downgraded", "C", "D", "window_exit")]


@pytest.mark.parametrize(("moment", "is_confirmed"), [("2026-01-05T23:59:59.999", False), ("2026-01-06T00:00", True)])
@pytest.mark.parametrize("begin", [waiting, at_once])
def test_who_qualifies_by_a_later_order_after_a_cancel_waits_for_that_one(
    begin: Any, moment: str, *, is_confirmed: bool
) -> None:
    told = two_orders(begin(D, C)).paid("o3", 1, "2026-01-03").cancelled("o1", "2026-01-04").tick(moment)
    assert brief(told)[1:] == ([("confirmed", "C", "C", "settled")] if is_confirmed else [])


def test_prolonged_tier_goes_on_waiting_and_is_confirmed_before_it_is_prolonged_again() -> None:
    told = two_orders(waiting(hold_days=1)).tick("2026-01-05T00:00")
    assert brief(told)[1:] == [
        ("prolonged", "C", "C", "hold_end"),
        ("prolonged", "C", "C", "hold_end"),
        ("confirmed", "C", "C", "settled"),
        ("prolonged", "C", "C", "hold_end"),
    ]


def test_hold_that_ends_before_the_return_window_withdraws() -> None:
    levels = ({"name": "D"}, {"name": "C", "frequency": 2})
    told = waiting(*levels, hold_days=12)
    told.publish({**later(*levels, hold_days=12, upgrade="provisional"), "windows": _days(60)}, "2025-12-31")
    assert brief(two_orders(told).tick("2026-01-14T00:00"))[1:] == [
        ("withdrawn", "C", "D", "hold_end"),
        ("downgraded", "C", "D", "hold_end"),
    ]


def test_confirmed_and_withdrawn_are_silent_below_an_override() -> None:
    told = given(waiting(), "B", "2026-03-01T00:00", "2026-01-01")
    assert [kind for kind, *_ in brief(two_orders(told).tick("2026-01-09"))] == ["override_set", "upgraded"]
    told = two_orders(given(waiting(), "B", "2026-03-01T00:00", "2026-01-01")).cancelled("o2", "2026-01-03")
    assert ([kind for kind, *_ in brief(told)], state(told).base) == (["override_set", "upgraded"], "D")


def test_upgrade_by_an_override_is_not_provisional() -> None:
    told = given(waiting(), "B", "2026-03-01T00:00", "2026-01-01")
    assert [o.said.provisional for o in tiers_of(told)] == [None, False]


def test_policy_without_the_wait_drops_it_without_a_word() -> None:
    told = two_orders(waiting()).publish(later(), "2026-01-02").cancelled("o2", "2026-01-03")
    assert brief(told)[1:] == [("downgraded", "C", "D", "cancel")]
    assert brief(two_orders(waiting()).publish(later(), "2026-01-02").tick("2026-01-09"))[1:] == []


def test_wait_goes_on_when_a_policy_brings_holds_or_ends_them() -> None:
    provisional = later(upgrade="provisional")
    told = two_orders(at_once()).tick("2026-01-03").publish(provisional, "2026-01-03").tick("2026-01-05T00:00")
    assert brief(told)[1:] == [("confirmed", "C", "C", "settled")]
    assert state(told).held_until == ms("2026-01-23T00:00")
    told = two_orders(waiting()).publish(
        {**provisional, "tiers": {"window_days": 10, "upgrade": "provisional", "levels": list(BY_COUNT)}}, "2026-01-03"
    )
    assert brief(told.tick("2026-01-05T00:00"))[1:] == [("confirmed", "C", "C", "settled")]
    assert state(told).held_until is None


def test_wait_goes_on_for_the_old_test_when_a_policy_asks_for_more() -> None:
    more = later(D, {"name": "C", "frequency": 3}, upgrade="provisional")
    told = two_orders(at_once()).tick("2026-01-03").publish(more, "2026-01-03").tick("2026-01-05T00:00")
    assert brief(told)[1:] == [("confirmed", "C", "C", "settled")]


def _days(return_days: int) -> dict[str, int]:
    return {"reported_days": 30, "return_days": return_days}
