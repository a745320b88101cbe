"""The log as facts: what each partition says about whom, in offset order (docs/rules.md, section 2)."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.calendar import instant_of
from tests.oracle.policy import Rules, rules_of

_AMOUNTS = {"order.paid": "net_amount", "order.returned": "returned_amount"}


@dataclass(frozen=True)
class LogRecord:
    """A record of ``member-events`` as it lies in the log; ``timestamp`` is the broker's, in epoch milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One member event. Fields that its type does not have are empty; ``last_tick`` is None before the first tick."""

    offset: int
    log_time: int
    imported: bool
    last_tick: int | None
    type: str
    event_id: str
    member_id: str
    occurred_at: int
    order_id: str
    revision: int
    amount: int
    return_id: str
    currency: str
    tier: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Tick:
    """One accepted tick."""

    offset: int
    at: int
    imported: bool


@dataclass
class PartitionLog:
    """One partition, read to its end."""

    rules: Rules | None = None
    content_hash: str = ""
    ticks: list[Tick] = field(default_factory=list)
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    dead_letters: dict[int, str] = field(default_factory=dict)
    log_time: int = -(1 << 62)

    def read(self, record: LogRecord, *, is_poison: bool) -> None:
        """Take the next record of the partition."""
        if is_poison:
            return
        written = dict(record.headers).get("log_time")
        self.log_time = max(self.log_time, record.timestamp if written is None else int(written))
        event: dict[str, Any] = json.loads(record.value or b"")
        kind = event["type"]
        if kind == "policy.published":
            self._policy(record.offset, event)
            return
        if self.rules is None:
            where = f"partition {record.partition}, offset {record.offset}"
            raise ValueError(f"{where}: {kind} before the first policy; publish a policy first")
        if kind == "tick":
            at = instant_of(event["at"])
            if not self.ticks or at > self.ticks[-1].at:
                self.ticks.append(Tick(record.offset, at, written is not None))
        elif kind == "cuts.published":
            self.dead_letters[record.offset] = "unsupported"
        else:
            self._member_event(record.offset, event, imported=written is not None)

    def _policy(self, offset: int, event: dict[str, Any]) -> None:
        if self.rules is None:
            self.rules = rules_of(event["policy"])
            self.content_hash = event["content_hash"]
        elif event["content_hash"] != self.content_hash:
            self.dead_letters[offset] = "unsupported"

    def _member_event(self, offset: int, event: dict[str, Any], *, imported: bool) -> None:
        fact = Fact(
            offset=offset,
            log_time=self.log_time,
            imported=imported,
            last_tick=self.ticks[-1].at if self.ticks else None,
            type=event["type"],
            event_id=event["event_id"],
            member_id=event["member_id"],
            occurred_at=instant_of(event["occurred_at"]),
            order_id=event.get("order_id", ""),
            revision=event.get("revision", 1),
            amount=event.get(_AMOUNTS.get(event["type"], ""), 0),
            return_id=event.get("return_id", "total"),
            currency=event.get("currency", ""),
            tier=event.get("tier", ""),
            until=instant_of(event["until"]) if event["type"] == "tier.overridden" else None,
        )
        self.facts.setdefault(fact.member_id, []).append(fact)


def read_log(log: Iterable[LogRecord], poison: Collection[tuple[int, int]]) -> dict[int, PartitionLog]:
    """Every partition of the log. Positions in ``poison`` are passed over; not even their log time counts.

    Raises ValueError when a partition has an event before its first policy.
    """
    partitions: dict[int, PartitionLog] = {}
    for record in sorted(log, key=lambda r: (r.partition, r.offset)):
        partitions.setdefault(record.partition, PartitionLog()).read(
            record, is_poison=(record.partition, record.offset) in poison
        )
    return partitions
