"""How tiers are held and lost, in small stories worked out by hand from docs/rules.md, sections 6.1 to 6.5."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.oracle.answer import ExpectedFurther, ExpectedOutcome
from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms

BY_COUNT = ({"name": "D"}, {"name": "C", "frequency": 2}, {"name": "B", "frequency": 3}, {"name": "A", "frequency": 4})
BY_MONEY = (
    {"name": "D"},
    {"name": "C", "monetary": 100},
    {"name": "B", "monetary": 300},
    {"name": "A", "monetary": 800},
)


def holding(*levels: Mapping[str, Any], **tiers: Any) -> Telling:
    """Orders of ten days count, a tier is held for twenty; near churn is too far away to disturb."""
    held = {"window_days": 10, "downgrade": "at_hold_end", "hold_days": 20, "expiring_days": 0, **tiers}
    return Telling(
        {
            **POLICY,
            "windows": {"reported_days": 30, "return_days": 3},
            "tiers": {**held, "levels": list(levels or BY_COUNT)},
        }
    )


def two_orders(told: Telling) -> Telling:
    """C on 2 January, held until the start of the 22nd; both orders are out of the window from the 12th on."""
    return told.paid("o1", 100, "2026-01-01").paid("o2", 100, "2026-01-02")


def tiers_of(told: Telling) -> list[ExpectedOutcome]:
    return [o for o in told.outcomes if o.kind.startswith("tier.") and o.kind != "tier.joined"]


def brief(told: Telling) -> list[tuple[str, str, str, str]]:
    return [(o.kind.removeprefix("tier."), o.before, o.after, o.reason) for o in tiers_of(told)]


def state(told: Telling) -> ExpectedFurther:
    return told.answer().further["m"]


def test_tier_outlives_its_orders_until_the_hold_ends_and_falls_at_that_instant() -> None:
    told = two_orders(holding()).tick("2026-01-21T23:59:59.999")
    assert brief(told) == [("upgraded", "D", "C", "purchase")]
    assert [o.held_until for o in tiers_of(told)] == [ms("2026-01-22T00:00")]
    fall = tiers_of(told.tick("2026-01-22T00:00"))[-1]
    assert (fall.kind, fall.before, fall.after, fall.reason) == ("tier.downgraded", "C", "D", "hold_end")
    assert (fall.at, fall.held_until, fall.catch_up) == (ms("2026-01-22T00:00"), None, False)


def test_purchases_never_extend_a_hold_but_who_qualifies_at_its_end_is_prolonged() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-19").paid("o4", 1, "2026-01-20")
    assert state(told).held_until == ms("2026-01-22T00:00")
    end = tiers_of(told.tick("2026-01-22T00:00"))[-1]
    assert (end.kind, end.before, end.after, end.reason) == ("tier.prolonged", "C", "C", "hold_end")
    assert (end.at, end.held_until) == (ms("2026-01-22T00:00"), ms("2026-02-11T00:00"))


def test_late_tick_marks_prolonged_as_caught_up_and_never_a_downgrade() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-19").paid("o4", 1, "2026-01-20").tick("2026-02-20T00:00")
    assert [(o.kind, o.at, o.catch_up) for o in tiers_of(told)[1:]] == [
        ("tier.prolonged", ms("2026-01-22T00:00"), True),
        ("tier.downgraded", ms("2026-02-11T00:00"), False),
    ]


@pytest.mark.parametrize(("moment", "fell"), [("2026-01-26T23:59:59.999", False), ("2026-01-27T00:00", True)])
def test_grace_keeps_the_tier_for_its_days_after_the_hold(moment: str, *, fell: bool) -> None:
    told = two_orders(holding(grace_days=5)).tick("2026-01-22T00:00").tick(moment)
    assert brief(told)[1:] == ([("downgraded", "C", "D", "grace_end")] if fell else [])
    graced = ExpectedFurther("C", ms("2026-01-22T00:00"), ms("2026-01-27T00:00"), "active", ("", "", ""))
    assert state(told) == (ExpectedFurther("D", None, None, "active", ("", "", "")) if fell else graced)


def test_who_qualifies_in_grace_is_prolonged_at_once() -> None:
    told = two_orders(holding(grace_days=5)).tick("2026-01-22T00:00")
    told.paid("o3", 1, "2026-01-23").paid("o4", 1, "2026-01-24")
    assert brief(told)[1:] == [("prolonged", "C", "C", "purchase")]
    assert (state(told).held_until, state(told).grace_until) == (ms("2026-02-13T00:00"), None)


def test_hold_in_grace_does_not_wait_below_a_rise() -> None:
    told = holding(*BY_MONEY, grace_days=5).paid("o1", 100, "2026-01-01").tick("2026-01-21T00:00")
    told.paid("o2", 300, "2026-01-22").returned("o2", 300, "2026-01-23")
    assert brief(told)[1:] == [("upgraded", "C", "B", "purchase"), ("downgraded", "B", "D", "return")]


def test_hold_that_is_over_does_not_wait_below_a_rise_either() -> None:
    told = (
        holding(*BY_MONEY).paid("o1", 100, "2026-01-01").paid("o2", 300, "2026-01-22").returned("o2", 300, "2026-01-22")
    )
    assert brief(told)[1:] == [("upgraded", "C", "B", "purchase"), ("downgraded", "B", "D", "return")]


@pytest.mark.parametrize("when", ["2026-01-04", "2026-01-15", "2026-01-21"])
def test_returned_order_that_earned_the_tier_gives_back_the_hold_below_as_it_was(when: str) -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03").returned("o3", 1, when)
    assert brief(told)[1:] == [("upgraded", "C", "B", "purchase"), ("downgraded", "B", "C", "return")]
    assert tiers_of(told)[-1].held_until == ms("2026-01-22T00:00")


@pytest.mark.parametrize(("when", "left"), [("2026-01-21T23:59:59.999", "C"), ("2026-01-22T00:00", "D")])
def test_hold_below_is_given_back_until_its_own_end(when: str, left: str) -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03").cancelled("o3", when)
    assert brief(told)[2:] == [("downgraded", "B", left, "cancel")]


def test_hold_below_that_fails_its_own_test_is_dropped_with_the_one_above() -> None:
    # As of the 2nd C was reached by o1 and o2, as of the 3rd B by all three: without o2 neither was.
    told = two_orders(holding()).paid("o3", 1, "2026-01-03").cancelled("o2", "2026-01-15")
    assert brief(told)[2:] == [("downgraded", "B", "D", "cancel")]


def test_hold_below_that_fails_its_own_test_is_kept_when_the_member_qualifies_now() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03").cancelled("o1", "2026-01-04")
    assert brief(told)[2:] == [("downgraded", "B", "C", "cancel")]
    assert state(told).held_until == ms("2026-01-22T00:00")
    # Its qualification is now that of the 4th (o2 and o3), when nothing counts any more. That of the 2nd had o2 alone.
    assert brief(told.returned("o2", 1, "2026-01-15"))[3:] == []
    assert brief(told.cancelled("o2", "2026-01-16"))[3:] == [("downgraded", "C", "D", "cancel")]


def test_orders_after_the_instant_of_the_qualification_do_not_count_for_it() -> None:
    levels = ({"name": "D"}, {"name": "C", "frequency": 2}, {"name": "B", "frequency": 5})
    told = two_orders(holding(*levels)).paid("o3", 1, "2026-01-02T12:00:00.001").cancelled("o1", "2026-01-15")
    assert brief(told)[1:] == [("downgraded", "C", "D", "cancel")]
    # Arrived later but bought before: it counts.
    told = two_orders(holding(*levels)).paid("o3", 1, "2026-01-02", seen="2026-01-04").cancelled("o1", "2026-01-15")
    assert brief(told)[1:] == []


def test_order_that_did_not_matter_for_the_tier_may_be_returned() -> None:
    told = two_orders(holding()).paid("o3", 100, "2026-01-15").returned("o3", 100, "2026-01-16")
    assert brief(told)[1:] == []


def test_failed_qualification_is_replaced_by_one_of_now_and_the_hold_stays() -> None:
    levels = ({"name": "D"}, {"name": "C", "frequency": 2}, {"name": "B", "frequency": 5})
    told = two_orders(holding(*levels)).paid("o3", 100, "2026-01-05").cancelled("o1", "2026-01-06")
    assert (brief(told)[1:], state(told).held_until) == ([], ms("2026-01-22T00:00"))
    # On the 18th nothing counts any more. As of the 6th there are o2 and o3, as of the 2nd only o2.
    assert brief(told.returned("o3", 1, "2026-01-18"))[1:] == []
    assert brief(told.returned("o3", 100, "2026-01-19", revision=2))[1:] == [("downgraded", "C", "D", "return")]


def test_fall_at_once_with_nothing_below_goes_to_what_the_member_qualifies_for_and_holds_that() -> None:
    told = holding(*BY_MONEY).paid("o1", 800, "2026-01-01").returned("o1", 600, "2026-01-05")
    assert brief(told)[1:] == [("downgraded", "A", "C", "return")]
    assert state(told).held_until == ms("2026-01-25T00:00")


def test_fall_at_once_above_the_hold_below_leaves_that_hold_where_it_is() -> None:
    told = holding(*BY_MONEY).paid("o1", 100, "2026-01-01").paid("o2", 800, "2026-01-05")
    told.returned("o2", 600, "2026-01-06")
    assert (brief(told)[2:], state(told).held_until) == ([("downgraded", "A", "B", "return")], ms("2026-01-26T00:00"))
    told.returned("o2", 200, "2026-01-07", return_id="second")
    assert (brief(told)[3:], state(told).held_until) == ([("downgraded", "B", "C", "return")], ms("2026-01-21T00:00"))


def test_qualification_whose_window_the_ledger_no_longer_has_stands() -> None:
    # The window of 2 January 2026 begins on 24 December 2025, and the horizon is 373 days: on 31 December 2026 the
    # ledger goes back to that very day, a day later no more.
    told = two_orders(holding(hold_days=1_000)).cancelled("o2", "2026-12-31T23:59:59.999")
    assert brief(told)[1:] == [("downgraded", "C", "D", "cancel")]
    told = two_orders(holding(hold_days=1_000)).cancelled("o2", "2027-01-01T00:00")
    assert brief(told)[1:] == []


def four_orders(told: Telling) -> Telling:
    """A on 4 January, held until the start of the 24th."""
    return two_orders(told).paid("o3", 1, "2026-01-03").paid("o4", 1, "2026-01-04")


def test_fall_by_time_goes_down_one_level_and_holds_it_without_a_qualification() -> None:
    told = four_orders(holding()).tick("2026-01-24T00:00")
    assert (brief(told)[3:], state(told).held_until) == ([("downgraded", "A", "B", "hold_end")], ms("2026-02-13T00:00"))
    assert brief(told.cancelled("o3", "2026-01-25"))[4:] == []
    told.tick("2026-02-13T00:00").tick("2026-03-05T00:00")
    assert brief(told)[4:] == [("downgraded", "B", "C", "hold_end"), ("downgraded", "C", "D", "hold_end")]


def test_fall_by_time_to_match_goes_to_what_the_member_qualifies_for() -> None:
    told = four_orders(holding(fall="to_match")).paid("o5", 1, "2026-01-20").paid("o6", 1, "2026-01-20")
    assert brief(told.tick("2026-01-24T00:00"))[3:] == [("downgraded", "A", "C", "hold_end")]
    assert state(told).held_until == ms("2026-02-13T00:00")


@pytest.mark.parametrize(("fall", "falls"), [("to_match", ["C"]), ("one_level", ["B", "C"])])
def test_nobody_falls_by_time_below_a_tier_that_is_never_lost(fall: str, falls: list[str]) -> None:
    levels = [dict(level) for level in BY_COUNT]
    levels[1]["never_downgrade"] = True
    told = four_orders(holding(*levels, fall=fall)).tick("2026-06-01T00:00")
    assert [after for _, _, after, _ in brief(told)[3:]] == falls
    assert (state(told).base, state(told).held_until) == ("C", None)


def test_fall_by_time_forgets_the_holds_below() -> None:
    # C would last for ever below B. B, entered by falling, is prolonged by three orders and loses one of them later,
    # when nothing counts any more.
    levels = [dict(level) for level in BY_COUNT]
    levels[1]["never_downgrade"] = True
    told = four_orders(holding(*levels)).tick("2026-01-24T00:00")
    told.paid("o5", 1, "2026-02-08").paid("o6", 1, "2026-02-09").paid("o7", 1, "2026-02-10").tick("2026-02-13T00:00")
    assert brief(told.cancelled("o7", "2026-02-25"))[3:] == [
        ("downgraded", "A", "B", "hold_end"),
        ("prolonged", "B", "B", "hold_end"),
        ("downgraded", "B", "D", "cancel"),
    ]


def test_tier_that_is_never_lost_is_lost_when_its_order_is_cancelled() -> None:
    told = two_orders(holding({"name": "D"}, {"name": "C", "frequency": 2, "never_downgrade": True}))
    assert [o.held_until for o in tiers_of(told)] == [None]
    assert brief(told.cancelled("o2", "2026-02-05"))[1:] == [("downgraded", "C", "D", "cancel")]


def test_event_that_overtakes_the_end_of_a_hold_takes_one_step_at_its_own_instant() -> None:
    told = four_orders(holding()).event("visit", "2026-04-01")
    fall = tiers_of(told)[-1]
    assert len(brief(told)) == 4
    assert (fall.after, fall.reason, fall.at, fall.held_until) == (
        "B",
        "hold_end",
        ms("2026-04-01"),
        ms("2026-04-21T00:00"),
    )


def test_notice_is_told_once_before_the_end_when_nothing_would_save_the_tier() -> None:
    told = two_orders(holding(expiring_days=3)).tick("2026-01-18T23:59:59.999").tick("2026-01-19T00:00")
    told.tick("2026-01-20T00:00").event("visit", "2026-01-20")
    [notice] = tiers_of(told)[1:]
    assert (notice.kind, notice.before, notice.after, notice.reason) == ("tier.expiring", "C", "C", "hold_end")
    assert (notice.at, notice.due_at, notice.held_until) == (ms("2026-01-19T00:00"), None, ms("2026-01-22T00:00"))


@pytest.mark.parametrize(("day", "is_told"), [("2026-01-12", True), ("2026-01-13", False)])
def test_notice_asks_what_will_count_at_the_end(day: str, *, is_told: bool) -> None:
    told = two_orders(holding(expiring_days=3)).paid("o3", 1, day).paid("o4", 1, "2026-01-14").tick("2026-01-19T00:00")
    assert brief(told)[1:] == ([("expiring", "C", "C", "hold_end")] if is_told else [])
    # The order is taken back within the days of notice: now it is told, by the event.
    told.cancelled("o3", "2026-01-20")
    assert [(o.kind, o.at) for o in tiers_of(told)[1:]] == [
        ("tier.expiring", ms("2026-01-19T00:00" if is_told else "2026-01-20"))
    ]


def test_hold_given_back_keeps_the_notice_that_was_told() -> None:
    told = two_orders(holding(expiring_days=5)).tick("2026-01-17T00:00")
    for number in range(3, 6):
        told.paid(f"o{number}", 1, "2026-01-18")
    told.cancelled("o5", "2026-01-19")
    assert brief(told)[1:] == [
        ("expiring", "C", "C", "hold_end"),
        ("upgraded", "C", "B", "purchase"),
        ("downgraded", "B", "C", "cancel"),
    ]


def yearly(window: str, **tiers: Any) -> Telling:
    held = {"window": window, "downgrade": "at_hold_end", "expiring_days": 0, **tiers}
    lifecycle = {**POLICY["lifecycle"], "dormant_days": 400}
    policy = {**POLICY, "windows": {"reported_days": 30, "return_days": 3}, "lifecycle": lifecycle}
    return Telling({**policy, "tiers": {**held, "levels": list(BY_COUNT)}})


def test_tier_earned_in_a_calendar_year_is_held_to_the_end_of_the_next() -> None:
    told = yearly("calendar_year").paid("o1", 1, "2025-03-01").paid("o2", 1, "2025-12-31T23:59:59.999")
    assert [o.held_until for o in tiers_of(told)] == [ms("2027-01-01T00:00")]
    assert brief(told.tick("2026-12-31T23:59:59.999"))[1:] == []
    assert brief(told.tick("2027-01-01T00:00"))[1:] == [("downgraded", "C", "D", "hold_end")]


def test_tier_kept_by_the_year_that_ended_is_prolonged_by_one_year_only() -> None:
    told = yearly("calendar_year").paid("o1", 1, "2025-03-01").paid("o2", 1, "2025-04-01")
    told.paid("o3", 1, "2026-03-01").paid("o4", 1, "2026-04-01").tick("2027-01-01T00:00")
    assert [(o.kind, o.held_until) for o in tiers_of(told)[1:]] == [("tier.prolonged", ms("2028-01-01T00:00"))]


def test_orders_of_two_years_never_add_up() -> None:
    assert brief(yearly("calendar_year").paid("o1", 1, "2025-12-31").paid("o2", 1, "2026-01-01")) == []


def test_tier_reached_late_by_last_years_orders_ends_with_this_year() -> None:
    told = yearly("calendar_year").paid("o1", 1, "2025-12-30").paid("o2", 1, "2025-12-31", seen="2026-01-05")
    assert [(o.at, o.held_until) for o in tiers_of(told.event("visit", "2026-01-05"))] == [
        (ms("2025-12-31"), ms("2027-01-01T00:00"))
    ]
    told = yearly("calendar_year").paid("o1", 1, "2025-12-30").event("visit", "2026-01-05")
    told.paid("o2", 1, "2025-12-31", seen="2026-01-05")
    assert [(o.at, o.held_until) for o in tiers_of(told)] == [(ms("2026-01-05"), ms("2027-01-01T00:00"))]


def test_membership_year_of_a_leap_day_begins_on_the_first_of_march_in_other_years() -> None:
    told = yearly("membership_year").paid("o1", 1, "2024-02-29").paid("o2", 1, "2025-02-28T23:59:59.999")
    assert [o.held_until for o in tiers_of(told)] == [ms("2026-03-01T00:00")]
    told = yearly("membership_year").paid("o1", 1, "2024-02-29").paid("o2", 1, "2025-03-01T00:00")
    assert brief(told) == []
    assert brief(told.paid("o3", 1, "2026-02-28"))[0] == ("upgraded", "D", "C", "purchase")
    assert state(told).held_until == ms("2027-03-01T00:00")


def test_membership_year_goes_on_over_the_first_of_january() -> None:
    told = yearly("membership_year").paid("o1", 1, "2025-12-10").paid("o2", 1, "2026-02-01")
    assert [o.held_until for o in tiers_of(told)] == [ms("2027-12-10T00:00")]


@pytest.mark.parametrize(("at", "refused"), [("2023-12-25T00:00", []), ("2023-12-24T23:59:59.999", ["too_late"])])
def test_year_windows_look_back_two_years_and_the_days_of_returns(at: str, refused: list[str]) -> None:
    # 731 days, 3 of returns and 5 of slack before 1 January 2026.
    told = yearly("calendar_year").event("visit", at, seen="2026-01-01T00:00")
    assert list(told.answer().dead_letters.values()) == refused
