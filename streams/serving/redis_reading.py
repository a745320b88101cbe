"""Reading Redis for many requests at once, and never waiting for it longer than was said.

Requests that arrive in the same turn of the event loop are one MGET. While all connections are busy the next ones
gather, so a busy server asks less often for more. Nobody's wait cancels a read that others wait for; a read that takes
too long costs its connection, so no later reply can be taken for the answer to another question.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from redis.exceptions import RedisError

from streams.config import Settings
from streams.metrics.serving import ServingMetrics
from streams.serving.redis_connections import RedisConnections

log = logging.getLogger(__name__)

#: The share of the deadline that Redis may use; the rest is for the answer, and for a late event loop.
_SHARE: Final = 0.6
#: The share of that which a read has at least, however long it waited for a connection.
_LEAST_SHARE: Final = 0.5
#: Once a read has failed, and the next one after it, nobody waits for Redis but for one read each time so long (s).
_REST_SECONDS: Final = 0.1
#: A late event loop finds a timer due before it has looked at its sockets: one more look (s).
_SECOND_LOOK_SECONDS: Final = 0.002
_WARM_UP_SECONDS: Final = 1.0


class Read(NamedTuple):
    """The values under the asked keys, None where there is none, and the members of the asked sets."""

    values: Sequence[bytes | None]
    sets: Sequence[frozenset[bytes]]


class _Batch:
    """Questions that go to Redis together."""

    def __init__(self, until: float) -> None:
        self.keys: list[bytes] = []
        self.set_keys: list[bytes] = []
        self._asked: list[tuple[asyncio.Future[Read | None], int, int]] = []
        #: By :func:`time.monotonic`: the event loop's own clock stands still while it works.
        self.until = until
        self.expiry: asyncio.Handle | None = None
        self.reading: asyncio.Task[None] | None = None

    def ask(
        self, keys: Sequence[bytes], set_keys: Sequence[bytes], loop: asyncio.AbstractEventLoop
    ) -> "asyncio.Future[Read | None]":
        answer: asyncio.Future[Read | None] = loop.create_future()
        self.keys += keys
        self.set_keys += set_keys
        self._asked.append((answer, len(keys), len(set_keys)))
        return answer

    def answer(self, values: Sequence[bytes | None], sets: Sequence[frozenset[bytes]]) -> None:
        key = set_key = 0
        for answer, keys, set_keys in self._asked:
            if not answer.done():
                answer.set_result(Read(values[key : key + keys], sets[set_key : set_key + set_keys]))
            key += keys
            set_key += set_keys
        self._settle()

    def give_up(self) -> None:
        """Answer with nothing."""
        for answer, _, _ in self._asked:
            if not answer.done():
                answer.set_result(None)
        self._settle()

    def _settle(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
        self._asked.clear()


class RedisReading:
    """The one way to Redis for look-ups. Belongs to the event loop that it is first used in."""

    def __init__(self, settings: Settings, metrics: ServingMetrics) -> None:
        self._metrics = metrics
        self._patience = settings.serve.deadline_seconds * _SHARE
        self._most = settings.serve.redis_connections
        self._connections = RedisConnections(settings)
        self._open: _Batch | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._failing = False
        #: The one read that finds out whether Redis answers again.
        self._probe: _Batch | None = None
        self._away = False
        self._rest_until = 0.0

    async def warm_up(self) -> None:
        """Connect before the first request waits for it; a Redis that is away is met later."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_WARM_UP_SECONDS):
                await self._connections.connect()

    async def read(self, keys: Sequence[bytes], set_keys: Sequence[bytes] = ()) -> Read | None:
        """What lies under the keys at one and the same moment; None when Redis does not answer in time."""
        loop = asyncio.get_running_loop()
        if self._failing and (self._probe is not None or loop.time() < self._rest_until):
            return None
        batch = self._open
        if batch is None:
            batch = self._open = _Batch(time.monotonic() + self._patience)
            if self._failing:
                self._probe = batch
            batch.expiry = loop.call_later(self._patience, self._look_again, batch)
            loop.call_soon(self._send)
        return await batch.ask(keys, set_keys, loop)

    async def aclose(self) -> None:
        """Give the connections back."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._connections.drop_idle()

    def _send(self) -> None:
        if self._open is None or len(self._running) >= self._most:
            return
        batch, self._open = self._open, None
        batch.until = max(batch.until, time.monotonic() + self._patience * _LEAST_SHARE)
        batch.reading = asyncio.get_running_loop().create_task(self._ask_redis(batch))
        self._running.add(batch.reading)
        batch.reading.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._send()

    def _look_again(self, batch: _Batch) -> None:
        left = batch.until - time.monotonic()
        loop = asyncio.get_running_loop()
        if left > 0:
            batch.expiry = loop.call_later(left, self._look_again, batch)
        else:
            batch.expiry = loop.call_later(_SECOND_LOOK_SECONDS, self._look_for_the_last_time, batch)

    def _look_for_the_last_time(self, batch: _Batch) -> None:
        """An answer that was read just now is behind us in the queue of the event loop: it goes first."""
        batch.expiry = asyncio.get_running_loop().call_soon(self._expire, batch)

    def _expire(self, batch: _Batch) -> None:
        if batch is self._open:
            self._open = None
            self._fail(batch, "timeout", "all connections were busy")
        else:
            self._fail(batch, "timeout", "it did not answer in time")
        if batch.reading is not None:
            batch.reading.cancel()
        batch.give_up()

    async def _ask_redis(self, batch: _Batch) -> None:
        began = time.perf_counter()
        try:
            values, sets = await self._connections.ask(batch.keys, batch.set_keys)
        except (RedisError, OSError) as error:
            self._fail(batch, "error", str(error))
            batch.give_up()
            # Whatever broke one has broken those beside it; each would cost somebody an answer to find that out.
            await self._connections.drop_idle()
        else:
            self._metrics.redis_seconds.observe(time.perf_counter() - began)
            batch.answer(values, sets)
            self._recover()
        finally:
            batch.give_up()

    def _fail(self, batch: _Batch, reason: str, said: str) -> None:
        self._metrics.redis_errors[reason].inc()
        self._failing = True
        if batch is not self._probe:
            # One that was late alone is no outage: the next read goes at once.
            return
        self._probe = None
        self._rest_until = asyncio.get_running_loop().time() + _REST_SECONDS
        if not self._away:
            self._away = True
            log.warning("Redis is away (%s): look-ups are answered from the last good values, marked stale", said)

    def _recover(self) -> None:
        self._failing = False
        self._probe = None
        if self._away:
            self._away = False
            log.warning("Redis answers again")
