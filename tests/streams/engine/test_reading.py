"""The reader against a connection that answers what a test says."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.fetch import FetchRequest_v11
from faust.types import TP

from streams.engine.batches import RecordBatch
from streams.engine.reading import Reader
from tests.streams.engine.test_fetches import answer, batch, of_partition

TOPIC = "events"
ZERO, ONE = TP(TOPIC, 0), TP(TOPIC, 1)


class Broker:
    """A client, its cluster, the one connection and who absorbs, in one."""

    def __init__(self, **positions: int) -> None:
        self.positions = {TP(TOPIC, int(name[1:])): position for name, position in positions.items()}
        self.leaders = dict.fromkeys((ZERO, ONE), 0)
        self.absorbed: list[tuple[int, int, int]] = []
        self.refused: list[tuple[TP, int]] = []
        self.ends: dict[TP, int] = {}
        self.looked_up = 0
        self.asked: list[dict[int, int]] = []
        #: How many fetches were on their way at each batch absorbed.
        self.ahead: list[int] = []
        self.down = False
        self.closed = 0
        self.connection = SimpleNamespace(
            _writer=SimpleNamespace(write=self._write),
            _versions={1: (4, 17)},
            _client_id="reader",
            _requests=deque(),
            _next_correlation_id=lambda: 7,
            close=self._close,
        )
        client: Any = SimpleNamespace(
            _get_conn=self._connection,
            _request_timeout_ms=1000,
            cluster=SimpleNamespace(leader_for_partition=self.leaders.get),
            force_metadata_update=self._look_up,
        )
        self.reader = Reader(
            client, lambda: dict(self.positions), self._absorb, self._refuse, self.ends.__setitem__, batch_records=2
        )

    async def _connection(self, node: int) -> Any:
        return None if self.down else self.connection

    def _close(self, reason: object) -> None:
        self.closed += 1

    def _look_up(self) -> None:
        self.looked_up += 1

    def _write(self, request: bytes) -> None:
        body = BytesIO(request)
        body.seek(14 + len("reader"))
        ((_, partitions),) = FetchRequest_v11.decode(body).topics
        self.asked.append({partition: offset for partition, _, offset, _, _ in partitions})

    async def _absorb(self, part: RecordBatch) -> None:
        if self.positions.get(part.tp) == part.start:
            self.positions[part.tp] = part.end
            self.absorbed.append((part.tp.partition, part.start, part.end))
            self.ahead.append(len(self.connection._requests))

    async def _refuse(self, tp: TP, position: int) -> None:
        self.refused.append((tp, position))

    async def until(self, asked: int) -> dict[int, int]:
        """The fetch of this number, counted from 0."""
        async with asyncio.timeout(5):
            while len(self.asked) <= asked:
                await asyncio.sleep(0.001)
        return self.asked[asked]

    async def answers(self, *partitions: tuple[object, ...]) -> None:
        _, kind, waiting = self.connection._requests.popleft()
        if not waiting.done():
            waiting.set_result(kind.RESPONSE_TYPE.decode(BytesIO(answer([(TOPIC, partitions)]))))
        for _ in range(20):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.reader.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_fetch_goes_out_from_the_positions_and_the_next_before_its_records_are_absorbed() -> None:
    broker = Broker(p0=5, p1=0)
    async with broker.reading():
        assert await broker.until(0) == {0: 5, 1: 0}
        await broker.answers(of_partition(0, batch(5, 2)), of_partition(1, b""))
        assert broker.asked[1:] == [{0: 7, 1: 0}]
        assert (broker.absorbed, broker.ahead) == ([(0, 5, 7)], [1])
        assert broker.ends == {ZERO: 99}


async def test_partitions_are_absorbed_in_turns_of_a_batch_each() -> None:
    broker = Broker(p0=0, p1=0)
    async with broker.reading():
        await broker.until(0)
        await broker.answers(of_partition(0, batch(0, 5)), of_partition(1, batch(0, 3)))
        assert broker.absorbed == [(0, 0, 2), (1, 0, 2), (0, 2, 4), (1, 2, 3), (0, 4, 5)]


async def test_partition_that_had_records_is_last_in_the_next_request() -> None:
    broker = Broker(p0=0, p1=0)
    async with broker.reading():
        await broker.until(0)
        await broker.answers(of_partition(0, batch(0, 1)), of_partition(1, b""))
        assert [list(asked) for asked in broker.asked] == [[0, 1], [1, 0]]


async def test_what_was_not_absorbed_is_asked_for_again_from_the_position() -> None:
    broker = Broker(p0=0)
    async with broker.reading():
        await broker.until(0)
        broker.positions[ZERO] = 10  # made anew, restored further on
        await broker.answers(of_partition(0, batch(0, 2)))
        assert broker.asked[1:] == [{0: 10}]
        await broker.answers(of_partition(0, batch(10, 1)))
        assert (broker.asked[2:], broker.absorbed) == ([{0: 11}], [(0, 10, 11)])


async def test_answer_to_a_fetch_ahead_of_records_that_were_not_absorbed_is_dropped() -> None:
    broker = Broker(p0=0)
    async with broker.reading():
        await broker.until(0)
        took = broker.reader._absorb_batch

        async def take_nothing(part: RecordBatch) -> None: ...

        broker.reader._absorb_batch = take_nothing
        await broker.answers(of_partition(0, batch(0, 2)))
        broker.reader._absorb_batch = took
        assert broker.asked[1:] == [{0: 2}]
        await broker.answers(of_partition(0, batch(2, 2)))
        assert (broker.asked[2:], broker.absorbed) == ([{0: 0}], [])
        await broker.answers(of_partition(0, batch(0, 2)))
        assert broker.absorbed == [(0, 0, 2)]


async def test_reading_ends_with_the_assignment_and_begins_with_the_next() -> None:
    broker = Broker(p0=0)
    async with broker.reading():
        await broker.until(0)
        broker.positions.clear()
        await broker.answers(of_partition(0, batch(0, 2)))
        assert (len(broker.asked), broker.absorbed) == (1, [])
        broker.positions[ONE] = 4
        broker.reader.look_again()
        assert await broker.until(1) == {1: 4}


async def test_broken_connection_is_tried_again() -> None:
    broker = Broker(p0=0)
    async with broker.reading():
        await broker.until(0)
        broker.down = True
        broker.connection._requests.popleft()[2].set_exception(KafkaConnectionError("gone"))
        await asyncio.sleep(0.15)
        broker.down = False
        assert await broker.until(1) == {0: 0}
        assert broker.looked_up > 0


async def test_partition_that_has_moved_is_asked_of_its_new_leader_and_the_others_are_absorbed() -> None:
    broker = Broker(p0=0, p1=0)
    async with broker.reading():
        await broker.until(0)
        broker.leaders[ONE] = 1
        await broker.answers(of_partition(1, b"", error=NotLeaderForPartitionError.errno), of_partition(0, batch(0, 2)))
        assert broker.absorbed == [(0, 0, 2)]
        await broker.until(2)
        assert sorted(broker.asked[1:], key=str) == [{0: 2}, {1: 0}]
        assert broker.looked_up > 0


async def test_position_that_the_log_does_not_have_is_refused() -> None:
    broker = Broker(p0=4)
    async with broker.reading():
        await broker.until(0)
        await broker.answers(of_partition(0, b"", error=OffsetOutOfRangeError.errno))
        assert (broker.refused, broker.ends) == ([(ZERO, 4)], {})


async def test_lack_of_rights_ends_the_reading() -> None:
    broker = Broker(p0=0)
    async with broker.reading() as task:
        await broker.until(0)
        await broker.answers(of_partition(0, b"", error=TopicAuthorizationFailedError.errno))
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(task, 5)


async def test_broker_that_does_not_answer_is_asked_again_over_another_connection() -> None:
    broker = Broker(p0=0)
    broker.reader._seconds = 0.01
    async with broker.reading():
        await broker.until(1)
        assert broker.closed == 1


async def test_damaged_records_end_the_reading() -> None:
    broker = Broker(p0=0)
    damaged = bytearray(batch(0, 2))
    damaged[-1] ^= 1
    async with broker.reading() as task:
        await broker.until(0)
        await broker.answers(of_partition(0, bytes(damaged)))
        with pytest.raises(CorruptRecordException):
            await asyncio.wait_for(task, 5)
        assert broker.absorbed == []
