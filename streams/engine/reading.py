"""Reading the sources: fetched, parsed and absorbed by one event loop, with one fetch under way per broker.

Faust's way to an agent (consumer thread, method queue, conductor, stream) hands every fetch over six times, across two
threads that need the same lock: 0.6 ms of processor time and 1.5 ms of waiting for each, and at a thousand orders a
second nearly every order is a fetch of its own. The group, its assignments and heartbeats, the commits and the
changelogs remain with Faust's consumer, in its thread.

Nothing is queued between fetching and absorbing, so nothing can be lost or delivered twice on the way: a fetch asks
from a partition's position, and what does not begin there when it comes is dropped and asked for again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest
from faust.types import TP

from streams.engine.batches import RecordBatch
from streams.engine.exchanges import answered, ask
from streams.engine.fetches import VERSION, Chunk, decode_answer, encode_fetch

#: How long the broker may hold a fetch that finds nothing; data ends the wait at once. A partition that is assigned
#: meanwhile waits as long.
_WAIT_MS: Final = 100
#: After a failure, before the same is asked again.
_BACKOFF_SECONDS: Final = 0.1
#: How often leaders are looked at without any reason to.
_LOOK_SECONDS: Final = 1.0

_log: Final = logging.getLogger(__name__)


class _Asked:
    """A fetch under way: from which offsets, over which connection, and what comes of it."""

    __slots__ = ("answer", "connection", "offsets")

    def __init__(self, offsets: Mapping[TP, int], connection: Any, answer: "asyncio.Future[bytes]") -> None:
        self.offsets = offsets
        self.connection = connection
        self.answer = answer


class Reader:
    """Keeps one fetch under way at every broker that leads a partition to read, and has the records absorbed."""

    def __init__(
        self,
        client: AIOKafkaClient,
        positions: Callable[[], Mapping[TP, int]],
        absorb: Callable[[RecordBatch], Awaitable[None]],
        refuse: Callable[[TP, int], Awaitable[None]],
        told_end: Callable[[TP, int], None],
        batch_records: int,
    ) -> None:
        """``positions`` says what to read now and from where; ``absorb`` takes a batch in, or does not when it is no
        longer to be read or begins elsewhere than at the position. ``refuse`` is told of a position that the log does
        not have, ``told_end`` of the log's end.
        """
        self._client = client
        #: Until a fetch is given up.
        self._seconds: float = client._request_timeout_ms / 1000
        self._positions = positions
        self._absorb_batch = absorb
        self._refuse = refuse
        self._told_end = told_end
        self._batch_records = batch_records
        self._changed = asyncio.Event()

    async def start(self, topics: set[str]) -> None:
        """Connect. Raises aiokafka's ``KafkaConnectionError`` when no broker answers."""
        await self._client.bootstrap()
        await self._client.set_topics(topics)

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()

    def look_again(self) -> None:
        """There may be other partitions to read."""
        self._changed.set()

    async def run(self) -> None:
        """Read for ever."""
        reading: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                for node in self._by_leader().keys() - reading.keys():
                    reading[node] = asyncio.create_task(self._read_from(node))
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait(
                    {changed, *reading.values()}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                changed.cancel()
                for node in [node for node, task in reading.items() if task.done()]:
                    reading.pop(node).result()
        finally:
            for task in reading.values():
                task.cancel()

    def _by_leader(self) -> dict[int, dict[TP, int]]:
        """Where to read on, by the broker to ask."""
        leader_for = self._client.cluster.leader_for_partition
        of_leaders: dict[int, dict[TP, int]] = {}
        for tp, position in self._positions().items():
            leader = leader_for(tp)
            if leader is None or leader == -1:
                self._client.force_metadata_update()
            else:
                of_leaders.setdefault(leader, {})[tp] = position
        return of_leaders

    async def _read_from(self, node: int) -> None:
        """Read what a broker leads, until that is nothing."""
        while True:
            try:
                return await self._read_on(node)
            except KafkaError as error:
                if not error.retriable:
                    raise
                _log.warning("fetching from node %s failed: %r", node, error)
                self._client.force_metadata_update()
                await asyncio.sleep(_BACKOFF_SECONDS)

    async def _read_on(self, node: int) -> None:
        asked = await self._ask(node, ())
        try:
            while asked is not None:
                chunks = decode_answer(await answered(asked.connection, asked.answer, self._seconds), asked.offsets)
                failed = [chunk for chunk in chunks if chunk.error is not None]
                if failed:
                    await self._absorb(chunks)
                    await self._look_into(failed)
                    asked = await self._ask(node, ())
                else:
                    # Asked for before these are absorbed, the next ones come meanwhile.
                    asked = await self._ask(node, chunks)
                    await self._absorb(chunks)
        finally:
            if asked is not None:
                asked.answer.cancel()

    async def _ask(self, node: int, chunks: Sequence[Chunk]) -> _Asked | None:
        """Send a fetch from the positions, or from where these will be when ``chunks`` are absorbed; None: nothing to
        read here.
        """
        offsets = self._by_leader().get(node)
        if not offsets:
            return None
        for chunk in chunks:
            if chunk.tp in offsets:
                # Last in the next request: a broker fills its answer from the first partition on.
                position = offsets.pop(chunk.tp)
                # What begins elsewhere will not be absorbed.
                offsets[chunk.tp] = chunk.end if position == chunk.start else position
        connection, answer = await ask(
            self._client,
            node,
            FetchRequest.API_KEY,
            VERSION,
            lambda correlation, name: encode_fetch(correlation, name, _WAIT_MS, offsets),
        )
        return _Asked(offsets, connection, answer)

    async def _absorb(self, chunks: list[Chunk]) -> None:
        """A batch of each partition in turns, with a turn for everybody else after every thousand records or so."""
        waiting = []
        for chunk in chunks:
            if chunk.error is None:
                self._told_end(chunk.tp, chunk.highwater)
                waiting.append(chunk.batches(self._batch_records))
        absorbed = 0
        while waiting:
            for batches in waiting[:]:
                batch = next(batches, None)
                if batch is None:
                    waiting.remove(batches)
                    continue
                await self._absorb_batch(batch)
                absorbed += len(batch.records)
                if absorbed >= self._batch_records:
                    absorbed = 0
                    await asyncio.sleep(0)

    async def _look_into(self, failed: list[Chunk]) -> None:
        """Have a position that the log does not have refused. Everything else may pass, but for a lack of rights: the
        progress watch ends a process that waits too long.
        """
        for chunk in failed:
            error = chunk.error
            assert error is not None
            if error is OffsetOutOfRangeError:
                await self._refuse(chunk.tp, chunk.start)
            elif error is TopicAuthorizationFailedError:
                raise error(chunk.tp.topic)
            _log.warning("%s[%s] cannot be read now: %s", chunk.tp.topic, chunk.tp.partition, error.__name__)
        self._client.force_metadata_update()
        await asyncio.sleep(_BACKOFF_SECONDS)
        self.look_again()
