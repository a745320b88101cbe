"""How far behind is each group, and how long has the oldest record been waiting?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from streams.config import Settings
from streams.log_reading import Span, committed, spans
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES

#: A partition whose first waiting record does not come within this is shown without an age.
_READ_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """One partition as one group sees it. ``committed`` is None before the first commit; ``waiting_seconds`` is the
    age of the
    oldest record that is not committed, by the broker's append time, and None when there is none.
    """

    role: str
    topic: str
    partition: int
    committed: int | None
    end: int
    behind: int
    waiting_seconds: float | None


def reads(settings: Settings) -> list[tuple[str, str]]:
    """Which role reads which topic, in the order of the flow."""
    sources = [("ingest", source.topic) for source in settings.ingest.sources]
    shops = [("project-shops", settings.topic(MEMBER_EVENTS))] if settings.access.member_shops else []
    return [*sources, ("score", settings.topic(MEMBER_EVENTS)), ("project", settings.topic(MEMBER_SCORES)), *shops]


def measure(settings: Settings, admin: KafkaAdminClient, consumer: KafkaConsumer, now: int) -> list[PartitionLag]:
    """Every partition of every topic that one of our groups reads; ``now`` is epoch milliseconds. Commits nothing."""
    measured: list[PartitionLag] = []
    for role, topic in reads(settings):
        offsets = committed(admin, settings.group(role))
        measured += measured_topic(consumer, role, topic, offsets, now)
    return measured


def measured_topic(
    consumer: KafkaConsumer, role: str, topic: str, offsets: Mapping[tuple[str, int], int], now: int
) -> list[PartitionLag]:
    """Every partition of one topic (physical name), for a group that has committed ``offsets``."""
    stretches = spans(consumer, topic)
    positions = {number: offsets.get((topic, number)) for number in stretches}
    waiting = {number: Span(max(span.begin, positions[number] or 0), span.end) for number, span in stretches.items()}
    appended = _first_timestamps(
        consumer, topic, {number: span for number, span in waiting.items() if span.begin < span.end}
    )
    measured: list[PartitionLag] = []
    for number, span in waiting.items():
        stamp = appended.get(number)
        measured.append(
            PartitionLag(
                role=role,
                topic=topic,
                partition=number,
                committed=positions[number],
                end=span.end,
                behind=max(span.end - span.begin, 0),
                waiting_seconds=None if stamp is None else max(now - stamp, 0) / 1000,
            )
        )
    return measured


def _first_timestamps(consumer: KafkaConsumer, topic: str, stretches: Mapping[int, Span]) -> dict[int, int]:
    """The timestamp of the first record of each stretch, in epoch milliseconds."""
    wanted = {TopicPartition(topic, number): span.begin for number, span in stretches.items()}
    found: dict[int, int] = {}
    if not wanted:
        return found
    consumer.assign(list(wanted))
    consumer.resume(*wanted)
    for partition, offset in wanted.items():
        consumer.seek(partition, offset)
    until = time.monotonic() + _READ_WITHIN_S
    while len(found) < len(wanted) and time.monotonic() < until:
        for partition, records in consumer.poll(timeout_ms=200, max_records=100).items():
            if partition.partition not in found and records:
                found[partition.partition] = records[0].timestamp
            consumer.pause(partition)
    return found
