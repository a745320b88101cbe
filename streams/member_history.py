"""What was told about one member lately, and the score that the log holds of them."""

from typing import Any

import orjson
from kafka import KafkaConsumer

from streams.config import Settings
from streams.log_reading import LogRecord, spans
from streams.log_search import newest_of_key
from streams.murmur import partition_of
from streams.topics import MEMBER_SCORES, OUTCOME_TOPICS


def latest_outcomes(
    settings: Settings, consumer: KafkaConsumer, member_id: str, most: int, known: int | None
) -> list[dict[str, Any]]:
    """The last ``most`` outcomes of a member, oldest first, each once.

    ``known`` is the member's sequence number where a score tells it: with as many outcomes found, nothing older is
    looked for.
    """
    found: dict[str, dict[str, Any]] = {}
    wanted = most if known is None else min(most, known)
    for name in OUTCOME_TOPICS:
        for record in _of_member(settings, consumer, name, member_id, wanted):
            found[(record.header("ce_id") or b"").decode()] = orjson.loads(record.value or b"{}")
    return sorted(found.values(), key=lambda body: body["sequence"])[-most:]


def score_in_topic(settings: Settings, consumer: KafkaConsumer, member_id: str) -> dict[str, Any] | None:
    """The member's newest score in ``member-scores``; None without one, or when the member was erased."""
    newest: tuple[int, int] = (-1, -1)
    found: dict[str, Any] | None = None
    for record in _of_member(settings, consumer, MEMBER_SCORES, member_id, 1):
        score = orjson.loads(record.value) if record.value else None
        version = erasure_version(record) if score is None else (score["epoch"], score["offset"])
        if version is not None and version >= newest:
            newest, found = version, score
    return found


def erasure_version(record: LogRecord) -> tuple[int, int] | None:
    """The (epoch, offset) of the record of ``member-scores`` that takes an erased member's score away.

    None for a deletion that names none.
    """
    epoch, offset = record.header("epoch"), record.header("offset")
    if epoch is None or offset is None or not (epoch.isdigit() and offset.isdigit()):
        return None
    return int(epoch), int(offset)


def _of_member(settings: Settings, consumer: KafkaConsumer, name: str, member_id: str, wanted: int) -> list[LogRecord]:
    """Records of a member in its partition of a topic, searched backwards until so many are found or the beginning is
    reached.
    """
    topic, key = settings.topic(name), member_id.encode()
    count = len(spans(consumer, topic))
    return newest_of_key(consumer, topic, partition_of(key, count), key, wanted) if count else []
