"""Where does an endpoint go on in each partition? The committed offset is all there is to know."""

import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from streams.webhooks.lane import Lane
from streams.webhooks.remembered import Remembered

log = logging.getLogger(__name__)


class ForgottenOffsetsError(Exception):
    """Kafka knows no offset of a group that has had some: it forgets groups that nobody reads for some days."""


class Placed(NamedTuple):
    """The lanes, and the partitions where the endpoint begins only now: to be committed before anything is read."""

    lanes: list[Lane]
    fresh: dict[TopicPartition, int]


async def placed(
    admin: AIOKafkaAdminClient,
    consumer: AIOKafkaConsumer,
    group: str,
    partitions: Collection[TopicPartition],
    *,
    began_before: bool,
) -> Placed:
    """Where to go on in ``partitions``: after what was delivered; at the end of those that are new to the endpoint.

    Raises:
        ForgottenOffsetsError: it ``began_before``, and yet no partition at all has an offset.
        aiokafka.errors.KafkaError: Kafka does not answer.
    """
    held: Mapping[TopicPartition, OffsetAndMetadata] = {
        each: at for each, at in (await admin.list_consumer_group_offsets(group)).items() if at.offset >= 0
    }
    if began_before and not held:
        raise ForgottenOffsetsError(group)
    begins: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    lanes: dict[int, dict[str, int]] = {}
    for each in sorted(partitions):
        at = held[each].offset if each in held else ends[each]
        if not begins[each] <= at <= ends[each]:
            log.error(
                "Group %s had come to offset %d of %s, partition %d, which has the offsets %d to %d. Was the topic "
                "made anew, or cut off? Going on at %d",
                group,
                at,
                each.topic,
                each.partition,
                begins[each],
                ends[each],
                begins[each],
            )
            at = begins[each]
        lanes.setdefault(each.partition, {})[each.topic] = at
    return Placed(
        [Lane(number, topics, _remembered(held, number, topics)) for number, topics in lanes.items()],
        {each: ends[each] for each in partitions if each not in held},
    )


def _remembered(held: Mapping[TopicPartition, OffsetAndMetadata], number: int, topics: Collection[str]) -> Remembered:
    """All partitions of a lane are committed together, with the same text."""
    texts = [held[each].metadata for topic in topics if (each := TopicPartition(topic, number)) in held]
    return Remembered(max(texts, default="", key=len))
