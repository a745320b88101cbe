"""The log as facts: what each partition says about whom, in offset order (docs/rules.md, section 2)."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.calendar import instant_of
from tests.oracle.policy import Rules, rules_of
from tests.oracle.pyramid import Cuts, cuts_of

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
    into: str = ""
    via: str = ""
    absorbed: str = ""
    path: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """One accepted tick."""

    offset: int
    at: int
    imported: bool


@dataclass(frozen=True)
class PolicyChange:
    """An accepted policy, the partition's first one included."""

    offset: int
    log_time: int
    imported: bool
    last_tick: int | None
    rules: Rules
    content_hash: str


@dataclass(frozen=True)
class CutsChange:
    """Accepted cuts."""

    offset: int
    log_time: int
    imported: bool
    last_tick: int | None
    cuts: Cuts


@dataclass
class PartitionLog:
    """One partition, read to its end. ``rules`` are those of the latest policy."""

    rules: Rules | None = None
    sweeps: list[PolicyChange | CutsChange] = field(default_factory=list)
    content_hash: str = ""
    version: int = 0
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
            self._policy(record.offset, event, imported=written is not None)
            return
        if self.rules is None:
            where = f"partition {record.partition}, offset {record.offset}"
            raise ValueError(f"{where}: {kind} before the first policy; publish a policy first")
        if kind == "tick":
            at = instant_of(event["at"])
            if not self.ticks or at > self.ticks[-1].at:
                self.ticks.append(Tick(record.offset, at, written is not None))
        elif kind == "cuts.published":
            self._cuts(record.offset, event, imported=written is not None)
        else:
            self._member_event(record.offset, event, imported=written is not None)

    def _policy(self, offset: int, event: dict[str, Any], *, imported: bool) -> None:
        if event["content_hash"] == self.content_hash:
            return
        rules = rules_of(event["policy"])
        if self.rules is not None and (
            event["version"] <= self.version or (rules.currency, rules.zone) != (self.rules.currency, self.rules.zone)
        ):
            self.dead_letters[offset] = "policy_refused"
            return
        self.rules = rules
        self.version = event["version"]
        last_tick = self.ticks[-1].at if self.ticks else None
        self.content_hash = event["content_hash"]
        change = PolicyChange(offset, self.log_time, imported, last_tick, rules, self.content_hash)
        self.sweeps.append(change)

    def _cuts(self, offset: int, event: dict[str, Any], *, imported: bool) -> None:
        dates = [sweep.cuts.date for sweep in self.sweeps if isinstance(sweep, CutsChange)]
        if not dates or event["date"] > dates[-1]:
            last_tick = self.ticks[-1].at if self.ticks else None
            cuts = cuts_of(event["date"], event["cuts"])
            self.sweeps.append(CutsChange(offset, self.log_time, imported, last_tick, cuts))

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
            into=event.get("into", ""),
            via=event.get("via", ""),
            absorbed=event.get("absorbed", ""),
            path=tuple(event.get("path", ())),
            numbers=tuple(event.get("numbers", ())),
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
