"""Instants are floored to the millisecond, and local days begin when the wall clock says so."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendar import instant_of
from tests.builders import DAY_MS, a_zone

ZONES = ("UTC", "America/New_York", "Asia/Shanghai", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "instant"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(1969, 12, 31, 23, 59, 59, 998_999, tzinfo=UTC), -2),
        (datetime(1970, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), 0),
        (datetime(2026, 7, 1, 12, 0, 0, 999_999, tzinfo=UTC), 1_782_907_200_999),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_an_instant_is_cut_off_to_the_millisecond(moment: datetime, instant: int) -> None:
    assert instant_of(moment) == instant


@settings(deadline=None)
@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])))
def test_an_instant_is_the_floor_of_exact_arithmetic(moment: datetime) -> None:
    assert instant_of(moment) == (moment - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize("name", ZONES)
def test_the_day_turned_to_holds_for_no_instant_of_another_day(name: str) -> None:
    zone, other = a_zone(name), a_zone(name)
    begin = instant_of(datetime(2011, 9, 1, tzinfo=UTC))
    for instant in range(begin, begin + 400 * DAY_MS, DAY_MS // 5):
        day = zone.turn_to(instant)
        assert zone.begins <= instant < zone.ends
        assert day == zone.day == other.day_of(zone.begins) == other.day_of(instant) == other.day_of(zone.ends - 1)


@pytest.mark.parametrize("name", ZONES)
@settings(deadline=None)
@given(data=st.data())
def test_the_local_day_is_the_date_on_the_wall(name: str, data: st.DataObject) -> None:
    zone = a_zone(name)
    second = data.draw(st.integers(500_000_000, 2_000_000_000))
    wall = datetime.fromtimestamp(second, ZoneInfo(name)).date()
    assert zone.day_of(second * 1000) == (wall - EPOCH.date()).days


@pytest.mark.parametrize("name", ZONES)
def test_every_local_day_starts_at_its_first_instant(name: str) -> None:
    zone = a_zone(name)
    for day in range(7_000, 22_000):
        start = zone.start_of_day(day)
        assert zone.day_of(start) >= day > zone.day_of(start - 1)


@pytest.mark.parametrize(
    ("name", "date", "start"),
    [
        # Sao Paulo moved its clocks from 00:00 to 01:00, and back from 00:00 to 23:00 of the day before.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00-02:00"),
        ("America/Sao_Paulo", "2018-11-05", "2018-11-05T00:00-02:00"),
        ("America/Sao_Paulo", "2019-02-17", "2019-02-17T00:00-03:00"),
        ("America/Sao_Paulo", "2019-02-16", "2019-02-16T00:00-02:00"),
        ("America/New_York", "2026-03-08", "2026-03-08T00:00-05:00"),
        ("America/New_York", "2026-03-09", "2026-03-09T00:00-04:00"),
        ("America/New_York", "2026-11-02", "2026-11-02T00:00-05:00"),
        ("Asia/Shanghai", "2026-03-08", "2026-03-08T00:00+08:00"),
        # Samoa had no 30 December 2011: the day starts where the next one does.
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00+14:00"),
    ],
)
def test_a_day_starts_at_local_midnight_or_where_a_skipped_midnight_ends(name: str, date: str, start: str) -> None:
    day = (datetime.fromisoformat(date).date() - EPOCH.date()).days
    assert a_zone(name).start_of_day(day) == instant_of(datetime.fromisoformat(start))


def test_the_start_of_a_day_is_the_same_when_asked_again() -> None:
    zone = a_zone("America/New_York")
    first = [zone.start_of_day(day) for day in range(8_000, 19_000)]
    assert [zone.start_of_day(day) for day in range(8_000, 19_000)] == first
    assert {later - earlier for earlier, later in pairwise(first)} == {
        DAY_MS - 3_600_000,
        DAY_MS,
        DAY_MS + 3_600_000,
    }
