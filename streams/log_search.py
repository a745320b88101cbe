"""Where are the newest records of a key? Searched backwards from the end of a partition, in growing steps."""

from typing import Final

from kafka import KafkaConsumer

from streams.log_reading import LogRecord, Span, scan, spans

#: The first step backwards from the end of a partition; each next one is four times as long.
_FIRST_STEP: Final = 2_000


def newest_of_key(consumer: KafkaConsumer, topic: str, number: int, key: bytes, wanted: int) -> list[LogRecord]:
    """At least ``wanted`` records of a key in a partition of a topic (physical name), all down to some offset, oldest
    first; fewer when the beginning is reached, none in a topic that does not exist.

    Raises:
        kafka.errors.KafkaTimeoutError: the broker sent nothing for 30 s.
    """
    whole = spans(consumer, topic).get(number)
    found: list[LogRecord] = []
    if whole is None or not wanted:
        return found
    end, step = whole.end, _FIRST_STEP
    while end > whole.begin and len(found) < wanted:
        begin = max(whole.begin, end - step)
        found = [each for each in scan(consumer, topic, {number: Span(begin, end)}) if each.key == key] + found
        end, step = begin, step * 4
    return found
