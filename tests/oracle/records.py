"""What generated records look like, and how a list of them becomes a log."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from kafka.partitioner import murmur2

from tests.oracle.log import LogRecord

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
PARTITION_KEY: Final = b"\x00partition"

#: Thresholds low enough that members of a short run climb and fall; written as its canonical form has it.
POLICY: Final[Mapping[str, Any]] = {
    "version": 1,
    "currency": "USD",
    "time_zone": "UTC",
    "windows": {"reported_days": 365, "return_days": 90},
    "min_order_amount": 1,
    "tiers": {
        "window_days": 365,
        "levels": [
            {"name": "D"},
            {"name": "C", "frequency": 2, "monetary": 10_000, "match": "any"},
            {"name": "B", "frequency": 5, "monetary": 30_000, "match": "any"},
            {"name": "A", "frequency": 8, "monetary": 60_000, "match": "all"},
        ],
    },
    "lifecycle": {"near_churn_days": 60, "recently_lapsed_days": 90, "mid_lapsed_days": 180, "dormant_days": 365},
}


@dataclass(frozen=True, slots=True)
class GeneratedRecord:
    """A record to append to ``partition``. ``is_poison``: no decoder may accept it (what docs/rules.md refuses is not).

    ``timestamp`` is the log time that it was made for, in epoch milliseconds; a ``log_time`` header says the same.
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    is_poison: bool
    partition: int
    timestamp: int


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put a key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def as_log(records: Iterable[GeneratedRecord]) -> tuple[list[LogRecord], frozenset[tuple[int, int]]]:
    """The records as a log with offsets from 0 in every partition, and the positions of the poison."""
    log: list[LogRecord] = []
    poisoned = set()
    ends: dict[int, int] = {}
    for r in records:
        offset = ends.get(r.partition, 0)
        ends[r.partition] = offset + 1
        log.append(LogRecord(r.partition, offset, r.timestamp, r.key, r.value, r.headers))
        if r.is_poison:
            poisoned.add((r.partition, offset))
    return log, frozenset(poisoned)


def policy_event(partition: int, document: Mapping[str, Any]) -> bytes:
    """The value of a ``policy.published``; ``document`` is hashed as its canonical JSON."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    digest = hashlib.sha256(canonical).hexdigest()
    about = {"type": "policy.published", "event_id": f"policy-{digest[:12]}-{partition}", "partition": partition}
    version = document["version"]
    return json.dumps({**about, "version": version, "content_hash": digest, "policy": document}).encode()


def cuts_event(partition: int, day: str, cuts: Mapping[str, Any]) -> bytes:
    """The value of a ``cuts.published`` of a local date (ISO)."""
    about = {"type": "cuts.published", "event_id": f"cuts-{day}-{partition}", "partition": partition}
    return json.dumps({**about, "date": day, "cuts": cuts}).encode()


def tick_event(partition: int, at: int) -> bytes:
    """The value of a tick at an epoch-millisecond instant."""
    return json.dumps({"type": "tick", "at": rfc3339(at), "partition": partition}).encode()


def rfc3339(instant: int, zone: timezone = UTC) -> str:
    """An epoch-millisecond instant as text with an offset."""
    moment = datetime.fromtimestamp(instant // 1000, zone) + timedelta(milliseconds=instant % 1000)
    return moment.isoformat(timespec="milliseconds")


def headers_of(at: int) -> tuple[tuple[str, bytes], ...]:
    """The header of imported history."""
    return (("log_time", b"%d" % at),)
