"""Writing what the ticker decides: ticks and cuts into every partition, its state onto the control topic."""

import asyncio
import logging
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.codecs import encode_tick
from streams.config import Settings
from streams.cuts_document import DatedCuts
from streams.instants import instant_text
from streams.kafka_clients import client_settings
from streams.signing import Signatures
from streams.ticker.control import (
    COPIED_KEY,
    CUTS_KEY,
    LAST_TICK_KEY,
    PROBE_KEY,
    STATE_KEY,
    WORD_KEY,
    CopiedCuts,
    LastTick,
    OperatorWord,
    TickerState,
    encode,
)
from streams.topics import CONTROL, MEMBER_EVENTS, PARTITION_KEY

log = logging.getLogger(__name__)

#: Of a record's timestamp: the broker wrote it (1), not the producer (0).
_LOG_APPEND_TIME: Final = 1


class Appending:
    """An open producer. An asynchronous context manager; every method may raise ``aiokafka.errors.KafkaError``."""

    def __init__(self, settings: Settings) -> None:
        self._events = settings.topic(MEMBER_EVENTS)
        self._control = settings.topic(CONTROL)
        self._sign = Signatures(settings.signing).sign
        self._producer = AIOKafkaProducer(**client_settings(settings), acks="all", enable_idempotence=True)

    async def __aenter__(self) -> Self:
        """Connect."""
        try:
            await self._producer.start()
        except KafkaError:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def tick(self, at: int) -> list[int]:
        """Append a tick at ``at`` (epoch ms) to every partition; returns the partitions that have it.

        The instant is noted on the control topic first, so that no later ticker, here or elsewhere, goes behind it.
        A partition that fails gets the next tick, which says no less.
        """
        await self._note(LAST_TICK_KEY, encode(LastTick(at_ms=at)))
        records = {partition: encode_tick(at, partition) for partition in await self.partitions()}
        return await self._append(records, f"The tick at {instant_text(at)}")

    async def partitions(self) -> list[int]:
        """The partitions of the log."""
        return sorted(await self._producer.partitions_for(self._events))

    async def keep_cuts(self, cuts: DatedCuts) -> None:
        """Put cuts onto the control topic; of one date the first ones count."""
        await self._note(CUTS_KEY, cuts.encode())

    async def copy_cuts(self, cuts: DatedCuts) -> bool:
        """Append cuts to every partition and note that all have them; False when one has not."""
        partitions = await self.partitions()
        records = {partition: cuts.event(partition) for partition in partitions}
        if await self._append(records, f"The cuts of {cuts.date}") != partitions:
            return False
        await self._note(COPIED_KEY, encode(CopiedCuts(cuts.date)))
        return True

    async def broker_clock(self) -> int | None:
        """The broker's time in epoch ms; None when the control topic is not configured to tell it."""
        metadata = await self._producer.send_and_wait(self._control, b"{}", PROBE_KEY)
        return int(metadata.timestamp) if metadata.timestamp_type == _LOG_APPEND_TIME else None

    async def word(self, word: OperatorWord) -> None:
        """Replace the operator's word."""
        await self._note(WORD_KEY, encode(word))

    async def state(self, state: TickerState) -> None:
        """Tell what the ticker does."""
        await self._note(STATE_KEY, encode(state))

    async def _append(self, records: dict[int, bytes], what: str) -> list[int]:
        """Append a record to each partition; returns those that have it."""
        answers = await asyncio.gather(
            *(
                self._producer.send_and_wait(
                    self._events,
                    value,
                    PARTITION_KEY,
                    partition=partition,
                    headers=self._sign(PARTITION_KEY, value),
                )
                for partition, value in records.items()
            ),
            return_exceptions=True,
        )
        appended = []
        for partition, answer in zip(records, answers, strict=True):
            if isinstance(answer, KafkaError):
                log.warning("%s: missing in partition %d: %s", what, partition, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                appended.append(partition)
        return appended

    async def _note(self, key: bytes, value: bytes) -> None:
        await self._producer.send_and_wait(self._control, value, key, headers=self._sign(key, value))
