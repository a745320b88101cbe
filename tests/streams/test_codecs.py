import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scoring.calendar import instant_of
from scoring.events import MemberEvent, OrderPaid, PolicyPublished, Tick
from streams.bad_records import MAX_BYTES, MEMBER_TYPES, PARTITION_TYPES
from streams.codecs import BadRecord, decode, encode_policy, encode_tick
from streams.instants import instant_text, parse_instant
from streams.policy_file import from_canonical, load
from streams.topics import PARTITION_KEY

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "events").glob("*/*.json"))


def an_order(**changed: Any) -> bytes:
    """A good order of member 00042; a field set to None is left out."""
    fields = {
        "type": "order.paid",
        "event_id": "ev-1",
        "member_id": "00042",
        "occurred_at": "2026-03-01T12:00:00Z",
        "order_id": "o-1",
        "net_amount": 4125,
        "currency": "EUR",
    }
    return json.dumps({name: value for name, value in (fields | changed).items() if value is not None}).encode()


def refusal_of(value: bytes | None, key: bytes | None = b"00042") -> BadRecord:
    with pytest.raises(BadRecord) as refused:
        decode(key, value)
    return refused.value


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_sample_is_an_event_of_its_type(sample: Path) -> None:
    value = sample.read_bytes()
    member_id = json.loads(value).get("member_id")
    event = decode(PARTITION_KEY if member_id is None else member_id.encode(), value)
    assert event.__struct_config__.tag == sample.parent.name


def test_every_event_type_has_a_sample() -> None:
    assert {sample.parent.name for sample in SAMPLES} == set(MEMBER_TYPES + PARTITION_TYPES)


def test_an_order_keeps_its_fields() -> None:
    event = decode(b"00042", an_order(revision=3))
    assert isinstance(event, OrderPaid)
    assert (event.order_id, event.net_amount, event.currency, event.revision) == ("o-1", 4125, "EUR", 3)
    assert event.occurred_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_key_beyond_ascii_is_the_member_id_in_utf_8() -> None:
    event = decode("Zoë-東京".encode(), an_order(member_id="Zoë-東京"))
    assert isinstance(event, MemberEvent)
    assert event.member_id == "Zoë-東京"


