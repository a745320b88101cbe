"""A Kafka broker as far as a producer needs one: it says who leads, takes batches, and answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from aiokafka.protocol.produce import ProduceRequest_v7
from aiokafka.record.memory_records import MemoryRecords

Place = tuple[str, int]

_HEADER = Struct(">hhih")
_PRODUCE, _METADATA, _API_VERSIONS = 0, 3, 18
_ANSWER = Struct(">ihqqq")
_NONE = 0
NOT_LEADER = 6
MESSAGE_TOO_LARGE = 10
#: No answer for that partition, among the others' answers.
LEFT_OUT = 1000
CLOSE = "close the connection"
SILENCE = "say nothing"


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _numbers(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)


@dataclass
class ScriptedBroker:
    """Every topic of ``topics`` has ``partitions`` partitions, led by this broker.

    ``script`` says what becomes of the next produce requests: error codes by place, ``CLOSE`` or ``SILENCE``; requests
    after its end are taken.
    """

    topics: tuple[str, ...] = ("tier-changes", "member-scores")
    partitions: int = 2
    produce_versions: tuple[int, int] = (3, 13)
    script: list[dict[Place, int] | str] = field(default_factory=list)
    #: What the log holds, by place: the keys of its records.
    log: dict[Place, list[bytes]] = field(default_factory=dict)
    #: Places of every produce request, in order of arrival.
    requests: list[list[Place]] = field(default_factory=list)
    asked_for_metadata: int = 0
    port: int = 0
    _connections: set["asyncio.Task[Any]"] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedBroker"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 26)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            # A connection that was made just now has no task yet.
            await asyncio.sleep(0.01)
            server.close()
            await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                request = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
                kind, _, correlation, client = _HEADER.unpack_from(request)
                body = request[_HEADER.size + max(client, 0) :]
                answer = self._answer(kind, body)
                if answer is None:
                    break
                if answer:
                    writer.write(_numbers(4 + len(answer), correlation) + answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _answer(self, kind: int, body: bytes) -> bytes | None:
        """The bytes after the correlation id; none to say nothing, ``None`` to hang up."""
        if kind == _API_VERSIONS:
            known = ((_PRODUCE, *self.produce_versions), (_METADATA, 0, 0), (_API_VERSIONS, 0, 0))
            return bytes(2) + _numbers(len(known)) + b"".join(
                number.to_bytes(2, "big") for each in known for number in each
            )  # fmt: skip
        if kind == _METADATA:
            self.asked_for_metadata += 1
            return self._cluster()
        assert kind == _PRODUCE
        return self._take(ProduceRequest_v7.decode(body))

    def _cluster(self) -> bytes:
        parts = [_numbers(1, 0), _text("127.0.0.1"), _numbers(self.port, len(self.topics))]
        for topic in self.topics:
            parts += (bytes(2), _text(topic), _numbers(self.partitions))
            # Error, number, leader, one replica, one in sync.
            parts += (bytes(2) + _numbers(number, 0, 1, 0, 1, 0) for number in range(self.partitions))
        return b"".join(parts)

    def _take(self, request: Any) -> bytes | None:
        assert (request.transactional_id, request.required_acks) == (None, -1)
        batches = {(topic, number): data for topic, each in request.topics for number, data in each}
        self.requests.append(list(batches))
        told = self.script.pop(0) if self.script else {}
        if told == CLOSE:
            return None
        if told == SILENCE:
            return b""
        assert isinstance(told, dict)
        parts = [_numbers(len(request.topics))]
        for topic, each in request.topics:
            answered = [number for number, _ in each if told.get((topic, number)) != LEFT_OUT]
            parts += (_text(topic), _numbers(len(answered)))
            for number, data in each:
                code = told.get((topic, number), _NONE)
                if number not in answered:
                    continue
                if code == _NONE:
                    self.log.setdefault((topic, number), []).extend(_keys_of(data))
                parts.append(_ANSWER.pack(number, code, 0, -1, 0))
        return b"".join((*parts, _numbers(0)))


def _keys_of(data: bytes) -> list[bytes]:
    records = MemoryRecords(data)
    batch = records.next_batch()
    assert batch.validate_crc()
    assert not records.has_next(), "brokers take one batch of a partition in a request"
    return [record.key for record in batch]
