"""A few records written from the outside, by a verb: whoever goes on knows that they are in the log."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from kafka import KafkaProducer

from streams.config import Settings
from streams.kafka_clients import admin_settings

_ACKNOWLEDGED_WITHIN_S: Final = 30.0


class NewRecord(NamedTuple):
    """A record to be written; ``partition`` is None where the key decides, ``value`` to void the key's earlier ones."""

    partition: int | None
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def write(settings: Settings, topic: str, records: Iterable[NewRecord]) -> None:
    """Write records to a topic, by its physical name.

    Raises:
        kafka.errors.KafkaError: a record was not acknowledged by all replicas within 30 s; others may be written.
    """
    producer = KafkaProducer(**admin_settings(settings), acks="all")
    try:
        sent = [
            producer.send(topic, key=each.key, value=each.value, partition=each.partition, headers=list(each.headers))
            for each in records
        ]
        producer.flush(timeout=_ACKNOWLEDGED_WITHIN_S)
        for each in sent:
            each.get(timeout=_ACKNOWLEDGED_WITHIN_S)
    finally:
        producer.close(timeout=_ACKNOWLEDGED_WITHIN_S)
