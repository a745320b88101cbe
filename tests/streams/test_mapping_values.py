import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from streams.bad_records import BadRecord
from streams.mapping import Mapping


def event_of(record: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    made = mapping.apply(json.dumps(record).encode())
    assert made is not None
    event: dict[str, Any] = json.loads(made.value)
    return event


def refusal_of(record: dict[str, Any], mapping: Mapping) -> tuple[str, str]:
    with pytest.raises(BadRecord) as refused:
        mapping.apply(record)
    return refused.value.reason, refused.value.detail


def a_mapping(tmp_path: Path, **fields: str) -> Mapping:
    """A mapping of orders in which some fields have their own rule, as TOML."""
    rules = {
        "event_id": '"$.id"',
        "order_id": '"$.id"',
        "member_id": '"$.member"',
        "occurred_at": '"$.at"',
        "net_amount": '{ path = "$.money", money = "major" }',
        "currency": '"$.currency"',
    } | fields
    file = tmp_path / "orders.toml"
    lines = "\n".join(f"{name} = {rule}" for name, rule in rules.items())
    file.write_text(f'[[event]]\ntype = "order.paid"\n[event.fields]\n{lines}\n', "utf-8")
    return Mapping.load(file)


def a_record(**changed: Any) -> dict[str, Any]:
    plain = {"id": "o-1", "member": "ann", "at": "2026-03-01T12:00:00Z", "money": "1.00", "currency": "USD"}
    return plain | changed


@pytest.mark.parametrize(
    ("unit", "currency", "money", "minor"),
    [
        ("major", "USD", 0.07, 7),
        ("major", "USD", 1.1, 110),
        ("major", "USD", 4.35, 435),
        ("major", "USD", 1_234_567_890.12, 123_456_789_012),
        ("major", "USD", 5, 500),
        ("major", "USD", "4.35", 435),
        ("major", "USD", "4.3500", 435),
        ("major", "USD", " 4.35 ", 435),
        ("major", "USD", Decimal("4.35"), 435),
        ("major", "JPY", "435", 435),
        ("major", "KWD", "4.355", 4355),
        ("minor", "USD", 435, 435),
        ("minor", "USD", "435", 435),
        ("minor", "USD", 435.0, 435),
    ],
)
def test_money_is_read_to_the_last_minor_unit(unit: str, currency: str, money: Any, minor: int, tmp_path: Path) -> None:
    mapping = a_mapping(tmp_path, net_amount=f'{{ path = "$.money", money = "{unit}" }}')
    made = mapping.apply(a_record(money=money, currency=currency))
    assert made is not None
    assert json.loads(made.value)["net_amount"] == minor


@pytest.mark.parametrize(
    ("money", "currency", "words"),
    [
        (0.1 + 0.2, "USD", "more decimals than USD can have (2)"),
        ("4.355", "USD", "more decimals than USD can have (2)"),
        (4.5, "JPY", "more decimals than JPY can have (0)"),
        ("4,35", "USD", '"4,35" is no number'),
        ("$4", "USD", "is no number"),
        ("NaN", "USD", "is no number"),
        ("1e2", "USD", "is no number"),
        ("\u0661", "USD", "is no number"),
        (1e300, "USD", "is no number"),
        (True, "USD", "is no number"),
        ("-4.35", "USD", "must not be negative"),
    ],
)
def test_money_that_is_not_exact_is_refused(money: Any, currency: str, words: str, tmp_path: Path) -> None:
    reason, detail = refusal_of(a_record(money=money, currency=currency), a_mapping(tmp_path))
    assert reason == "bad_money"
    assert words in detail


@pytest.mark.parametrize(
    ("rule", "at", "instant"),
    [
        ('time = "rfc3339"', "2026-03-01T12:00:00+01:00", "2026-03-01T11:00:00.000Z"),
        ('time = "rfc3339"', "2026-03-01T12:00:00.0009999Z", "2026-03-01T12:00:00.000Z"),
        ('time_zone = "Europe/Berlin"', "2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z"),
        ('time = "epoch_s"', 1_772_366_400, "2026-03-01T12:00:00.000Z"),
        ('time = "epoch_s"', "1772366400.0079", "2026-03-01T12:00:00.007Z"),
        ('time = "epoch_s"', -0.5, "1969-12-31T23:59:59.500Z"),
        ('time = "epoch_ms"', 1_772_366_400_007, "2026-03-01T12:00:00.007Z"),
        ('time = "%d.%m.%Y %H:%M", time_zone = "Europe/Berlin"', "01.03.2026 13:00", "2026-03-01T12:00:00.000Z"),
        ('time = "%d.%m.%Y %H:%M", time_zone = "Europe/Berlin"', "25.10.2026 02:30", "2026-10-25T00:30:00.000Z"),
        ('time = "%Y-%m-%d %H:%M %z"', "2026-03-01 13:00 +0100", "2026-03-01T12:00:00.000Z"),
        ('time = "rfc3339"', datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00.000Z"),
    ],
)
def test_times_of_many_forms_are_the_same_instant(rule: str, at: Any, instant: str, tmp_path: Path) -> None:
    made = a_mapping(tmp_path, occurred_at=f'{{ path = "$.at", {rule} }}').apply(a_record(at=at))
    assert made is not None
    assert json.loads(made.value)["occurred_at"] == instant


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        ('time = "rfc3339"', "2026-03-01T12:00:00"),
        ('time = "rfc3339"', 1_772_366_400),
        ('time = "epoch_s"', "soon"),
        ('time = "epoch_ms"', 10**15),
        ('time = "%d.%m.%Y", time_zone = "UTC"', "2026-03-01"),
        ('time = "%Y-%m-%d %z"', "2026-03-01"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(rule: str, at: Any, tmp_path: Path) -> None:
    reason, detail = refusal_of(a_record(at=at), a_mapping(tmp_path, occurred_at=f'{{ path = "$.at", {rule} }}'))
    assert reason == "bad_instant"
    assert "occurred_at (from $.at)" in detail


def test_what_is_empty_is_missing_and_a_default_takes_its_place(tmp_path: Path) -> None:
    mapping = a_mapping(tmp_path, channel='{ path = "$.channel", default = "web" }')
    for empty in ({}, {"channel": None}, {"channel": ""}):
        assert event_of(a_record(**empty), mapping)["channel"] == "web"
    assert refusal_of(a_record(member=""), mapping) == (
        "missing_field",
        "the field member_id is missing; order.paid needs it",
    )


def test_a_value_outside_the_translation_table_is_refused_or_takes_the_other_name(tmp_path: Path) -> None:
    strict = a_mapping(tmp_path, channel='{ path = "$.c", translate = { W = "web", 7 = "shop" } }')
    assert event_of(a_record(c="W"), strict)["channel"] == "web"
    assert event_of(a_record(c=7), strict)["channel"] == "shop"
    assert '"X" is not in the translation table; known are W, 7' in refusal_of(a_record(c="X"), strict)[1]
    lenient = a_mapping(tmp_path, channel='{ path = "$.c", translate = { W = "web" }, otherwise = "other" }')
    assert event_of(a_record(c="X"), lenient)["channel"] == "other"


@pytest.mark.parametrize("found", [1.5, 12345678901234567890123, ["a"], {"a": 1}])
def test_an_id_whose_digits_are_not_certain_is_refused(found: Any, tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="expected text or a whole number"):
        event_of(a_record(id=found), a_mapping(tmp_path))


def test_an_id_of_a_day_is_its_date(tmp_path: Path) -> None:
    made = a_mapping(tmp_path, event_id='{ template = "{member}-{day}" }').apply(a_record(day=date(2026, 3, 1)))
    assert made is not None
    assert json.loads(made.value)["event_id"] == "ann-2026-03-01"
