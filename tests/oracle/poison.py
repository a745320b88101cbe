"""Records that no decoder may accept, one of each kind, told apart by a number so that no two are alike."""

import json
from typing import Any

from tests.oracle.records import PARTITION_KEY


def _paid(member: str, number: int, at: str, **changed: Any) -> bytes:
    event = {
        "type": "order.paid",
        "event_id": f"poison-{number}",
        "member_id": member,
        "occurred_at": at,
        "order_id": f"poison-{number}",
        "net_amount": 100,
        "currency": "USD",
    }
    return json.dumps({name: value for name, value in {**event, **changed}.items() if value is not ...}).encode()


def poison(member: str, number: int, at: str, partition: int) -> list[tuple[str, bytes | None, bytes | None]]:
    """One (kind, key, value) of each kind, about a member whose other events are good; ``at`` is RFC 3339.

    ``partition`` is where the kinds about a whole partition are to be put; one of them is a tick that names another.
    """
    key = member.encode()
    good = _paid(member, number, at)
    tick = b'{"type":"tick","at":"%s","partition":%d,"source":"poison-%d"}'
    return [
        ("not_utf8", key, b'{"type":"visit","event_id":"\xff\xfe-%d"}' % number),
        ("broken_json", key, good[:-3]),
        ("trailing", key, good + b" x"),
        ("nan", key, _paid(member, number, at, net_amount=float("nan"))),
        ("negative_money", key, _paid(member, number, at, net_amount=-1)),
        ("fractional_money", key, _paid(member, number, at, net_amount=12.5)),
        ("whole_float_money", key, _paid(member, number, at, net_amount=12.0)),
        ("money_as_text", key, _paid(member, number, at, net_amount="100")),
        ("huge_money", key, _paid(member, number, at, net_amount=10**12 + 1)),
        ("currency_of_four_letters", key, _paid(member, number, at, currency="USDT")),
        ("no_order_id", key, _paid(member, number, at, order_id=...)),
        ("no_offset_from_utc", key, _paid(member, number, at[:19])),
        ("not_a_date", key, _paid(member, number, "2026-02-30T00:00:00Z")),
        ("unknown_type", key, _paid(member, number, at, type="order.teleported")),
        ("no_type", key, _paid(member, number, at, type=...)),
        ("schema_version_99", key, _paid(member, number, at, schema_version=99)),
        ("long_event_id", key, _paid(member, number, at, event_id=f"{number:065d}")),
        ("deep", key, good[:-1] + b', "more": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
        ("not_an_object", key, b"[%d]" % number),
        ("empty_value", b"poison-%d" % number, b""),
        ("null_value", b"poison-%d" % number, None),
        ("null_key", None, good),
        ("key_of_another", b"poison-%d" % number, good),
        ("tick_without_instant", PARTITION_KEY, tick % (b"soon", partition, number)),
        ("tick_of_another_partition", PARTITION_KEY, tick % (at.encode(), partition + 1, number)),
        ("member_event_for_a_partition", PARTITION_KEY, good),
    ]
