"""What was told about one member lately, and the score that the log holds of them."""

from typing import Any

import orjson
from kafka import KafkaConsumer

from streams.config import Settings
from streams.log_reading import LogRecord, Span, scan, spans
from streams.murmur import partition_of
from streams.topics import MEMBER_SCORES, OUTCOME_TOPICS

#: The first step backwards from the end of a partition; each next one is four times as long.
_FIRST_STEP = 2_000


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
    """The member's newest score in ``member-scores``; None without one."""
    scores = [
        orjson.loads(record.value)
        for record in _of_member(settings, consumer, MEMBER_SCORES, member_id, 1)
        if record.value
    ]
    return max(scores, key=lambda score: (score["epoch"], score["offset"]), default=None)


def _of_member(settings: Settings, consumer: KafkaConsumer, name: str, member_id: str, wanted: int) -> list[LogRecord]:
    """Records of a member in its partition of a topic, searched backwards until so many are found or the beginning is
    reached.
    """
    topic, key = settings.topic(name), member_id.encode()
    stretches = spans(consumer, topic)
    if not stretches or not wanted:
        return []
    number = partition_of(key, len(stretches))
    whole = stretches[number]
    found: list[LogRecord] = []
    end, step = whole.end, _FIRST_STEP
    while end > whole.begin and len(found) < wanted:
        begin = max(whole.begin, end - step)
        found = [each for each in scan(consumer, topic, {number: Span(begin, end)}) if each.key == key] + found
        end, step = begin, step * 4
    return found
