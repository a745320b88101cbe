"""Writing to a Kafka that is not there, or does not say whether it has heard."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.config import Settings
from streams.murmur import partition_of
from streams.serving import log_writer
from streams.serving.log_writer import Fate, LogWriter
from streams.topics import MEMBER_EVENTS

RECORDS = [(b"anna", b"1"), (b"bert", b"2"), (b"anna", b"3")]
PARTITIONS = 4


def to(bootstrap: str) -> Settings:
    return Settings.model_validate({"kafka": {"bootstrap": bootstrap}})


class Producer:
    """What aiokafka's does, for a story told by the test."""

    made: list["Producer"]
    #: Of the records that a producer is handed: "ack", "never", or "fail".
    story: list[str]
    cannot_start = False

    def __init__(self, **_settings: Any) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.stopped = False
        Producer.made.append(self)

    async def start(self) -> None:
        if Producer.cannot_start:
            raise KafkaConnectionError("nobody there")

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(range(PARTITIONS))

    async def send(self, _topic: str, value: bytes, _key: bytes, *, partition: int) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        what = Producer.story.pop(0) if Producer.story else "ack"
        if what == "full":
            await asyncio.sleep(3600)
        self.sent.append((partition, value))
        if what == "ack":
            future.set_result(SimpleNamespace(partition=partition, offset=len(self.sent)))
        elif what == "fail":
            future.set_exception(KafkaError("out of order"))
        return future


@pytest.fixture
async def writer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LogWriter]:
    Producer.made, Producer.story, Producer.cannot_start = [], [], False
    monkeypatch.setattr(log_writer, "AIOKafkaProducer", Producer)
    writer = LogWriter(Settings())
    yield writer
    await writer.aclose()


async def test_records_go_in_order_to_the_partitions_that_the_scorer_expects(writer: LogWriter) -> None:
    told = await writer.write(MEMBER_EVENTS, RECORDS, 1)
    places = [partition_of(key, PARTITIONS) for key, _ in RECORDS]
    assert [(each.fate, each.partition, each.offset) for each in told] == [
        (Fate.WRITTEN, place, number + 1) for number, place in enumerate(places)
    ]
    assert Producer.made[0].sent == [(place, value) for place, (_, value) in zip(places, RECORDS, strict=True)]


async def test_without_records_nobody_waits_for_kafka(writer: LogWriter) -> None:
    assert await writer.write(MEMBER_EVENTS, [], 1) == []
    assert not Producer.made


async def test_what_is_not_acknowledged_in_time_is_unknown_and_the_others_are_written(writer: LogWriter) -> None:
    Producer.story = ["ack", "never", "ack"]
    told = await writer.write(MEMBER_EVENTS, RECORDS, 0.05)
    assert [each.fate for each in told] == [Fate.WRITTEN, Fate.UNKNOWN, Fate.WRITTEN]


async def test_what_there_is_no_room_for_in_time_is_not_sent(writer: LogWriter) -> None:
    Producer.story = ["never", "full"]
    told = await writer.write(MEMBER_EVENTS, RECORDS, 0.05)
    assert [each.fate for each in told] == [Fate.UNKNOWN, Fate.NOT_SENT, Fate.NOT_SENT]


async def test_after_an_error_the_next_records_have_a_producer_of_their_own(writer: LogWriter) -> None:
    Producer.story = ["ack", "fail", "ack"]
    told = await writer.write(MEMBER_EVENTS, RECORDS, 1)
    assert [each.fate for each in told] == [Fate.WRITTEN, Fate.UNKNOWN, Fate.WRITTEN]
    await writer.write(MEMBER_EVENTS, RECORDS, 1)
    first, second = Producer.made
    assert first.stopped
    assert len(second.sent) == 3


async def test_a_start_that_failed_is_tried_again(writer: LogWriter) -> None:
    Producer.cannot_start = True
    assert {each.fate for each in await writer.write(MEMBER_EVENTS, RECORDS, 1)} == {Fate.NOT_SENT}
    Producer.cannot_start = False
    assert {each.fate for each in await writer.write(MEMBER_EVENTS, RECORDS, 1)} == {Fate.WRITTEN}


async def test_a_port_that_accepts_and_never_answers_costs_no_more_than_the_deadline(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        writer = LogWriter(to(f"127.0.0.1:{silent.getsockname()[1]}"))
        began = time.monotonic()
        told = await writer.write(MEMBER_EVENTS, RECORDS, 0.3)
        took = time.monotonic() - began
        assert {each.fate for each in told} == {Fate.NOT_SENT}
        assert took < 2
        async with asyncio.timeout(2):
            await writer.aclose()
