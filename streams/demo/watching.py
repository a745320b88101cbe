"""What the running system has told so far, read from its topics while it works."""

from collections import Counter, deque
from typing import Any

import orjson
from kafka import KafkaConsumer, TopicPartition

from streams.config import Settings
from streams.instants import parse_instant
from streams.log_reading import spans
from streams.topics import LIFECYCLE_ALERTS, MEMBER_SCORES, OUTCOME_TOPICS, TIER_CHANGES

_LATEST = 6
_MOST_RECORDS = 5_000


class Watcher:
    """Follows the outcome topics and member-scores from their beginning, without a consumer group."""

    def __init__(self, settings: Settings, consumer: KafkaConsumer) -> None:
        self.tiers: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()
        self.tier_changes: deque[str] = deque(maxlen=_LATEST)
        self.alerts: deque[str] = deque(maxlen=_LATEST)
        self.outcomes = 0
        #: Per member: sequence number of each alert, its kind and its instant (epoch ms): when it was due, else when
        #: it took effect.
        self.alerts_of: dict[str, dict[int, tuple[str, int]]] = {}
        self._consumer = consumer
        self._present: dict[bytes, tuple[str, str]] = {}
        self._seen: set[bytes] = set()
        self._topics = {settings.topic(name): name for name in (*OUTCOME_TOPICS, MEMBER_SCORES)}
        partitions = [TopicPartition(topic, number) for topic in self._topics for number in spans(consumer, topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)

    @property
    def members(self) -> int:
        """How many members have a score."""
        return len(self._present)

    def look(self, seconds: float) -> None:
        """Take in what has arrived, waiting at most so long for the first of it."""
        fetched = self._consumer.poll(timeout_ms=int(seconds * 1000), max_records=_MOST_RECORDS)
        for partition, records in fetched.items():
            name = self._topics[partition.topic]
            for record in records:
                if name == MEMBER_SCORES:
                    self._score(record.key, record.value)
                else:
                    self._outcome(name, dict(record.headers).get("ce_id", b""), orjson.loads(record.value))

    def at_the_end(self) -> bool:
        """Whether everything that is in the topics now has been taken in."""
        partitions = list(self._consumer.assignment())
        ends = self._consumer.end_offsets(partitions)
        return all(self._consumer.position(each) >= ends[each] for each in partitions)

    def _score(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        score = orjson.loads(value)
        before = self._present.get(key)
        now = (score["tier"], score["stage"])
        if before == now:
            return
        if before is not None:
            self.tiers[before[0]] -= 1
            self.stages[before[1]] -= 1
        self._present[key] = now
        self.tiers[now[0]] += 1
        self.stages[now[1]] += 1

    def _outcome(self, name: str, identity: bytes, body: dict[str, Any]) -> None:
        if identity in self._seen:
            return
        self._seen.add(identity)
        self.outcomes += 1
        line = f"{body['at'][:10]}  {body['sentence']}"
        # That somebody became a member is no change worth a line among the latest.
        if name == TIER_CHANGES and body["kind"] != "tier.joined":
            self.tier_changes.append(line)
        if name != LIFECYCLE_ALERTS:
            return
        self.alerts.append(line)
        instant = parse_instant(body["due_at"] or body["at"])
        self.alerts_of.setdefault(body["member_id"], {})[body["sequence"]] = (body["kind"], instant)
