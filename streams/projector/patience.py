"""Waiting for Redis: nothing is given up and nothing is lost, but it is said."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from streams.metrics.projector import ProjectorMetrics

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 5.0
#: With the longest wait between attempts: said again about once a minute.
_SAY_EVERY: Final = 12
_FOR_EVER: Final = -1


class Patience:
    """Repeats an operation on Redis until it succeeds, whatever stands in the way: down, loading, full, read-only."""

    def __init__(self, metrics: ProjectorMetrics) -> None:
        self._metrics = metrics
        backoff = ExponentialWithJitterBackoff(cap=_LONGEST_WAIT_SECONDS, base=_FIRST_WAIT_SECONDS)
        self._retry = Retry(backoff, _FOR_EVER, supported_errors=(RedisError,))
        self._failures = 0

    async def until_done(self, operation: Callable[[], Awaitable[T]]) -> T:
        """The operation's result, however long that takes; cancelling gives up."""
        result = await self._retry.call_with_retry(operation, self._note, with_failure_count=True)
        if self._failures:
            log.warning(
                "Redis answers again after %d failed attempts: the projection goes on where it was", self._failures
            )
            self._failures = 0
        return result

    async def _note(self, error: Exception, failures: int) -> None:
        self._metrics.redis_errors.inc()
        self._failures = failures
        if failures % _SAY_EVERY == 1:
            log.warning(
                "Redis does not take scores (attempt %d: %s). Nothing is lost: they wait in member-scores. "
                "Check Redis and redis.url",
                failures,
                error,
            )
