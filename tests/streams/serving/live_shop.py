"""Outcome topics without a broker, and clients that read server-sent events as browsers do."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry

from streams.config import LiveSettings
from streams.metrics.live import LiveMetrics
from streams.murmur import partition_of
from streams.serving.live_entries import LiveEntry, entry_of
from streams.serving.live_hub import LiveHub
from streams.serving.live_order import LiveOrder
from streams.serving.live_positions import TOPICS, index_of
from streams.serving.live_subscription import Subscription

PARTITIONS: Final = 2
KINDS: Final = ("tier.upgraded", "lifecycle.near_churn", "segment.entered")


@dataclass
class Record:
    """As aiokafka gives it."""

    partition: int
    offset: int
    headers: list[tuple[str, bytes]]
    value: bytes | None
    timestamp: int = 0


def outcome(
    member_id: str, sequence: int, topic: int = 0, *, shop: str | None = "s-1", tier: str = "B", at: int = 0
) -> tuple[list[tuple[str, bytes]], bytes]:
    """Headers and value of an outcome; ``at`` is a second of log time."""
    kind = KINDS[topic]
    body = {
        "kind": kind,
        "member_id": member_id,
        "sequence": sequence,
        "from": {"name": "C", "rank": 1},
        "to": {"name": tier, "rank": 2},
        "recorded_at": f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}.000Z",
        "catch_up": False,
        "epoch": 1,
        "tier": {"name": tier, "rank": 2},
        "cause": {"timer": "2026-01-01T00:00:00.000Z"} if shop is None else {"event_id": "e", "shop_id": shop},
    }
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{member_id}-{sequence}".encode()),
        ("ce_type", f"memberpulse.{kind}.v1".encode()),
        ("ce_source", b"/memberpulse/score"),
        ("ce_time", b"2026-01-01T00:00:00.000Z"),
        ("ce_subject", member_id.encode()),
        ("ce_sequence", b"%020d" % sequence),
        ("content-type", b"application/json"),
    ]
    return headers, msgspec.json.encode(body)


class Topics:
    """What the scorer has told. Outcomes of a member lie in the member's partition of three topics."""

    def __init__(self) -> None:
        self.logs: list[list[Record]] = [[] for _ in range(PARTITIONS * TOPICS)]
        self._sequences: dict[str, int] = {}
        self._told: list[tuple[int, Record]] = []

    def tell(self, member_id: str, topic: int, **fields: Any) -> str:
        """One more outcome of a member; its id."""
        sequence = self._sequences[member_id] = self._sequences.get(member_id, 0) + 1
        headers, value = outcome(member_id, sequence, topic, at=len(self._told), **fields)
        index = index_of(topic, partition_of(member_id.encode(), PARTITIONS))
        self._append(index, headers, value)
        return f"{member_id}-{sequence}"

    def tell_again(self, last: int) -> None:
        """A scorer that crashed tells the last ones again, in the same order."""
        for index, record in self._told[max(0, len(self._told) - last) :]:
            assert record.value is not None
            self._append(index, record.headers, record.value)

    def _append(self, index: int, headers: list[tuple[str, bytes]], value: bytes) -> None:
        log = self.logs[index]
        record = Record(index // TOPICS, len(log), headers, value)
        log.append(record)
        self._told.append((index, record))

    def entries(self, index: int, first: int, most: int) -> list[LiveEntry]:
        """What lies in a partition from an offset on."""
        return [entry_of(record, index % TOPICS) for record in self.logs[index][first : first + most]]


class Reading:
    """A process that reads the topics in any order, at hand-driven time."""

    def __init__(self, topics: Topics, *, wait: float = 1.0, **settings: Any) -> None:
        self.topics = topics
        self.now = 0.0
        self.hub = LiveHub(LiveSettings(**settings), PARTITIONS, LiveMetrics(CollectorRegistry()))
        starts = [len(log) for log in topics.logs]
        self.order = LiveOrder(starts, wait)
        self.hub.begin(starts)
        self.published: list[LiveEntry] = []

    def read(self, index: int, most: int = 1_000_000) -> None:
        """Fetch from one partition."""
        self._publish(self.order.arrive(self.topics.entries(index, self.order.read[index], most), self.now))

    def read_all(self) -> None:
        """Fetch everything at once."""
        entries = [
            entry
            for index in range(PARTITIONS * TOPICS)
            for entry in self.topics.entries(index, self.order.read[index], 1_000_000)
        ]
        self._publish(self.order.arrive(entries, self.now))

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self._publish(self.order.overdue(self.now))

    def _publish(self, entries: list[LiveEntry]) -> None:
        self.hub.publish(entries)
        self.published += entries
        for index in range(PARTITIONS * TOPICS):
            self.hub.advance(index, self.order.unsent(index))


@dataclass
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


@dataclass
class Browser:
    """Remembers the last id, drops what it has seen, and notices when it is told that the stream ends."""

    last_id: str | None = None
    events: list[Event] = field(default_factory=list)
    ending: str = ""

    def hear(self, stream: bytes) -> None:
        """Read what a server sent, by the rules of the HTML standard (section 9.2.6)."""
        for block in stream.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            self.last_id = fields.get("id", self.last_id)
            if "data" not in fields:
                continue
            data = msgspec.json.decode(fields["data"])
            if "." not in fields["event"]:
                self.ending = fields["event"]
            elif data["id"] not in {event.data["id"] for event in self.events}:
                self.events.append(Event(fields["id"], fields["event"], data))

    @property
    def ids(self) -> list[str]:
        """Ids of the outcomes, as they came."""
        return [event.data["id"] for event in self.events]


def drained(hub: LiveHub, client: Subscription) -> bytes:
    """Everything that a client would be sent now, as the response does it."""
    sent = b"id: %s\n\n" % hub.here(client).encode() if not client.live else b""
    while (missed := hub.catch_up(client)) is not None:
        sent += missed
    return sent + client.take()
