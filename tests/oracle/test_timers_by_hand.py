"""When a member has to be looked at next, timer by timer, worked out by hand from docs/rules.md, section 8."""

import pytest

from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms
from tests.oracle.test_holds_by_hand import BY_COUNT, holding, two_orders, yearly
from tests.oracle.test_lifecycle_by_hand import living, segmented
from tests.oracle.test_overrides_by_hand import given


def due(told: Telling) -> tuple[int | None, int]:
    """The instant that is next due, which is then ticked, and how many timers fired up to it."""
    at = told.member.next_due_at
    assert at is not None
    before = sum(told.answer().ways.values())
    told.tick(at - 1)
    assert sum(told.answer().ways.values()) == before, "nothing happens before a timer"
    return at, sum(count for way, count in told.tick(at).answer().ways.items() if way.startswith("timer"))


def timers(told: Telling) -> list[str]:
    return sorted(way for way in told.answer().ways if way.startswith("timer"))


def test_timer_1_each_boundary_of_the_lifecycle_in_turn() -> None:
    told = Telling().paid("o1", 1, "2026-01-01")
    for day in ("2026-03-02", "2026-04-01", "2026-06-30"):
        assert due(told)[0] == ms(f"{day}T00:00")
    assert timers(told) == ["timer 1"]


def test_timer_2_the_oldest_order_of_each_window() -> None:
    policy = {**POLICY, "windows": {"reported_days": 7, "return_days": 3}}
    told = Telling({**policy, "tiers": {"window_days": 4, "levels": list(BY_COUNT)}})
    told.paid("o1", 1, "2026-01-01").paid("o2", 1, "2026-01-02")
    found = [due(told)[0] for _ in range(4)]
    assert found == [ms(f"2026-01-{day:02}T00:00") for day in (5, 6, 8, 9)]
    assert timers(told) == ["timer 2"]


def test_timer_3_each_boundary_held_back() -> None:
    told = living(allowed_lateness_hours=36).paid("o1", 1, "2026-01-01")
    assert [due(told)[0] for _ in range(3)] == [
        ms("2026-03-02T00:00"),
        ms("2026-03-03T12:00:00"),
        ms("2026-04-01T00:00"),
    ]
    assert timers(told) == ["timer 1", "timer 3"]


@pytest.mark.parametrize(
    ("window", "first", "years"),
    [
        ("calendar_year", "2026-06-10", ["2027-01-01", "2028-01-01"]),
        ("membership_year", "2025-12-10", ["2026-12-10", "2027-12-10"]),
    ],
)
def test_timer_4_the_next_year_while_one_of_the_two_has_an_order(window: str, first: str, years: list[str]) -> None:
    told, found = yearly(window).paid("o1", 1, first), []
    while told.member.next_due_at is not None:
        found.append(due(told)[0])
    # The last timer of all: a year later both years are empty.
    assert found[-1] == ms(f"{years[1]}T00:00")
    assert ms(f"{years[0]}T00:00") in found
    assert "timer 4" in timers(told)


def test_timers_5_6_and_7_notice_end_of_the_hold_and_end_of_grace() -> None:
    told = two_orders(holding(expiring_days=3, grace_days=2)).tick("2026-01-18")
    assert [due(told)[0] for _ in range(3)] == [ms(f"2026-01-{day}T00:00") for day in (19, 22, 24)]
    assert timers(told) == ["timer 2", "timer 5", "timer 6", "timer 7"]
    assert told.member.tier == "D"


def test_timer_5_is_none_for_a_tier_that_is_never_lost_and_7_none_without_notice() -> None:
    never = holding({"name": "D"}, {"name": "C", "frequency": 2, "never_downgrade": True}, expiring_days=3)
    # Both orders leave the tiers' window on the 11th and 12th, the reported one on 31 January and 1 February.
    assert two_orders(never).tick("2026-01-12").member.next_due_at == ms("2026-01-31T00:00")
    assert two_orders(holding()).tick("2026-01-12").member.next_due_at == ms("2026-01-22T00:00")


def test_timer_8_the_end_of_the_override_in_force_alone() -> None:
    told = given(Telling(), "A", "2026-02-01T06:30", "2026-01-02")
    assert due(told) == (ms("2026-02-01T06:30"), 1)
    assert (timers(told), told.member.next_due_at) == (["timer 8"], None)
    assert given(Telling(), "A", "2026-01-02T12:00", "2026-01-02").member.next_due_at is None


def test_timer_9_each_day_on_which_a_recency_score_falls() -> None:
    told = segmented(r_cuts=[0, 1, 5, 9], high_recency_days=4).paid("o1", 1, "2026-01-01")
    found = [due(told)[0] for _ in range(5)]
    assert found == [ms(f"2026-01-{day:02}T00:00") for day in (2, 3, 5, 7, 11)]
    assert timers(told) == ["timer 9"]
    assert told.member.next_due_at == ms("2026-03-02T00:00")


def test_prospect_has_no_timer() -> None:
    assert segmented("prospect").event("visit", "2026-01-01").member.next_due_at is None
