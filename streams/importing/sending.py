"""History into the log: whole batches, acknowledged in order, each partition on its own."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from streams.codecs import encode_tick
from streams.config import Settings
from streams.importing.ordering import Entry
from streams.kafka_clients import client_settings
from streams.murmur import partition_of
from streams.signing import UNSIGNED, Signatures
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, PARTITION_KEY, SHOP_TRAFFIC

#: Far below the broker's limit of 1 MiB a batch, far above the point where a request's own cost matters.
_BATCH_BYTES = 512 * 1024

#: Called with a lane and how many records of it have been acknowledged by now.
Acknowledged = Callable[[int, int], None]


def lanes_of(partitions: int) -> int:
    """How many sequences of records a history has: one per partition of ``member-events`` and one per partition of
    ``shop-traffic``.
    """
    return 2 * partitions


class HistorySender:
    """Sends a history's entries and ticks; what was acknowledged earlier is skipped, record by record and lane by lane.

    The lanes are the partitions of ``member-events`` and, behind them, as many of ``shop-traffic``. ``skip`` says how
    many records of
    each lane are in the log already. One batch per lane is under way at a time, so that a batch that fails is never
    overtaken
    by the next. Used as an async context manager; leaving it without ``finish`` drops what was not sent.
    """

    def __init__(self, settings: Settings, partitions: int, skip: Sequence[int], acknowledged: Acknowledged) -> None:
        self._producer = AIOKafkaProducer(
            **client_settings(settings),
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=2 * _BATCH_BYTES,
        )
        self._topics = (settings.topic(MEMBER_EVENTS), settings.topic(SHOP_TRAFFIC))
        self._dead_letters = settings.topic(DEAD_LETTERS)
        self._partitions = partitions
        self._skip = list(skip)
        self._acknowledged = acknowledged
        self._signatures = Signatures(settings.signing)
        lanes = lanes_of(partitions)
        self._batches: list[Any] = [None] * lanes
        self._under_way: list[asyncio.Task[None] | None] = [None] * lanes
        # Records of each lane seen so far, and how many of them up to the end of its open batch.
        self._position = [0] * lanes
        self._batched = [0] * lanes

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            aiokafka.errors.KafkaConnectionError: no broker answers.
        """
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect; what is under way is waited for and reported, whatever became of it."""
        await asyncio.gather(*(each for each in self._under_way if each is not None), return_exceptions=True)
        await self._producer.stop()

    async def entry(self, entry: Entry) -> None:
        """Send one event to the partition of its member or shop."""
        lane = partition_of(entry.key, self._partitions) + (self._partitions if entry.traffic else 0)
        await self._append(lane, entry.key, entry.value, entry.at)

    async def tick(self, at: int) -> None:
        """Send one tick to every partition, behind every entry that was sent before."""
        for partition in range(self._partitions):
            await self._append(partition, PARTITION_KEY, encode_tick(at, partition), at, self._signatures)

    async def dead_letter(self, original: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Send one row that could not be used."""
        await self._producer.send(self._dead_letters, value=original, headers=headers)

    async def finish(self) -> None:
        """Send what is left and wait until everything is acknowledged.

        Raises:
            aiokafka.errors.KafkaError: a batch was refused; what was acknowledged so far has been reported.
        """
        for lane in range(len(self._batches)):
            await self._ship(lane)
        await asyncio.gather(*(each for each in self._under_way if each is not None))
        await self._producer.flush()

    async def _append(
        self, lane: int, key: bytes, value: bytes, log_time: int, signatures: Signatures = UNSIGNED
    ) -> None:
        self._position[lane] += 1
        if self._position[lane] <= self._skip[lane]:
            return
        headers = signatures.sign(key, value, (("log_time", b"%d" % log_time),))
        batch = self._batches[lane]
        if batch is None or batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            await self._ship(lane)
            batch = self._batches[lane] = self._producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
        self._batched[lane] = self._position[lane]

    async def _ship(self, lane: int) -> None:
        batch, self._batches[lane] = self._batches[lane], None
        if batch is None:
            return
        before = self._under_way[lane]
        if before is not None:
            await before
        batch.close()
        delivery = await self._producer.send_batch(
            batch, self._topics[lane // self._partitions], partition=lane % self._partitions
        )
        self._under_way[lane] = asyncio.ensure_future(self._report(delivery, lane, self._batched[lane]))

    async def _report(self, delivery: asyncio.Future[Any], lane: int, upto: int) -> None:
        await delivery
        self._acknowledged(lane, upto)
