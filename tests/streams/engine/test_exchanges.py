import asyncio
from io import BytesIO
from typing import Any

import pytest
from aiokafka.conn import CloseReason
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError

from streams.engine.exchanges import AwaitedAnswer, answered, ask


class Connection:
    """What is used of aiokafka's."""

    def __init__(self, error: OSError | None = None) -> None:
        self._versions = {1: (0, 11)}
        self._client_id = "shop"
        self._requests: list[tuple[int, Any, asyncio.Future[bytes]]] = []
        self._writer: Any = self
        self.written: list[bytes] = []
        self.closed: CloseReason | None = None
        self._error = error

    def _next_correlation_id(self) -> int:
        return 7

    def write(self, data: bytes) -> None:
        if self._error is not None:
            raise self._error
        self.written.append(data)

    def close(self, reason: CloseReason) -> None:
        self.closed = reason


class Client:
    def __init__(self, connection: Connection | None) -> None:
        self.connection = connection

    async def _get_conn(self, node: int) -> Connection | None:
        assert node == 3
        return self.connection


async def asking(connection: Connection | None, version: int = 11) -> tuple[Any, "asyncio.Future[bytes]"]:
    client: Any = Client(connection)
    return await ask(client, 3, 1, version, lambda correlation, name: b"%d %b" % (correlation, name.encode()))


async def test_request_leaves_and_its_answer_is_waited_for() -> None:
    connection = Connection()
    left_by, answer = await asking(connection)
    assert left_by is connection
    assert connection.written == [b"7 shop"]
    assert connection._requests == [(7, AwaitedAnswer, answer)]
    answer.set_result(b"answer")
    assert await answered(connection, answer, 1) == b"answer"
    assert connection.closed is None


def test_answer_is_handed_over_as_it_came() -> None:
    frame = (7).to_bytes(4, "big") + b"rest"
    buffer = BytesIO(frame)
    assert AwaitedAnswer.parse_response_header(buffer).correlation_id == 7
    assert AwaitedAnswer.RESPONSE_TYPE.decode(buffer) == frame


async def test_connection_that_does_not_answer_is_closed() -> None:
    connection = Connection()
    _, answer = await asking(connection)
    with pytest.raises(RequestTimedOutError):
        await answered(connection, answer, 0.01)
    assert connection.closed is CloseReason.CONNECTION_TIMEOUT
    assert answer.cancelled()


async def test_connection_that_breaks_while_writing_is_closed() -> None:
    connection = Connection(BrokenPipeError("gone"))
    with pytest.raises(KafkaConnectionError, match="node 3 broke"):
        await asking(connection)
    assert connection.closed is CloseReason.CONNECTION_BROKEN
    assert connection._requests == []


async def test_without_a_connection_nothing_leaves() -> None:
    with pytest.raises(NodeNotReadyError):
        await asking(None)
    closed = Connection()
    closed._writer = None
    with pytest.raises(NodeNotReadyError):
        await asking(closed)


@pytest.mark.parametrize("version", [12, -1])
async def test_broker_that_does_not_know_the_version_is_refused(version: int) -> None:
    connection = Connection()
    with pytest.raises(IncompatibleBrokerVersion, match=f"request 1 needs version {version}; the broker has 0 to 11"):
        await asking(connection, version)
    assert connection.written == []
