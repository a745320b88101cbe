"""Requests that are bytes already, over aiokafka's connections, and their answers as bytes.

What ``AIOKafkaClient.send`` and ``AIOKafkaConnection.send`` do, without schemas (0.1 ms of processor time for a request
and its answer) and without their four copies of a request.
"""

import asyncio
from collections.abc import Callable, Mapping
from io import BytesIO
from struct import Struct
from typing import Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import CloseReason
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError

#: Writes a request, given its correlation id and the client's name.
Encode = Callable[[int, str], bytes | bytearray]

_CORRELATION: Final = Struct(">i")


class _Header(NamedTuple):
    correlation_id: int


class _Frame:
    """The answer as it came: decoding it is for who asked."""

    @staticmethod
    def decode(frame: BytesIO) -> bytes:
        return frame.getvalue()


class AwaitedAnswer:
    """What ``AIOKafkaConnection`` asks of a request that waits for its answer."""

    RESPONSE_TYPE = _Frame

    @staticmethod
    def parse_response_header(frame: BytesIO) -> _Header:
        """The correlation id, by which the connection knows that it has not lost count."""
        return _Header(*_CORRELATION.unpack_from(frame.getbuffer()))


def refuse_unknown_version(versions: Mapping[int, tuple[int, int]], kind: int, version: int) -> None:
    """Raise for a broker that does not know this version of a request; ``versions`` is what it said at the start."""
    least, most = versions.get(kind, (0, -1))
    if not least <= version <= most:
        raise IncompatibleBrokerVersion(f"request {kind} needs version {version}; the broker has {least} to {most}")


async def ask(client: AIOKafkaClient, node: int, kind: int, version: int, encode: Encode) -> tuple[Any, Any]:
    """Send a request; the connection that it left by, and the future of its answer, correlation id first.

    Raises aiokafka's ``KafkaError``.
    """
    connection = await client._get_conn(node)
    if connection is None or connection._writer is None:
        raise NodeNotReadyError(f"no connection to node {node}")
    refuse_unknown_version(connection._versions, kind, version)
    correlation = connection._next_correlation_id()
    try:
        connection._writer.write(encode(correlation, connection._client_id))
    except OSError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"the connection to node {node} broke: {error}") from error
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    connection._requests.append((correlation, AwaitedAnswer, answer))
    return connection, answer


async def answered(connection: Any, answer: "asyncio.Future[bytes]", seconds: float) -> bytes:
    """The answer; raises aiokafka's ``KafkaError``, and closes a connection that leaves us waiting for so long."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        # What still comes over this connection belongs to nobody.
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
        raise RequestTimedOutError from None
