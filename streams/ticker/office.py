"""Which process is the deployment's one ticker: whoever is assigned the control topic's only partition."""

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.signing import Signatures
from streams.ticker.control import STEERING_KEYS, WORD_KEY, ControlState
from streams.topics import CONTROL

log = logging.getLogger(__name__)


class Office(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is published without types
    """A candidacy for being the ticker, and the control topic as its holder reads it. An asynchronous context manager.

    Two processes may hold the office for a moment while it changes hands; the scorer ignores ticks that are not later.
    """

    def __init__(self, settings: Settings) -> None:
        self._partition = TopicPartition(settings.topic(CONTROL), 0)
        self._genuine = Signatures(settings.signing).genuine
        session_ms = settings.kafka.session_timeout_seconds * 1000
        self._consumer = AIOKafkaConsumer(
            **client_settings(settings),
            group_id=settings.group("ticker"),
            # Nothing is committed: every holder reads the topic from its beginning.
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(session_ms),
            heartbeat_interval_ms=int(session_ms / 3),
        )
        self.held = False
        #: Counts the assignments: the control topic is read anew in each.
        self.term = 0
        self.control = ControlState()

    async def __aenter__(self) -> Self:
        """Stand as a candidate."""
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        self._consumer.subscribe([self._partition.topic], listener=self)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the office to others."""
        self.held = False
        await self._consumer.stop()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """The office is lost, at least for a moment."""
        if revoked:
            log.info("Another process may append ticks from now on")
        self.held = False

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """The office is ours, or another's."""
        if assigned:
            log.info("This process appends the ticks")
            self.control = ControlState()
            self.term += 1
            # Not left to the reset: what came between the assignment and this call went into the former state.
            self._consumer.seek(self._partition, 0)
        self.held = bool(assigned)

    def serves(self, term: int) -> bool:
        """Whether the office is held without a break since that term began."""
        return self.held and self.term == term

    async def caught_up(self) -> bool:
        """Whether everything on the control topic has been read."""
        end: int = (await self._consumer.end_offsets([self._partition]))[self._partition]
        position: int = await self._consumer.position(self._partition)
        return position >= end

    async def follow(self, seconds: float) -> bool:
        """Read what is new on the control topic for at most ``seconds``; whether the operator said something."""
        fetched = await self._consumer.getmany(timeout_ms=max(0, int(seconds * 1000)))
        before = self.control.word
        spoken = False
        for record in fetched.get(self._partition, ()):
            if record.key in STEERING_KEYS and not self._genuine(record):
                log.warning(
                    "The control record of key %r at offset %d is not obeyed: its signature is missing or wrong",
                    record.key,
                    record.offset,
                )
                continue
            self.control.absorb(record.key, record.value)
            spoken = spoken or record.key == WORD_KEY
        return spoken and self.control.word != before
