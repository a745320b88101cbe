"""Local days, in zones whose days begin oddly."""

from datetime import date

import pytest

from tests.oracle.calendar import day_of, instant_of, start_of_day


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        ("2026-03-08", "America/New_York", "2026-03-08T05:00:00+00:00"),
        ("2026-03-09", "America/New_York", "2026-03-09T04:00:00+00:00"),
        # Midnight does not exist: clocks go from 23:59:59 to 01:00.
        ("2026-09-06", "America/Santiago", "2026-09-06T04:00:00+00:00"),
        # 30 December 2011 does not exist in Samoa.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        ("2026-01-01", "Asia/Kathmandu", "2025-12-31T18:15:00+00:00"),
    ],
)
def test_day_starts_at_its_first_instant(day: str, zone: str, start: str) -> None:
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    instant = start_of_day(number, zone)
    assert instant == instant_of(start)
    assert day_of(instant - 1, zone) < number <= day_of(instant, zone)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1969-12-31T23:59:59.9985Z", -2),
        ("1970-01-01T08:00:00.000+08:00", 0),
        ("2026-01-01T00:00:00.999999999Z", 1_767_225_600_999),
    ],
)
def test_instants_are_cut_to_milliseconds_downwards(text: str, instant: int) -> None:
    assert instant_of(text) == instant
