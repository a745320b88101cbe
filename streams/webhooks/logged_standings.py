"""The standings as all processes of a deployment and its operators see them: on the control topic."""

import asyncio
import logging
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.topics import CONTROL
from streams.webhooks.standing import Standing, Standings, encoded, standing_key

log = logging.getLogger(__name__)

_FETCH_WAIT_MS: Final = 250
_AFTER_ERROR_S: Final = 1.0


class LoggedStandings(Standings):
    """Follows the control topic from its beginning, and writes there. An asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._partition = TopicPartition(settings.topic(CONTROL), 0)
        self._consumer = AIOKafkaConsumer(
            **client_settings(settings), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._producer = AIOKafkaProducer(**client_settings(settings), acks="all")
        self._following: asyncio.Task[None] | None = None
        #: How far the topic has been read.
        self._read_to = 0
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        """Return when all that was said so far is known.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer, or refuses this client.
        """
        try:
            await self._producer.start()
            await self._consumer.start()
            self._consumer.assign([self._partition])
            await self._consumer.seek_to_beginning(self._partition)
            end: int = (await self._consumer.end_offsets([self._partition]))[self._partition]
            while await self._consumer.position(self._partition) < end:
                await self._follow()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._following = asyncio.create_task(self._follow_for_ever())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._consumer.stop()
        await self._producer.stop()

    async def tell(self, endpoint: str, standing: Standing) -> None:
        """Write it to the log, and return when it was read back from there: what others say meanwhile keeps its place.

        What cannot be written holds in this process all the same, and is said.
        """
        key, value = standing_key(endpoint), encoded(standing)
        try:
            written = await self._producer.send_and_wait(self._partition.topic, value, key, self._partition.partition)
        except KafkaError as error:
            log.error("That webhook endpoint %s is %s could not be written: %s", endpoint, standing.state, error)  # noqa: TRY400 - the sentence says it
            self.absorb(key, value)
            return
        async with self._news:
            await self._news.wait_for(lambda: self._read_to > written.offset)

    async def _follow(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_FETCH_WAIT_MS)
        for record in fetched.get(self._partition, ()):
            self.absorb(record.key, record.value)
        self._read_to = await self._consumer.position(self._partition)
        async with self._news:
            self._news.notify_all()

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except KafkaError as error:
                log.warning("The control topic cannot be read, what operators say waits: %s", error)
                await asyncio.sleep(_AFTER_ERROR_S)
