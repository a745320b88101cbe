"""A member's own rhythm: gaps, the typical gap, boundaries and quiet days, each also worked out the long way."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from scoring.rhythm import (
    DAY_S,
    MOST_GAPS,
    NO_QUIET_DAYS,
    QuietCalendar,
    Rhythm,
    age_at,
    boundaries,
    boundary_instant,
    gaps,
    typical_gap,
)
from tests.builders import DAY_MS, HOUR_MS, a_zone

#: 2026-03-29 and 2026-10-25, when Berlin's clocks go forward and back.
SPRING, AUTUMN = 20541, 20751

days = st.integers(20_000, 21_000)
intervals = st.lists(st.tuples(days, st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6)


# --- the long way, from the design's words, with exact fractions and a set of days ---


def quiet_set(spans: list[tuple[int, int]]) -> set[int]:
    return {day for first, last in spans for day in range(first, last + 1)}


def slow_gap(purchases: list[int], spans: list[tuple[int, int]], rhythm: Rhythm) -> int:
    closed, distinct = quiet_set(spans), sorted(set(purchases))
    every = [sum(day not in closed for day in range(a + 1, b + 1)) for a, b in pairwise(distinct)]
    latest = sorted(every[-11:])
    k, w = len(latest), rhythm.weight
    if k == 0:
        g = Fraction(rhythm.usual_gap)
    else:
        middle = latest[k // 2] if k % 2 else Fraction(latest[k // 2 - 1] + latest[k // 2], 2)
        g = Fraction(w * Fraction(rhythm.usual_gap) + k * middle * 86_400) / (w + k)
    return floor(min(max(g, Fraction(rhythm.floor)), Fraction(rhythm.ceiling)))


def slow_skip(day: int, count: int, closed: set[int]) -> int:
    while count:
        day += 1
        count -= day not in closed
    return day


# --- gaps ---


@pytest.mark.parametrize(
    ("purchases", "expected"),
    [
        ([], []),
        ([100], []),
        ([100, 100, 100], []),
        ([100, 101], [1]),
        ([160, 100, 130, 130], [30, 30]),
        (list(range(0, 120, 10)), [10] * 11),
        # Twelve gaps: the oldest, of 1 day, is forgotten.
        ([0, *range(1, 122, 10)], [10] * 11),
    ],
)
def test_gaps_lie_between_distinct_days_and_the_latest_eleven_count(purchases: list[int], expected: list[int]) -> None:
    assert gaps(purchases, NO_QUIET_DAYS) == expected


@pytest.mark.parametrize(
    ("closed", "gap"),
    [
        ((90, 99), 10),
        ((90, 100), 10),  # the day of the earlier purchase is not part of the gap
        ((90, 101), 9),
        ((104, 106), 7),
        ((109, 115), 8),
        ((110, 110), 9),  # the day of the later purchase is
        ((111, 115), 10),
        ((101, 110), 0),
    ],
)
def test_quiet_days_do_not_count_as_staying_away(closed: tuple[int, int], gap: int) -> None:
    assert gaps([100, 110], QuietCalendar([closed])) == [gap]


# --- the typical gap ---


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        ([], 30 * DAY_S),
        ([30], 30 * DAY_S),
        ([60], 35 * DAY_S),  # (5 * 30 + 60) / 6
        ([60, 61], 3_344_914),  # (150 + 2 * 60.5) / 7 = 38 5/7 days
        ([1] * 11, 21 * DAY_S),  # (150 + 11) / 16 = 10.06: the floor
        ([400] * 11, 180 * DAY_S),  # (150 + 4400) / 16 = 284: the ceiling
    ],
)
def test_the_typical_gap_leans_from_the_shops_towards_the_members_own(found: list[int], seconds: int) -> None:
    assert typical_gap(found, Rhythm()) == seconds


@pytest.mark.parametrize(
    ("median", "seconds"),
    # (150 + 11 * 16) / 16 = 20.4 days, (150 + 11 * 17) / 16 = 21.1 days
    [(16, 1_814_400), (17, 1_819_800)],
)
def test_the_floor_holds_just_below_it_and_not_just_above(median: int, seconds: int) -> None:
    assert typical_gap([median] * 11, Rhythm()) == seconds


def test_a_gap_that_is_no_whole_second_is_floored_once() -> None:
    # (5 * 30 + 2 * 30.5) / 7 = 30 1/7 days = 2,604,342.857... s
    assert typical_gap([30, 31], Rhythm()) == 2_604_342


def test_without_weight_the_shop_counts_only_for_members_without_a_gap() -> None:
    own = Rhythm(weight=0)
    assert typical_gap([44], own) == 44 * DAY_S
    assert typical_gap([], own) == 30 * DAY_S


@given(
    st.lists(days, max_size=30),
    intervals,
    st.integers(0, 40),
    st.integers(1, 400 * DAY_S),
    st.tuples(st.integers(1, 200 * DAY_S), st.integers(0, 200 * DAY_S)),
)
def test_the_typical_gap_is_what_exact_fractions_give(
    purchases: list[int], spans: list[tuple[int, int]], weight: int, usual: int, limits: tuple[int, int]
) -> None:
    rhythm = Rhythm(weight, usual, limits[0], limits[0] + limits[1])
    found = gaps(purchases, QuietCalendar(spans))
    assert len(found) <= MOST_GAPS
    assert typical_gap(found, rhythm) == slow_gap(purchases, spans, rhythm)


# --- boundaries ---


def test_boundaries_are_multiples_floored_to_seconds() -> None:
    assert boundaries(30 * DAY_S, Rhythm()) == (36 * DAY_S, 45 * DAY_S, 90 * DAY_S, 180 * DAY_S)
    assert boundaries(2_604_342, Rhythm()) == (3_125_210, 3_906_513, 7_813_026, 15_626_052)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": -1},
        {"usual_gap": 0},
        {"floor": 0},
        {"floor": 181 * DAY_S},
        {"near_churn": 0},
        {"near_churn": 1500},
        {"mid_lapsed": 1500},
        {"dormant": 3000},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Rhythm(**wrong)


@pytest.mark.parametrize(
    ("seconds", "day", "rest_ms"),
    [
        (0, 0, 0),
        (1, 0, 1000),
        (DAY_S - 1, 0, DAY_MS - 1000),
        (DAY_S, 1, 0),
        (36 * DAY_S, 36, 0),
        (36 * DAY_S + 43_200, 36, 12 * HOUR_MS),
    ],
)
def test_a_boundary_lies_seconds_after_the_start_of_the_last_purchase_day(seconds: int, day: int, rest_ms: int) -> None:
    assert boundary_instant(a_zone(), 20_000, seconds, NO_QUIET_DAYS) == (20_000 + day) * DAY_MS + rest_ms


def test_a_boundary_keeps_to_local_days_when_the_clocks_change() -> None:
    berlin = a_zone("Europe/Berlin")
    for changing, before, after in ((SPRING, 1, 2), (AUTUMN, 2, 1)):
        last = changing - 10
        assert boundary_instant(berlin, last, 0, NO_QUIET_DAYS) == last * DAY_MS - before * HOUR_MS
        assert boundary_instant(berlin, last, 11 * DAY_S, NO_QUIET_DAYS) == (last + 11) * DAY_MS - after * HOUR_MS


def test_a_boundary_late_on_the_short_day_waits_no_longer_than_the_next_day() -> None:
    berlin, last = a_zone("Europe/Berlin"), SPRING - 10
    midnight = berlin.start_of_day(SPRING + 1)
    at = {hours: boundary_instant(berlin, last, 10 * DAY_S + hours * 3600, NO_QUIET_DAYS) for hours in (22, 23)}
    assert at == {22: midnight - HOUR_MS, 23: midnight}
    assert boundary_instant(berlin, last, 11 * DAY_S - 1, NO_QUIET_DAYS) == midnight


@pytest.mark.parametrize(
    ("closed", "due"),
    [
        ((90, 100), 110),
        ((101, 101), 111),
        ((105, 109), 115),
        ((109, 110), 112),  # nobody is called quiet on a closed day
        ((110, 119), 120),
        ((111, 119), 110),
    ],
)
def test_a_boundary_waits_for_as_many_open_days(closed: tuple[int, int], due: int) -> None:
    quiet = QuietCalendar([closed])
    assert quiet.skip(100, 10) == due
    assert boundary_instant(a_zone(), 100, 10 * DAY_S, quiet) == due * DAY_MS
    assert boundary_instant(a_zone(), 100, 10 * DAY_S + 60, quiet) == due * DAY_MS + 60_000


def test_quiet_days_that_touch_or_overlap_count_once() -> None:
    quiet = QuietCalendar([(13, 14), (10, 12), (11, 13), (20, 20)])
    assert quiet.quiet_days_between(0, 30) == 6
    assert [day for day in range(30) if quiet.is_quiet(day)] == [10, 11, 12, 13, 14, 20]


def test_quiet_days_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(ValueError, match="5 to 4"):
        QuietCalendar([(5, 4)])


@given(intervals, days, st.integers(0, 300))
@example([(20_000, 20_010)], 20_000, 0)
@example([(20_000, 20_010)], 20_005, 1)
def test_quiet_days_are_those_that_counting_finds(spans: list[tuple[int, int]], day: int, count: int) -> None:
    quiet, closed = QuietCalendar(spans), quiet_set(spans)
    assert quiet.quiet_days_between(day, day + count) == sum(d in closed for d in range(day + 1, day + count + 1))
    assert quiet.is_quiet(day) == (day in closed)
    assert quiet.skip(day, count) == slow_skip(day, count, closed)


@given(intervals, days, st.integers(1, 300))
def test_the_first_day_whose_age_reaches_a_boundary_is_the_boundarys(
    spans: list[tuple[int, int]], last: int, count: int
) -> None:
    quiet = QuietCalendar(spans)
    due = quiet.skip(last, count)
    assert due - last - quiet.quiet_days_between(last, due) == count
    assert due - 1 - last - quiet.quiet_days_between(last, due - 1) == count - 1
    assert not quiet.is_quiet(due)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai"]),
    intervals,
    days,
    st.integers(0, 300 * DAY_S),
    st.integers(-2 * DAY_MS, 2 * DAY_MS),
)
def test_a_boundary_is_reached_exactly_when_the_age_is(
    name: str, spans: list[tuple[int, int]], last: int, seconds: int, shift: int
) -> None:
    zone, quiet = a_zone(name), QuietCalendar(spans)
    due = boundary_instant(zone, last, seconds, quiet)
    for instant in (due, due - 1, due + shift):
        assert (due <= instant) == (seconds <= age_at(zone, last, instant, quiet))


@given(
    st.sampled_from(["UTC", "Europe/Berlin"]), intervals, days, st.integers(0, 300 * DAY_S), st.integers(0, 2 * DAY_S)
)
def test_a_longer_boundary_is_never_earlier(
    name: str, spans: list[tuple[int, int]], last: int, seconds: int, more: int
) -> None:
    zone, quiet = a_zone(name), QuietCalendar(spans)
    assume(more)
    assert boundary_instant(zone, last, seconds, quiet) <= boundary_instant(zone, last, seconds + more, quiet)


def test_before_the_last_purchase_day_there_is_no_age() -> None:
    assert age_at(a_zone(), 100, 100 * DAY_MS - 1, NO_QUIET_DAYS) == -1
    assert age_at(a_zone(), 100, 100 * DAY_MS, NO_QUIET_DAYS) == 0


@pytest.mark.parametrize(
    ("hours", "age"),
    [
        (3 * 24 - 1, 3 * DAY_S - 3600),
        (3 * 24, 3 * DAY_S - 1),  # the first closed day
        (3 * 24 + 10, 3 * DAY_S - 1),
        (6 * 24 - 1, 3 * DAY_S - 1),
        (6 * 24, 3 * DAY_S),  # open again
        (6 * 24 + 10, 3 * DAY_S + 36_000),
    ],
)
def test_the_age_stands_still_while_the_shop_is_closed(hours: int, age: int) -> None:
    quiet = QuietCalendar([(103, 105)])
    assert age_at(a_zone(), 100, 100 * DAY_MS + hours * HOUR_MS, quiet) == age


def test_a_purchase_on_a_quiet_day_begins_its_age_at_once() -> None:
    quiet = QuietCalendar([(100, 105)])
    assert age_at(a_zone(), 100, 100 * DAY_MS + HOUR_MS, quiet) == 3600
    assert boundary_instant(a_zone(), 100, DAY_S, quiet) == 106 * DAY_MS
