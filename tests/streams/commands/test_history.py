"""The time that an imported history brings along."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoring.calendar import Zone
from streams.importing.history import with_ticks
from streams.importing.ordering import Entry, in_time_order
from streams.zone_table import zone_table


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def order(text: str, position: int = 0) -> Entry:
    return Entry(at(text), position, b"m", b"{}")


def day(text: str) -> int:
    return at(text) // 86_400_000


LATER = at("2030-01-01")


@pytest.fixture
def utc() -> Zone:
    return zone_table("UTC")


def test_tick_of_a_day_follows_every_order_of_the_day_before(utc: Zone) -> None:
    first, last_ms, midnight = (
        order("2026-01-01T00:00"),
        Entry(at("2026-01-02") - 1, 1, b"m", b""),
        order("2026-01-02", 2),
    )
    steps = list(with_ticks([first, last_ms, midnight], utc, None, LATER))
    assert steps == [first, last_ms, at("2026-01-02"), midnight, at("2026-01-03")]


def test_days_without_orders_have_their_tick_too(utc: Zone) -> None:
    steps = list(with_ticks([order("2026-01-01T12:00"), order("2026-01-04T12:00")], utc, None, LATER))
    ticks = [step for step in steps if isinstance(step, int)]
    assert ticks == [at("2026-01-02"), at("2026-01-03"), at("2026-01-04"), at("2026-01-05")]


@pytest.mark.parametrize(
    ("until", "last"), [("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-02"), ("2026-01-04", "2026-01-04")]
)
def test_until_extends_the_ticks_and_never_shortens_them(utc: Zone, until: str, last: str) -> None:
    steps = list(with_ticks([order("2026-01-01T12:00")], utc, day(until), LATER))
    assert steps[-1] == at(last)


def test_no_tick_lies_in_the_future(utc: Zone) -> None:
    now = at("2026-01-02T09:00")
    assert list(with_ticks([order("2026-01-02T08:00")], utc, None, now)) == [order("2026-01-02T08:00")]
    assert list(with_ticks([order("2026-01-01T08:00")], utc, day("2026-02-01"), now))[1:] == [at("2026-01-02")]


def test_day_of_a_shop_in_taipei_ends_at_its_own_midnight() -> None:
    steps = list(
        with_ticks([order("2026-01-01T15:59"), order("2026-01-01T16:00", 1)], zone_table("Asia/Taipei"), None, LATER)
    )
    assert steps[1] == at("2026-01-01T16:00")


def test_history_without_orders_has_no_ticks(utc: Zone) -> None:
    assert list(with_ticks([], utc, day("2026-01-01"), LATER)) == []


@pytest.mark.parametrize("run", [1, 2, 3, 7, 8, 100])
def test_orders_come_out_in_time_order_whatever_fits_in_memory(tmp_path: Path, run: int) -> None:
    given = [
        Entry(instant, position, b"m%d" % position, b"v") for position, instant in enumerate([5, 3, 3, 9, 1, 5, 2])
    ]
    assert list(in_time_order(given, tmp_path, run)) == sorted(given)
    assert list(tmp_path.iterdir()) == []
