"""Everything of one partition that :mod:`streams.verification` compares, read from the log."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from kafka import KafkaConsumer

from streams import rows
from streams.config import Settings
from streams.log_reading import LogRecord, Span, admin_client, committed, scan, spans
from streams.member_history import erasure_version
from streams.recomputation import PartitionFold
from streams.signing import Signatures
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES, OUTCOME_TOPICS, PARTITION_KEY
from streams.verification import Tally, ToldOutcome, compare_outcomes, compare_rows, compare_scores

#: Called with how many records more were read.
Advance = Callable[[int], None]
_TOLD_EVERY = 1000


class Verification:
    """One verification of the whole log up to the offsets that the scorer had committed when this was made."""

    def __init__(self, settings: Settings, consumer: KafkaConsumer) -> None:
        self._settings = settings
        self._consumer = consumer
        self._stretches = spans(consumer, settings.topic(MEMBER_EVENTS))
        with admin_client(settings) as admin:
            offsets = committed(admin, settings.group("score"))
        topic = settings.topic(MEMBER_EVENTS)
        self.upto = {number: offsets.get((topic, number), 0) for number in self._stretches}

    @property
    def records(self) -> int:
        """How many records of ``member-events`` are to be recomputed."""
        return sum(max(upto - self._stretches[number].begin, 0) for number, upto in self.upto.items())

    @property
    def beyond(self) -> int:
        """How many records lie behind the committed offsets; they are not part of this verification."""
        return sum(span.end - max(self.upto[number], span.begin) for number, span in self._stretches.items())

    @property
    def truncated(self) -> list[int]:
        """Partitions whose beginning is gone, which no recomputation can begin with."""
        return [number for number, span in self._stretches.items() if span.begin > 0 and self.upto[number] > 0]

    def partitions(self, advance: Advance) -> Iterator[list[Tally]]:
        """The comparisons of one partition after the other."""
        for number in self._stretches:
            yield self._partition(number, advance)

    def _partition(self, number: int, advance: Advance) -> list[Tally]:
        upto = self.upto[number]
        signatures = Signatures(self._settings.signing)
        fold = PartitionFold(number, len(self._stretches), self._settings.score.epoch, signatures)
        untold = 0
        for record in scan(
            self._consumer, self._settings.topic(MEMBER_EVENTS), {number: Span(self._stretches[number].begin, upto)}
        ):
            fold.absorb(record)
            untold += 1
            if untold == _TOLD_EVERY:
                advance(untold)
                untold = 0
        advance(untold)
        changelog = self._latest(self._settings.changelog_topic, number, rows.offset_of)
        scores = self._latest(self._settings.topic(MEMBER_SCORES), number, _score_version)
        told = (_told(record) for name in OUTCOME_TOPICS for record in self._whole(self._settings.topic(name), number))
        return [
            compare_rows(fold.members, changelog, upto),
            compare_scores(fold.members, scores, fold.writers, upto),
            *compare_outcomes(fold.outcomes, told, upto),
        ]

    def _latest(self, topic: str, number: int, version: Callable[[bytes], Any]) -> dict[bytes, bytes]:
        """The newest value of every key by its own version, not by its place in the topic."""
        newest: dict[bytes, tuple[Any, bytes | None]] = {}
        for record in self._whole(topic, number):
            if record.key is None or record.key == PARTITION_KEY:
                continue
            mark = erasure_version(record) if record.value is None else version(record.value)
            if mark is None:
                newest.pop(record.key, None)
                continue
            before = newest.get(record.key)
            if before is None or before[0] <= mark:
                newest[record.key] = (mark, record.value)
        return {key: value for key, (_, value) in newest.items() if value is not None}

    def _whole(self, topic: str, number: int) -> Iterator[LogRecord]:
        stretches = spans(self._consumer, topic)
        return scan(self._consumer, topic, {number: stretches[number]}) if number in stretches else iter(())


def _score_version(value: bytes) -> tuple[int, int]:
    score = orjson.loads(value)
    return score["epoch"], score["offset"]


def _told(record: LogRecord) -> ToldOutcome:
    identity, sequence, body = record.header("ce_id"), record.header("ce_sequence"), orjson.loads(record.value or b"{}")
    return ToldOutcome(
        identity=(identity or b"").decode(),
        member_id=(record.key or b"").decode(),
        sequence=int(sequence or b"0"),
        offset=body["position"]["offset"],
    )
