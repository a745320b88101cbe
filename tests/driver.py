"""The scorer without a broker: pipe events, push time, crash, restore, read rows and outcomes.

Runs the real partition over an in-memory log, outbox and changelog. A *cut* remembers as the engine does; a *crash*
forgets
everything that no cut has remembered and reads on from the last one.
"""

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import orjson
from faust.types import TP
from prometheus_client import CollectorRegistry

from scoring.calendar import instant_of
from scoring.state import MemberState
from streams.codecs import encode_cuts, encode_tick
from streams.dead_letters import Ceiling
from streams.engine.batches import Record
from streams.engine.partition import PARTITION_ROW_KEY, PartitionRow
from streams.metrics.scorer import ScorerMetrics
from streams.murmur import partition_of
from streams.outcome_records import OutcomeRecords
from streams.policy_file import PolicyDocument, load
from streams.policy_publication import policy_record
from streams.refusing import Refuser
from streams.rows import decode as decode_row
from streams.scorer.partition import MemberPartition
from streams.scorer.tally import Tally
from streams.signing import UNSIGNED, Signatures
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, MEMBER_SCORES, PARTITION_KEY
from tests.streams.engine.record_reading import decoded_headers

TOPIC = TP(MEMBER_EVENTS, 0)


class ProcessEnded(BaseException):
    """What ends a real process at once; nothing may catch it on the way out."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def end(code: int, why: str) -> NoReturn:
    raise ProcessEnded(code, why)


@dataclass
class ListOutbox:
    """Keeps what was put, per topic, in order."""

    records: list[tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]] = field(default_factory=list)

    def put(self, topic: str, partition: int, key: Any, value: Any, headers: Any = ()) -> None:
        pairs = decoded_headers(headers) if isinstance(headers, bytes) else list(headers)
        self.records.append((topic, partition, key, value, pairs))

    def of(self, *topics: str) -> list[dict[str, Any]]:
        return [orjson.loads(value) for topic, _, _, value, _ in self.records if topic in topics and value is not None]


class ScorerDriver:
    """One partition, partition count 1 unless said otherwise. Log time is event time unless given."""

    def __init__(
        self,
        policy: PolicyDocument | str = "absolute",
        *,
        partition: int = 0,
        partition_count: int = 1,
        ceiling: bool = False,
        rows: Callable[[], MutableMapping[bytes, bytes]] = dict,
        signatures: Signatures = UNSIGNED,
    ) -> None:
        """``rows`` makes the place where a process keeps its rows; ``signatures`` both sign and check."""
        self._tp = TP(MEMBER_EVENTS, partition)
        self.document = load(policy) if isinstance(policy, str) else policy
        self.log: list[Record] = []
        self.outbox = ListOutbox()
        self.changelog: list[Record] = []
        self.committed = 0
        self._partition_count = partition_count
        self._ceiling = ceiling
        self._rows = rows
        self._signatures = signatures
        self._new_process()
        self._append(PARTITION_KEY, policy_record(self.document, self._tp.partition), log_time=0)

    def _new_process(self) -> None:
        self.metrics = ScorerMetrics(CollectorRegistry())
        outbox: Any = self.outbox
        refuser = Refuser(
            self._tp, outbox, (DEAD_LETTERS, 0), self.metrics.dead_letters, Ceiling() if self._ceiling else None, end
        )
        self.partition = MemberPartition(
            self._tp,
            outbox.put,
            Tally(self._tp, refuser, self.metrics),
            lambda name: name,
            lambda policy: OutcomeRecords(policy, 1),
            self._partition_count,
            end,
        )
        self.partition.rows = self._rows()
        self.partition.signatures = self._signatures

    # -- the log ----------------------------------------------------------------------------------------------------

    def _append(
        self, key: bytes | None, value: bytes | None, *, log_time: int, imported: bool = False, sweep: bool = True
    ) -> None:
        headers: Sequence[tuple[str, bytes]] = [("log_time", str(log_time).encode())] if imported else []
        if key == PARTITION_KEY and value is not None:
            headers = self._signatures.sign(key, value, headers)
        self.log.append(Record(len(self.log), log_time, key, value, headers))
        self.run(sweep=sweep)

    def pipe(self, *events: dict[str, Any], log_time: datetime | None = None, imported: bool = False) -> None:
        """Append events and absorb them."""
        for event in events:
            at = log_time or datetime.fromisoformat(event["occurred_at"])
            self._append(event["member_id"].encode(), orjson.dumps(event), log_time=instant_of(at), imported=imported)

    def append(self, record: Record) -> None:
        """Append a record as it is, but for its offset, and absorb it."""
        record.offset = len(self.log)
        self.log.append(record)
        self.run()

    def pipe_unswept(self, event: dict[str, Any]) -> None:
        """Append an event and absorb it; nobody else is reached by what is unfinished."""
        at = datetime.fromisoformat(event["occurred_at"])
        self._append(event["member_id"].encode(), orjson.dumps(event), log_time=instant_of(at), sweep=False)

    def pipe_bytes(self, key: bytes | None, value: bytes | None, *, at: datetime) -> None:
        """Append any record and absorb it."""
        self._append(key, value, log_time=instant_of(at))

    def tick(self, at: datetime, *, sweep: bool = True) -> None:
        """Append a tick; with ``sweep`` False nobody who is due is reached yet."""
        value = encode_tick(instant_of(at), self._tp.partition)
        self._append(PARTITION_KEY, value, log_time=instant_of(at), sweep=sweep)

    def publish(self, policy: PolicyDocument | str, at: datetime, *, sweep: bool = True) -> None:
        """Append another policy; with ``sweep`` False nobody is reached yet."""
        document = load(policy) if isinstance(policy, str) else policy
        self._append(PARTITION_KEY, policy_record(document, self._tp.partition), log_time=instant_of(at), sweep=sweep)

    def cuts(self, date: str, document: dict[str, Any], at: datetime, *, sweep: bool = True) -> None:
        """Append the cuts of a local date (ISO); ``document`` is what the event has under ``cuts``."""
        self._append(
            PARTITION_KEY,
            encode_cuts(self._tp.partition, date, orjson.dumps(document)),
            log_time=instant_of(at),
            sweep=sweep,
        )

    def run(self, *, sweep: bool = True) -> None:
        """Absorb what was appended."""
        waiting = self.log[self.partition.position :]
        if waiting:
            self.partition.absorb(waiting)
            self.partition.position = waiting[-1].offset + 1
        if sweep:
            self.sweep()

    def sweep(self, budget: int | None = None) -> None:
        """Reach members who are due: at most ``budget`` of them, all without."""
        if budget is not None:
            self.partition.sweep(budget)
        else:
            while self.partition.sweeping:
                self.partition.sweep(100)

    # -- remembering and forgetting ---------------------------------------------------------------------------------

    def cut(self, *, rows: int | None = None, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Remember; only the first ``rows`` rows and no partition row when given, as a crash half-way does.

        ``meanwhile`` is what happens after the first row was taken.
        """
        row = PartitionRow(self.partition.committable, self._partition_count, self.partition.payload())
        count = self.partition.dirty_count
        dirty = self.partition.take_dirty(1)
        meanwhile()
        dirty += self.partition.take_dirty(max(count - 1, 0))
        for key, value in dirty if rows is None else dirty[:rows]:
            self.changelog.append(Record(len(self.changelog), 0, key, value))
        if rows is None:
            self.changelog.append(Record(len(self.changelog), 0, PARTITION_ROW_KEY, row.encode()))
            self.committed = row.position

    def crash(self) -> None:
        """Forget everything but log, changelog, committed offset and what was sent; restore and read on."""
        self._new_process()
        self.partition.restore(self.changelog)
        asyncio.run(self.partition.restored())
        row = self.partition.partition_row
        # As the engine does: what lies below the partition row's position is in the rows, whatever is committed.
        self.partition.position = row.position if row is not None else 0
        self.run()

    # -- looking ----------------------------------------------------------------------------------------------------

    def member(self, member_id: str) -> MemberState | None:
        """The present state."""
        key = member_id.encode()
        if key in self.partition.live:
            return self.partition.live[key]
        row = self.partition.rows.get(key)
        return decode_row(row) if row is not None else None

    def outcomes(self, member_id: str | None = None) -> list[dict[str, Any]]:
        """Bodies of the outcomes sent so far, duplicates included, with their ids as ``id``."""
        found = []
        for topic, _, _, value, headers in self.outbox.records:
            if topic in (MEMBER_SCORES, DEAD_LETTERS, MEMBER_EVENTS) or value is None:
                continue
            body = orjson.loads(value)
            body["id"] = dict(headers)["ce_id"].decode()
            if member_id is None or body["member_id"] == member_id:
                found.append(body)
        return found

    def kinds(self, member_id: str) -> list[str]:
        """Kinds of the member's outcomes without duplicates, in order of first sight."""
        return [body["kind"] for body in {body["id"]: body for body in reversed(self.outcomes(member_id))}.values()][
            ::-1
        ]

    def scores(self) -> list[dict[str, Any]]:
        """Every score record sent."""
        return self.outbox.of(MEMBER_SCORES)

    def dead_letters(self) -> list[tuple[bytes | None, str]]:
        """(original bytes, reason) of every dead letter."""
        return [
            (value, dict(headers)["dl_reason"].decode())
            for topic, _, _, value, headers in self.outbox.records
            if topic == DEAD_LETTERS
        ]


NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """Noon UTC, ``number`` days after New Year's Day 2026."""
    return NEW_YEAR + timedelta(days=number)


def paid(member_id: str, order_id: str, at: datetime, amount: int = 5000, **fields: Any) -> dict[str, Any]:
    """An ``order.paid`` event; its id follows from order and revision."""
    revision = fields.get("revision", 1)
    return {
        "type": "order.paid",
        "event_id": f"paid-{order_id}-{revision}",
        "member_id": member_id,
        "occurred_at": at.isoformat(),
        "order_id": order_id,
        "net_amount": amount,
        "currency": "USD",
        **fields,
    }


def key_on(partition: int, partition_count: int, prefix: str = "m") -> str:
    """A member id whose key hashes to ``partition``."""
    number = 0
    while partition_of(f"{prefix}{number}".encode(), partition_count) != partition:
        number += 1
    return f"{prefix}{number}"
