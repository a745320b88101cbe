"""Live records of a small shop, as producers of canonical events write them."""

import json
import time
from typing import Any

from tests.oracle.records import PARTITION_KEY, GeneratedRecord, headers_of, partition_of, rfc3339, tick_event

PARTITIONS = 2


def now_ms() -> int:
    """This moment, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def record(
    key: bytes | None,
    value: bytes | None,
    partition: int,
    headers: tuple[tuple[str, bytes], ...] = (),
    *,
    is_poison: bool = False,
) -> GeneratedRecord:
    """Any record at all."""
    return GeneratedRecord(key, value, headers, is_poison=is_poison, partition=partition, timestamp=0)


def order_bytes(member: str, order: str, *, at: int | None = None, **changed: Any) -> bytes:
    """An ``order.paid`` of 5.00 USD as JSON; fields set to ``...`` are left out."""
    event = {
        "type": "order.paid",
        "event_id": f"{member}-{order}",
        "member_id": member,
        "occurred_at": rfc3339(now_ms() if at is None else at),
        "order_id": f"{member}-{order}",
        "net_amount": 500,
        "currency": "USD",
    }
    return json.dumps({name: value for name, value in {**event, **changed}.items() if value is not ...}).encode()


def order(
    member: str,
    order: str,
    *,
    at: int | None = None,
    appended: int | None = None,
    partitions: int = PARTITIONS,
    **changed: Any,
) -> GeneratedRecord:
    """The same as a record on the member's partition; ``appended`` is the log time of imported history."""
    place = partition_of(member.encode(), partitions)
    headers = () if appended is None else headers_of(appended)
    return record(member.encode(), order_bytes(member, order, at=at, **changed), place, headers)


def ticks(at: int, partitions: int = PARTITIONS) -> list[GeneratedRecord]:
    """A live tick for every partition."""
    return [record(PARTITION_KEY, tick_event(place, at), place) for place in range(partitions)]
