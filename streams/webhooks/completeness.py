"""Up to where are the outcomes of a partition complete in all topics?

A member's outcomes lie in up to three topics, in the partition of the same number, and nobody promises which of the
topics gets its part first. The scorer commits an offset of ``member-events`` only after every outcome decided before it
was acknowledged. So: read what the scorer has committed, then where the topics end. Everything decided before the
first lies before the second.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.config import Settings
from streams.topics import MEMBER_EVENTS

log = logging.getLogger(__name__)

_ROUND_S: Final = 0.5
_SAY_EVERY: Final = 120


class Complete(NamedTuple):
    """What is known of one partition: ``committed`` is the scorer's offset, None where no scorer ever committed.

    ``ends`` are the ends of the topics (physical names) after that.
    """

    committed: int | None
    ends: Mapping[str, int]


class Completeness:
    """Looks twice a second, for all endpoints of this process."""

    def __init__(
        self,
        settings: Settings,
        admin: AIOKafkaAdminClient,
        consumer: AIOKafkaConsumer,
        partitions: Sequence[TopicPartition],
    ) -> None:
        """``partitions`` are all of the outcome topics; ``consumer`` is only asked for offsets and needs no group."""
        self._group = settings.group("score")
        self._events = settings.topic(MEMBER_EVENTS)
        self._partitions = partitions
        self._admin = admin
        self._consumer = consumer
        self._known: dict[int, Complete] = {}

    def of(self, partition: int) -> Complete | None:
        """The newest that is known of a partition; None before the first look."""
        return self._known.get(partition)

    async def look(self) -> None:
        """Look once.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer.
        """
        committed = await self._admin.list_consumer_group_offsets(self._group)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(self._partitions)
        known: dict[int, dict[str, int]] = {}
        for each, end in ends.items():
            known.setdefault(each.partition, {})[each.topic] = end
        for number, of_topics in known.items():
            at = committed.get(TopicPartition(self._events, number))
            self._known[number] = Complete(at.offset if at is not None and at.offset >= 0 else None, of_topics)

    async def look_for_ever(self) -> None:
        """Look until cancelled; while Kafka does not answer, the last look holds."""
        failures = 0
        while True:
            try:
                await self.look()
                failures = 0
            except KafkaError as error:
                if failures % _SAY_EVERY == 0:
                    log.warning("Kafka does not say how far the scorer is, so outcomes wait: %s", error)
                failures += 1
            await asyncio.sleep(_ROUND_S)