@pytest.mark.parametrize(
    ("value", "key", "reason", "words"),
    [
        (an_order(), None, "null_key", "the key must be the member id"),
        (None, b"00042", "null_value", "no value"),
        (b" " * (MAX_BYTES + 1), b"00042", "too_large", "1,048,577 bytes; at most 1,048,576"),
        (an_order().replace(b"o-1", b"o-\xff"), b"00042", "not_utf8", "byte 0xff"),
        (b'{"x":"\xc3"' + an_order()[:-1] + b"}", b"00042", "not_utf8", "byte 0xc3"),
        (b"", b"00042", "broken_json", "not JSON"),
        (an_order()[:-1], b"00042", "broken_json", "not JSON"),
        (b"\xef\xbb\xbf" + an_order(), b"00042", "broken_json", "byte order mark"),
        (an_order().replace(b"4125", b"NaN"), b"00042", "broken_json", "NaN"),
        (an_order().replace(b'"o-1"', rb'"\ud800"'), b"00042", "broken_json", "surrogate"),
        (b"[1]", b"00042", "not_an_object", "a list"),
        (b'"order"', b"00042", "not_an_object", "a text"),
        (b"null", b"00042", "not_an_object", "null"),
        (an_order(type=None), b"00042", "missing_field", "type is missing"),
        (an_order(type="order.payed"), b"00042", "unknown_type", "did you mean order.paid?"),
        (an_order(type=7), b"00042", "unknown_type", "no event type 7"),
        (an_order(schema_version=2), b"00042", "unknown_version", "reads version 1"),
        (an_order(schema_version="1"), b"00042", "unknown_version", "reads version 1"),
        (an_order(schema_version=1.0), b"00042", "unknown_version", "reads version 1"),
        (an_order(currency=None), b"00042", "missing_field", "currency is missing; order.paid needs it"),
        (an_order(member_id=None), b"00042", "missing_field", "member_id is missing"),
        (an_order(net_amount=41.25), b"00042", "bad_money", "whole number of minor units (cents); got a number with a"),
        (an_order(net_amount=4125.0), b"00042", "bad_money", "fraction or an exponent: 4125.0"),
        (an_order(net_amount="4125"), b"00042", "bad_money", "without quotes"),
        (an_order(net_amount=True), b"00042", "bad_money", "got true"),
        (an_order(net_amount=-1), b"00042", "bad_money", "not be negative; got -1"),
        (an_order(net_amount=10**12 + 1), b"00042", "bad_money", "at most 1,000,000,000,000"),
        (an_order(net_amount=10**30), b"00042", "bad_money", "at most 1,000,000,000,000"),
        (an_order(lines=[{}, {"net_amount": 0.5}]), b"00042", "bad_money", "lines[1].net_amount must be"),
        (an_order(occurred_at="2026-03-01T12:00:00"), b"00042", "bad_instant", "has no offset from UTC"),
        (an_order(occurred_at="yesterday"), b"00042", "bad_instant", 'got "yesterday"'),
        (an_order(occurred_at="2026-02-30T12:00:00Z"), b"00042", "bad_instant", "RFC 3339"),
        (an_order(occurred_at=1772366400), b"00042", "bad_instant", "got a number"),
        (an_order(currency="euro"), b"00042", "bad_field", "at most 3 characters"),
        (an_order(event_id="e" * 65), b"00042", "bad_field", "at most 64 characters"),
        (an_order(order_id=""), b"00042", "bad_field", "not empty"),
        (an_order(revision="2"), b"00042", "bad_field", "revision: must be a whole number"),
        (an_order(), b"00043", "key_mismatch", "key is '00043' but its member_id is '00042'"),
        (an_order(), b"00042\xff", "key_mismatch", "must be the member id"),
        (an_order(), b"", "key_mismatch", "must be the member id"),
        (an_order(), PARTITION_KEY, "key_mismatch", "order.paid is about a member"),
        (an_order(member_id="\0partition"), PARTITION_KEY, "key_mismatch", "order.paid is about a member"),
        (encode_tick(0, 1), b"00042", "key_mismatch", "tick is about a whole partition"),
        (b'{"type":"tick","at":"2026-01-01","partition":1}', PARTITION_KEY, "bad_instant", "at must be an instant"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason_in_plain_words(
    value: bytes | None, key: bytes | None, reason: str, words: str
) -> None:
    refusal = refusal_of(value, key)
    assert refusal.reason == reason
    assert words in refusal.detail


def an_order_with_lists_inside_lists(levels: int) -> bytes:
    return an_order()[:-1] + b',"more":' + b"[" * levels + b"]" * levels + b"}"


def test_nesting_is_allowed_to_32_levels_with_the_event_itself() -> None:
    assert isinstance(decode(b"00042", an_order_with_lists_inside_lists(31)), OrderPaid)


@pytest.mark.parametrize("levels", [32, 100_000])
def test_deeper_nesting_is_refused(levels: int) -> None:
    assert refusal_of(an_order_with_lists_inside_lists(levels)).reason == "too_deep"


def test_nesting_does_not_depend_on_the_recursion_limit() -> None:
    value = an_order_with_lists_inside_lists(300)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert refusal_of(value).reason == "too_deep"
    finally:
        sys.setrecursionlimit(limit)


def test_many_lines_and_brackets_in_texts_are_not_nesting() -> None:
    event = decode(b"00042", an_order(lines=[{"sku": '[[{{\\"['}] * 500))
    assert isinstance(event, OrderPaid)
    assert len(event.lines) == 500


@pytest.mark.parametrize(
    ("fraction", "millis"),
    [("", 0), (".9", 900), (".123999", 123), (".1239994", 123), (".1239995", 123), (".99999999", 999), (".0009999", 0)],
)
def test_fractions_finer_than_a_millisecond_are_cut_off(fraction: str, millis: int) -> None:
    event = decode(b"00042", an_order(occurred_at=f"2026-03-01T12:00:00{fraction}Z"))
    assert isinstance(event, OrderPaid)
    assert instant_of(event.occurred_at) == 1_772_366_400_000 + millis
    assert parse_instant(f"2026-03-01T12:00:00{fraction}Z") == 1_772_366_400_000 + millis


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (852_120_000_007, "1997-01-01T12:00:00.007Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
    ],
)
def test_instants_are_written_and_read_in_utc_with_milliseconds(instant: int, text: str) -> None:
    assert instant_text(instant) == text
    assert parse_instant(text) == instant


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "2026-03-01", "now", ""])
def test_a_text_without_an_offset_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|RFC 3339"):
        parse_instant(text)


def test_a_tick_that_we_write_is_read_as_the_same_tick() -> None:
    assert decode(PARTITION_KEY, encode_tick(1_772_366_400_007, 3)) == Tick(
        at=datetime(2026, 3, 1, 12, 0, 0, 7000, tzinfo=UTC), partition=3
    )


def test_a_policy_that_we_write_is_read_as_the_same_policy() -> None:
    policy = load("absolute")
    event = decode(PARTITION_KEY, encode_policy(3, policy.version, policy.content_hash, policy.canonical()))
    assert isinstance(event, PolicyPublished)
    assert (event.partition, event.version, event.content_hash) == (3, 1, policy.content_hash)
    assert from_canonical(bytes(event.policy)) == policy
