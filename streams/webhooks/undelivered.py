"""Outcomes that were set aside: kept on a topic of their own until they are sent again, or dismissed by hand.

The value is the very body that the endpoint refused. The topic keeps the last of each key: a record without a value
says that the outcome of this key waits no more.
"""

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.log_reading import LogRecord
from streams.topics import UNDELIVERED
from streams.webhooks.attempt import AttemptFailed
from streams.webhooks.lane import Waiting

log = logging.getLogger(__name__)

_LONGEST_WAIT_S: Final = 30.0
_DETAIL_BYTES: Final = 2000


class Undelivered(msgspec.Struct, frozen=True):
    """One outcome that an endpoint refused. ``reason`` is one of ``streams.metrics.webhooks.DELIVERY_FAILURES``.

    ``topic``, ``partition`` and ``offset`` say where the outcome itself is; ``since_ms`` is when it was set aside
    (epoch ms).
    """

    endpoint: str
    id: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    since_ms: int
    body: bytes


def undelivered_key(endpoint: str, outcome_id: str) -> bytes:
    """The key of an outcome's records on the topic: an endpoint's name has no slash."""
    return f"{endpoint}/{outcome_id}".encode()


def waiting_in(records: Iterable[LogRecord]) -> dict[bytes, Undelivered]:
    """What waits at the end of the topic's ``records``, by key, the oldest first."""
    found: dict[bytes, Undelivered] = {}
    for record in records:
        key = record.key or b""
        found.pop(key, None)
        if record.value is None:
            continue
        try:
            found[key] = _decoded(record, key, record.value)
        except (KeyError, ValueError) as error:
            log.warning("Offset %d of topic undelivered is no undelivered outcome: %r", record.offset, error)
    return found


def _decoded(record: LogRecord, key: bytes, body: bytes) -> Undelivered:
    told = {name: value.decode() for name, value in record.headers}
    endpoint, _, outcome_id = key.decode().partition("/")
    return Undelivered(
        endpoint,
        outcome_id,
        told["wh_reason"],
        told["wh_detail"],
        told["wh_topic"],
        int(told["wh_partition"]),
        int(told["wh_offset"]),
        record.timestamp,
        body,
    )


class UndeliveredLog:
    """Writes there. An asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(UNDELIVERED)
        self._producer = AIOKafkaProducer(**client_settings(settings), acks="all")

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            aiokafka.errors.KafkaError: Kafka does not answer, or refuses this client.
        """
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def keep(self, endpoint: str, partition: int, waiting: Waiting, failure: AttemptFailed) -> None:
        """Return when every replica has the outcome; until then it stays where it is, however long that takes."""
        assert waiting.outcome is not None, "only outcomes are delivered"
        headers = [
            ("wh_topic", waiting.topic.encode()),
            ("wh_partition", b"%d" % partition),
            ("wh_offset", b"%d" % waiting.offset),
            ("wh_reason", failure.reason.encode()),
            ("wh_detail", str(failure).encode()[:_DETAIL_BYTES].decode("utf-8", "ignore").encode()),
        ]
        keeping = AsyncRetrying(
            retry=retry_if_exception_type(KafkaError),
            wait=wait_random_exponential(max=_LONGEST_WAIT_S),
            before_sleep=self._say,
        )
        key = undelivered_key(endpoint, waiting.outcome.id)
        await keeping(self._producer.send_and_wait, self._topic, waiting.outcome.body, key, 0, headers=headers)

    def _say(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        log.error("An outcome cannot be written to topic %s, so it holds up those behind it: %s", self._topic, failure)
