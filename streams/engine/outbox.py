"""The outcome queue: what was decided leaves at once, in order, and the cut knows when it has arrived."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from streams.engine.fencing import EX_TEMPFAIL, PauseFence
from streams.engine.sending import NO_HEADERS, Batches, Headers, Place

#: How a partition queues a record: topic, partition, key, value, headers; see :meth:`Outbox.put`.
Put = Callable[[str, int, bytes | None, bytes | None, Headers], None]

#: Records that may be queued behind those on their way: about 20 MB.
_MOST_QUEUED = 20_000


class Outbox:
    """Records for other topics, queued synchronously by the partitions and sent by one task.

    A *round* is everything queued between two looks of that task; it ends when the broker has all of it, and the next
    look comes then. Waiting for every open round is waiting for everything queued so far.
    """

    def __init__(
        self,
        send: Callable[[Mapping[Place, Batches]], Awaitable[None]],
        fence: PauseFence,
        fail: Callable[[int, str], NoReturn],
    ) -> None:
        """``send`` is that of a :class:`~streams.engine.sending.BatchSender`."""
        self._send = send
        self._fence = fence
        self._fail = fail
        self._queued: dict[Place, Batches] = {}
        self._round: asyncio.Future[None] | None = None
        self._open: set[asyncio.Future[None]] = set()
        self._wake = asyncio.Event()
        self._taken = asyncio.Event()
        self._waiting = 0
        self.sent = 0

    def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers = NO_HEADERS
    ) -> None:
        """Queue one record. It leaves in this turn of the event loop or the next one that is free."""
        batches = self._queued.get((topic, partition))
        if batches is None:
            batches = self._queued[topic, partition] = Batches()
        batches.append(key, value, headers)
        self._waiting += 1
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
            self._open.add(self._round)
            self._wake.set()

    def rounds(self) -> list["asyncio.Future[None]"]:
        """The open rounds at this instant: what a cut has to wait for."""
        return list(self._open)

    async def room(self, most: int = _MOST_QUEUED) -> None:
        """Wait while more is queued than should lie in memory, because the broker takes it more slowly than it is
        decided.
        """
        while self._waiting > most:
            self._taken.clear()
            await self._taken.wait()

    @property
    def idle(self) -> bool:
        """Nothing queued or on its way."""
        return not self._open

    async def run(self) -> None:
        """Send for ever. A record that cannot be sent ends the process: its cause is not committed yet and will be
        replayed.
        """
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                queued, self._queued = self._queued, {}
                taken, self._waiting = self._waiting, 0
                self._taken.set()
                ended, self._round = self._round, None
                assert ended is not None
                self._fence.check()
                await self._send(queued)
                self.sent += taken
                self._open.discard(ended)
                if not ended.done():
                    ended.set_result(None)
        except Exception as exc:
            self._fail(EX_TEMPFAIL, f"the broker did not take an outcome: {exc!r}")
