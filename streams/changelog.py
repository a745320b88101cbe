"""What does the scorer remember? Its changelog, read from the outside, beside a running worker or without one."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from kafka import KafkaConsumer

from scoring.state import MemberState
from streams.config import Settings
from streams.engine.partition import PARTITION_ROW_KEY, PartitionRow
from streams.log_reading import LogRecord, Span, scan, spans
from streams.log_search import newest_of_key
from streams.murmur import partition_of
from streams.rows import decode, offset_of
from streams.scorer.progress import PartitionProgress

#: Called with how many records more were read.
Advance = Callable[[int], None]
_TOLD_EVERY = 1000


class PartitionMemory(NamedTuple):
    """One partition as it is remembered: the effects of every record below ``position`` are in ``rows``.

    Some rows may be further than that. ``progress`` says policy, cuts and last tick as of ``position``. ``records`` is
    how many records of the changelog this was read from.
    """

    number: int
    position: int
    progress: PartitionProgress
    rows: dict[bytes, bytes]
    records: int


class Standing(NamedTuple):
    """How far a partition is remembered, without its members."""

    number: int
    position: int
    progress: PartitionProgress


def remembered(number: int, records: Iterable[LogRecord]) -> PartitionMemory | None:
    """What the changelog's records of a partition come to; None before the first partition row.

    The row with the highest offset of the log counts, not the last one written: a worker that had lost the partition
    may have written after its successor.
    """
    rows: dict[bytes, bytes] = {}
    newest: PartitionRow | None = None
    read = 0
    for record in records:
        read += 1
        key, value = record.key, record.value
        if key is None:
            continue
        if value is None:
            rows.pop(key, None)
        elif key == PARTITION_ROW_KEY:
            row = PartitionRow.decode(value)
            if newest is None or newest.position <= row.position:
                newest = row
        else:
            known = rows.get(key)
            if known is None or offset_of(known) <= offset_of(value):
                rows[key] = value
    if newest is None:
        return None
    return PartitionMemory(number, newest.position, PartitionProgress.decode(newest.payload), rows, read)


def read_partition(
    settings: Settings, consumer: KafkaConsumer, span: Span, number: int, advance: Advance
) -> PartitionMemory | None:
    """A partition of the changelog between two of its offsets, with every member's row in memory."""

    def told() -> Iterable[LogRecord]:
        untold = 0
        for record in scan(consumer, settings.changelog_topic, {number: span}):
            yield record
            untold += 1
            if untold == _TOLD_EVERY:
                advance(untold)
                untold = 0
        advance(untold)

    return remembered(number, told())


def changelog_spans(settings: Settings, consumer: KafkaConsumer) -> dict[int, Span]:
    """Where each partition of the changelog begins and ends now."""
    return spans(consumer, settings.changelog_topic)


def standing_of(settings: Settings, consumer: KafkaConsumer, number: int) -> Standing | None:
    """How far a partition is remembered, from the newest partition row near the changelog's end; None without one."""
    found = [
        PartitionRow.decode(record.value)
        for record in newest_of_key(consumer, settings.changelog_topic, number, PARTITION_ROW_KEY, 1)
        if record.value is not None
    ]
    if not found:
        return None
    newest = max(found, key=lambda row: row.position)
    return Standing(number, newest.position, PartitionProgress.decode(newest.payload))


def member_row(settings: Settings, consumer: KafkaConsumer, member_id: str) -> MemberState | None:
    """A member's state as it was remembered last; None for a member nobody has seen."""
    topic, key = settings.changelog_topic, member_id.encode()
    count = len(spans(consumer, topic))
    if not count:
        return None
    found = newest_of_key(consumer, topic, partition_of(key, count), key, 1)
    rows = [record.value for record in found if record.value is not None]
    return decode(max(rows, key=offset_of)) if rows else None
