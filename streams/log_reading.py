"""What lies in a stretch of the log, read once from the outside, without a consumer group."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaTimeoutError,
    NotCoordinatorError,
)

from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.kafka_clients import admin_settings
from streams.topics import PARTITION_KEY

#: A broker that sends nothing for this long, although it says that there is more, has a problem.
_SILENCE_S = 30.0
_TAIL_RECORDS = 500
_COORDINATOR_S = 15.0


class Span(NamedTuple):
    """A stretch of one partition: from ``begin`` up to and without ``end``."""

    begin: int
    end: int


class LogRecord(NamedTuple):
    """One record as bytes; ``timestamp`` is the broker's, in epoch milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    def log_time(self) -> int:
        """The ``log_time`` header in epoch milliseconds when there is one, else the broker's timestamp."""
        stated = self.header("log_time")
        return self.timestamp if stated is None else int(stated)


@contextmanager
def admin_client(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An administration client for the length of a ``with`` block."""
    client = KafkaAdminClient(**admin_settings(settings))
    try:
        yield client
    finally:
        client.close()


@contextmanager
def log_consumer(settings: Settings) -> Iterator[KafkaConsumer]:
    """A consumer without a group: it commits nothing and disturbs nobody."""
    consumer = KafkaConsumer(
        **admin_settings(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # The broker checked them at the append. In Python this costs nine times as much as all other work on a record.
        check_crcs=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    try:
        yield consumer
    finally:
        consumer.close(autocommit=False)


def spans(consumer: KafkaConsumer, topic: str) -> dict[int, Span]:
    """Where each partition of a topic begins and ends now; empty for a topic that does not exist."""
    numbers = consumer.partitions_for_topic(topic) or set()
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    if not partitions:
        return {}
    begins = consumer.beginning_offsets(partitions)
    ends = consumer.end_offsets(partitions)
    return {each.partition: Span(begins[each], ends[each]) for each in partitions}


def missing_topic(settings: Settings, topic: str) -> CommandError:
    """What to say of a topic that has no :func:`spans`: exit 78."""
    return CommandError(
        f"there is no topic {topic}",
        ExitCode.CONFIG,
        where=settings.kafka.bootstrap,
        remedy="run 'memberpulse topics apply', or check kafka.bootstrap and kafka.topic_prefix",
    )


def scan(consumer: KafkaConsumer, topic: str, stretches: Mapping[int, Span]) -> Iterator[LogRecord]:
    """Every record of the stretches, each partition in offset order, the partitions mixed.

    Raises:
        kafka.errors.KafkaTimeoutError: the broker sent nothing for 30 s before the end was reached.
    """
    open_until = {
        TopicPartition(topic, number): span.end for number, span in stretches.items() if span.begin < span.end
    }
    consumer.assign(list(open_until))
    # What an earlier scan of this consumer had finished with is still paused.
    consumer.resume(*open_until)
    for partition in open_until:
        consumer.seek(partition, stretches[partition.partition].begin)
    heard = time.monotonic()
    while open_until:
        fetched = consumer.poll(timeout_ms=1000, max_records=5000)
        if fetched:
            heard = time.monotonic()
        elif time.monotonic() - heard > _SILENCE_S:
            raise KafkaTimeoutError(
                f"the broker sent nothing of {topic} for {_SILENCE_S:.0f} s before its end was reached"
            )
        for partition, records in fetched.items():
            end = open_until.get(partition)
            if end is None:
                continue
            for record in records:
                if record.offset >= end:
                    break
                yield LogRecord(
                    partition.partition,
                    record.offset,
                    record.timestamp,
                    record.key,
                    record.value,
                    tuple(record.headers),
                )
        # A position moves past compacted and control records too, which no fetched record would show.
        for partition in [each for each in open_until if consumer.position(each) >= open_until[each]]:
            del open_until[partition]
            consumer.pause(partition)


def committed(admin: KafkaAdminClient, group: str) -> dict[tuple[str, int], int]:
    """The committed offset of a group per (topic, partition); empty when it never committed."""
    until = time.monotonic() + _COORDINATOR_S
    while True:
        try:
            offsets = admin.list_group_offsets(group)
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
            # A fresh broker makes its offsets topic at the first question about a group.
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
            continue
        stored = offsets.get(group, {})
        return {(each.topic, each.partition): at.offset for each, at in stored.items() if at.offset >= 0}


def latest_ticks(
    consumer: KafkaConsumer,
    topic: str,
    stretches: Mapping[int, Span],
    *,
    furthest: int | None = None,
    genuine: Callable[[LogRecord], bool] = lambda _: True,
) -> dict[int, LogRecord]:
    """The record of the last tick in each partition that has one, searched backwards from the end in growing steps.

    The search ends ``furthest`` records before the end of a partition, or at its beginning. Only ``genuine`` ones
    count.
    """
    found: dict[int, LogRecord] = {}
    limits = {
        number: span if furthest is None else Span(max(span.begin, span.end - furthest), span.end)
        for number, span in stretches.items()
    }
    remaining = {number: Span(max(span.begin, span.end - _TAIL_RECORDS), span.end) for number, span in limits.items()}
    step = _TAIL_RECORDS
    while remaining:
        for record in scan(consumer, topic, remaining):
            of_tick = record.key == PARTITION_KEY and record.value is not None and b'"tick"' in record.value
            if of_tick and genuine(record):
                found[record.partition] = record
        step *= 4
        remaining = {
            number: Span(max(limits[number].begin, span.begin - step), span.begin)
            for number, span in remaining.items()
            if number not in found and span.begin > limits[number].begin
        }
    return found
