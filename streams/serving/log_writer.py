"""Records from HTTP into the log: acknowledged by all replicas before anybody is answered, or said not to be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata
from litestar import Litestar

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.metrics.posting import PostingMetrics
from streams.murmur import partition_of
from streams.pseudonyms import Pseudonyms

#: A request of 1,000 events is a few batches per partition, not a hundred.
_BATCH_BYTES: Final = 262_144
_STOP_SECONDS: Final = 5.0
#: Records handled without a pause: about a millisecond, which look-ups of the same process have to wait for.
AT_ONCE: Final = 50


class Fate(StrEnum):
    """What became of a record."""

    WRITTEN = "written"
    #: Handed to Kafka but not acknowledged in time: it may be in the log, or come into it later.
    UNKNOWN = "unknown"
    #: Never handed over.
    NOT_SENT = "not_sent"


class Written(NamedTuple):
    """What became of a record; ``partition`` and ``offset`` where it was written."""

    fate: Fate
    partition: int = -1
    offset: int = -1


class LogWriter:
    """One idempotent producer per process, started when the first record comes and made anew after a fatal error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._disposing: asyncio.Task[None] | None = None

    async def write(self, topic: str, records: Sequence[tuple[bytes, bytes]], within: float) -> list[Written]:
        """Write keys and values to a topic (logical name), those of a key in order, within so many seconds.

        Raises nothing for Kafka's sake: whatever it does, every record's fate is told.
        """
        if not records:
            return []
        futures: list[asyncio.Future[RecordMetadata]] = []
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(within):
                await self._hand_over(self._settings.topic(topic), records, futures)
        never = len(records) - len(futures)
        return [_fate(future) for future in futures] + [Written(Fate.NOT_SENT)] * never

    async def aclose(self) -> None:
        """Disconnect, after a few seconds for what is on its way."""
        if self._starting is not None:
            # A connection that is still being made has nothing on its way.
            self._starting.cancel()
            await _dispose(self._starting)

    async def _hand_over(
        self, topic: str, records: Sequence[tuple[bytes, bytes]], futures: list["asyncio.Future[RecordMetadata]"]
    ) -> None:
        starting = self._starting
        if starting is None:
            starting = self._starting = asyncio.ensure_future(self._start())
        try:
            # Shielded: a request that cannot wait any longer must not undo a connection that others wait for.
            producer = await asyncio.shield(starting)
            count = len(await producer.partitions_for(topic))
            for number, (key, value) in enumerate(records, 1):
                futures.append(await producer.send(topic, value, key, partition=partition_of(key, count)))
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
            if futures:
                await asyncio.wait(futures)
            for future in futures:
                future.result()
        except KafkaError:
            # Some of these a producer cannot get over, and it is cheap to make a new one.
            if self._starting is starting:
                self._starting = None
                self._disposing = asyncio.ensure_future(_dispose(starting))
            raise

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **client_settings(self._settings), acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


async def _dispose(starting: "asyncio.Task[AIOKafkaProducer]") -> None:
    await asyncio.wait([starting])
    if starting.cancelled() or starting.exception() is not None:
        return
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await starting.result().stop()


def _fate(future: "asyncio.Future[RecordMetadata]") -> Written:
    if not future.done():
        # Nobody waits for it any more: what becomes of it must not be reported as forgotten.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return Written(Fate.UNKNOWN)
    if future.cancelled() or future.exception() is not None:
        return Written(Fate.UNKNOWN)
    metadata = future.result()
    return Written(Fate.WRITTEN, metadata.partition, metadata.offset)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """While the app runs, the writer is ``app.state.log_writer``, beside what posting needs."""
    writer = LogWriter(app.state.settings)
    app.state.log_writer = writer
    app.state.posting_metrics = PostingMetrics(app.state.registry)
    app.state.pseudonyms = Pseudonyms(app.state.settings.pseudonyms)
    try:
        yield
    finally:
        await writer.aclose()
