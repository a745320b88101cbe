"""Years as windows: which orders count, when the year turns, and until when a tier is held."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calendar import EPOCH, instant_of, month_and_day, start_of_year, year_of
from scoring.policy import CALENDAR_YEAR, MEMBERSHIP_YEAR
from scoring.qualifying_window import counts_at, is_whole
from scoring.state import ORDER_BYTES
from tests.builders import (
    BASIC,
    GOLD,
    HELD_TIERS,
    SILVER,
    Story,
    a_cancel,
    a_joining,
    a_return,
    a_visit,
    a_zone,
    an_order,
    holding,
    kinds,
    midnight,
    noon,
)


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def start(year: int, month: int, day: int, zone: str = "UTC") -> int:
    return a_zone(zone).start_of_day(day_number(year, month, day))


def day_number(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - EPOCH.toordinal()


def by_calendar(**rules: object) -> Story:
    return Story(holding(tier_window=CALENDAR_YEAR, **rules))  # type: ignore[arg-type]


def by_membership(joined: datetime, **rules: object) -> Story:
    story = Story(holding(tier_window=MEMBERSHIP_YEAR, **rules))  # type: ignore[arg-type]
    story.has(a_joining(at=joined))
    return story


# -- years of the calendar ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "begins", "year"),
    [
        ((2026, 1, 1), (1, 1), 2026),
        ((2025, 12, 31), (1, 1), 2025),
        ((2026, 6, 14), (6, 15), 2025),
        ((2026, 6, 15), (6, 15), 2026),
        ((2027, 2, 28), (2, 29), 2026),
        ((2027, 3, 1), (2, 29), 2027),
        ((2028, 2, 28), (2, 29), 2027),
        ((2028, 2, 29), (2, 29), 2028),
        ((2100, 2, 28), (2, 29), 2099),
        ((2100, 3, 1), (2, 29), 2100),
        ((2000, 2, 29), (2, 29), 2000),
    ],
)
def test_a_year_begins_on_its_day_and_a_leap_day_moves_to_march(
    day: tuple[int, int, int], begins: tuple[int, int], year: int
) -> None:
    assert year_of(day_number(*day), *begins) == year


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_every_day_lies_in_the_year_that_it_is_said_to(day: date, joined: date) -> None:
    begins = month_and_day(day_number(joined.year, joined.month, joined.day))
    number = day_number(day.year, day.month, day.day)
    year = year_of(number, *begins)
    assert start_of_year(year, *begins) <= number < start_of_year(year + 1, *begins)
    assert start_of_year(joined.year, *begins) == day_number(joined.year, joined.month, joined.day)


# -- what counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "tier"),
    [
        (at(2026, 1, 1, 0), at(2026, 12, 31), GOLD),
        (at(2025, 12, 31), at(2026, 1, 1, 0), SILVER),
        (at(2025, 1, 1, 0), at(2025, 12, 31), GOLD),
        (at(2024, 12, 31), at(2026, 12, 31), SILVER),
    ],
)
def test_each_year_counts_alone(first: datetime, second: datetime, tier: int) -> None:
    story = by_calendar(tier_window_days=3)
    story.policy.horizon_days = 900
    story.has(an_order("first", net=2_000, at=first), an_order("second", net=2_000, at=second))
    assert story.member.base == tier


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_the_year_turns_at_the_midnight_of_the_zone(zone: str) -> None:
    turn = start(2027, 1, 1, zone)
    story = by_calendar(zone=a_zone(zone))
    story.has(an_order("first", net=2_000, at=at(2026, 7, 1)))
    story.tick(turn - 1)
    assert (story.member.tier_frequency, story.member.tier_monetary) == (1, 2_000)
    assert counts_at(story.member, story.policy, turn - 1) == [(1, 2_000), (0, 0)]
    story.tick(turn)
    assert story.member.as_of == turn
    assert (story.member.tier_frequency, story.member.tier_monetary) == (0, 0)
    assert counts_at(story.member, story.policy, turn) == [(0, 0), (1, 2_000)]


def test_a_member_without_orders_in_either_year_is_not_due_at_its_turn() -> None:
    story = by_calendar()
    story.has(an_order(net=5, at=at(2026, 7, 1)))
    story.tick(start(2028, 1, 1))
    assert start(2029, 1, 1) != story.member.next_due
    story.tick(start(2028, 6, 1))
    assert story.member.next_due == 0


def test_a_member_with_orders_in_the_year_before_alone_is_due_at_the_next_turn() -> None:
    story = by_calendar()
    story.has(an_order(net=5, at=at(2026, 7, 1)))
    story.tick(start(2027, 12, 1))
    assert story.member.next_due == start(2028, 1, 1)


@pytest.mark.parametrize(
    ("bought", "counted"),
    [
        ((2024, 12, 31), [(0, 0), (0, 0)]),
        ((2025, 1, 1), [(0, 0), (1, 5)]),
        ((2025, 12, 31), [(0, 0), (1, 5)]),
        ((2026, 1, 1), [(1, 5), (0, 0)]),
    ],
)
def test_a_year_has_its_first_and_its_last_day(bought: tuple[int, int, int], counted: list[tuple[int, int]]) -> None:
    story = by_calendar()
    story.has(an_order(net=5, at=at(*bought)))
    assert counts_at(story.member, story.policy, start(2026, 3, 1)) == counted


@pytest.mark.parametrize(("days", "counted"), [(99, (1, 5)), (100, (0, 0))])
def test_a_rolling_window_as_of_another_day_has_its_first_day(days: int, counted: tuple[int, int]) -> None:
    story = Story(holding(tier_window_days=100))
    story.has(an_order(net=5, at=noon(0)))
    assert counts_at(story.member, story.policy, midnight(days)) == [counted]


def test_orders_after_the_instant_are_left_out() -> None:
    story = by_calendar()
    story.has(an_order("a", net=7, at=at(2026, 7, 1)), an_order("b", net=9, at=at(2026, 7, 2)))
    second = instant_of(at(2026, 7, 2))
    assert counts_at(story.member, story.policy, second - 1) == [(1, 7), (0, 0)]
    assert counts_at(story.member, story.policy, second) == [(2, 16), (0, 0)]


@pytest.mark.parametrize(("now", "whole"), [((2027, 4, 6), True), ((2027, 4, 7), False)])
def test_windows_are_whole_as_long_as_the_ledger_reaches_back(now: tuple[int, int, int], *, whole: bool) -> None:
    # The horizon is 731 + 90 + 5 days; the year before the qualification began on 2025-01-01.
    story = by_calendar()
    assert story.policy.horizon_days == 826
    qualified_at = instant_of(at(2026, 7, 1))
    story.has(an_order(net=5, at=at(2026, 7, 1)), a_visit(at=at(*now)))
    assert is_whole(story.member, story.policy, qualified_at) is whole


# -- until when a tier is held -----------------------------------------------------------------------------------------


def test_a_tier_entered_by_this_year_is_held_through_the_next() -> None:
    story = by_calendar()
    story.has(an_order(net=2_000, at=at(2026, 12, 31, 23)))
    assert story.member.held_until == start(2028, 1, 1)


@pytest.mark.parametrize(
    ("more", "kind", "held_until"), [(1_999, "tier.downgraded", 0), (2_000, "tier.prolonged", start(2029, 1, 1))]
)
def test_the_year_that_ended_decides_at_its_end(more: int, kind: str, held_until: int) -> None:
    story = by_calendar()
    story.has(an_order("first", net=2_000, at=at(2026, 3, 1)), an_order("next", net=more, at=at(2027, 12, 31)))
    story.tick(start(2028, 1, 1))
    assert [news.kind for news in story.told if news.at == start(2028, 1, 1) and news.kind[:4] == "tier"] == [kind]
    assert story.member.held_until == held_until


def test_a_tier_entered_by_falling_is_held_to_the_end_of_the_year() -> None:
    story = by_calendar()
    story.has(an_order(net=4_000, at=at(2026, 3, 1)))
    story.tick(start(2028, 1, 1))
    assert (story.member.base, story.member.held_until) == (SILVER, start(2029, 1, 1))
    assert story.member.asked is None
    story.tick(start(2029, 1, 1))
    assert story.member.base == BASIC


def test_a_return_takes_back_what_this_year_earned_and_leaves_what_the_last_did() -> None:
    story = by_calendar()
    story.has(an_order("first", net=2_000, at=at(2026, 3, 1)), an_order("next", net=4_000, at=at(2027, 3, 1)))
    assert story.member.base == GOLD
    story.has(a_return("next", amount=4_000, at=at(2027, 4, 1)))
    assert (story.member.base, story.member.held_until) == (SILVER, start(2028, 1, 1))


def test_a_fall_after_a_return_is_held_by_the_year_that_still_passes() -> None:
    story = by_calendar(tiers=(HELD_TIERS[0], *HELD_TIERS[1:]))
    story.has(an_order("first", net=2_000, at=at(2026, 3, 1)))
    # Gold at once, so that no silver hold waits below.
    story.has(a_cancel("first", at=at(2026, 3, 2)), an_order("big", net=4_000, at=at(2027, 3, 1)))
    assert (story.member.base, story.member.stack) == (GOLD, ())
    story.has(a_return("big", amount=2_000, at=at(2027, 4, 1)))
    assert (story.member.base, story.member.held_until) == (SILVER, start(2029, 1, 1))


@pytest.mark.parametrize(
    ("joined", "bought", "held_until"),
    [
        (at(2026, 6, 15), at(2026, 6, 15, 23), (2028, 6, 15)),
        (at(2026, 6, 15), at(2027, 6, 14, 23), (2028, 6, 15)),
        (at(2026, 6, 15), at(2027, 6, 15, 0), (2029, 6, 15)),
        (at(2024, 2, 29), at(2024, 3, 5), (2026, 3, 1)),
        (at(2024, 2, 29), at(2026, 2, 28), (2027, 3, 1)),
        (at(2024, 2, 29), at(2026, 3, 1), (2028, 2, 29)),
        (at(2024, 2, 29), at(2027, 3, 1), (2029, 3, 1)),
    ],
)
def test_a_membership_year_turns_on_the_day_of_joining(
    joined: datetime, bought: datetime, held_until: tuple[int, int, int]
) -> None:
    story = by_membership(joined)
    story.has(an_order(net=2_000, at=bought))
    assert story.member.held_until == start(*held_until)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Europe/Berlin"])
def test_a_membership_year_turns_at_the_local_midnight_whatever_the_season(zone: str) -> None:
    # 29 March 2026 begins daylight saving in Berlin; 5 April ends it in Auckland; 8 March begins it in New York.
    for month, day in ((3, 8), (3, 29), (4, 5)):
        noon_there = start(2026, month, day, zone) + 12 * 3_600_000
        story = by_membership(datetime.fromtimestamp(noon_there / 1000, UTC), zone=a_zone(zone), expiring_days=30)
        story.has(an_order(net=2_000, at=datetime.fromtimestamp(noon_there / 1000, UTC)))
        assert story.member.held_until == start(2028, month, day, zone)
        story.tick(start(2028, month, day, zone) - 1)
        assert story.member.tier == SILVER
        story.tick(start(2028, month, day, zone))
        assert story.member.tier == BASIC
        number = day_number(2028, month, day) - 30
        (notice,) = [news.at for news in story.told if news.kind == "tier.expiring"]
        assert notice == a_zone(zone).start_of_day(number)


def test_an_order_from_before_joining_lies_in_the_year_before() -> None:
    story = by_membership(at(2026, 6, 15))
    story.has(an_order(net=2_000, at=at(2026, 6, 14)), log_time=instant_of(at(2026, 6, 16)))
    assert counts_at(story.member, story.policy, story.member.as_of) == [(0, 0), (1, 2_000)]
    # Kept by the year before, and so until the end of this one.
    assert (story.member.base, story.member.held_until) == (SILVER, start(2027, 6, 15))


def test_the_notice_counts_the_year_that_will_have_ended() -> None:
    story = by_calendar(expiring_days=30)
    story.has(an_order("first", net=2_000, at=at(2026, 3, 1)), an_order("next", net=2_000, at=at(2027, 3, 1)))
    story.tick(start(2028, 1, 1))
    # What was bought in 2026 counts no more at the end of 2027; what was bought in 2027 does.
    assert "tier.expiring" not in kinds(story.told)
    story.tick(start(2028, 12, 2))
    assert [news.at for news in story.told if news.kind == "tier.expiring"] == [start(2028, 12, 2)]


def test_orders_stay_in_the_ledger_for_both_years_and_the_returns_after_them() -> None:
    story = by_calendar()
    story.has(an_order(net=2_000, at=at(2026, 1, 1)), a_visit(at=at(2028, 4, 5)))
    assert len(story.member.orders) == ORDER_BYTES
    story.has(a_visit("later", at=at(2028, 4, 6)))
    assert len(story.member.orders) == 0
