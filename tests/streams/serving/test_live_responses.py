"""What goes over the wire of a live stream, and when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.config import LiveSettings
from streams.outcome_facts import Selection
from streams.serving.live_responses import EventStream
from tests.streams.serving.live_shop import Browser, Reading, Topics


class Wire:
    """The server's side of a connection: what was sent, and a client that may stop reading or go away."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.messages.append(message)

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    async def until(self, piece: bytes) -> None:
        async with asyncio.timeout(5):
            while piece not in self.text:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def streaming(reading: Reading, **settings: Any) -> AsyncIterator[tuple[Wire, "asyncio.Task[None]"]]:
    wire = Wire()
    hub = reading.hub
    client = hub.open(Selection().wants, None, None)
    stream = EventStream(hub, client, LiveSettings(**settings), hub.metrics)
    scope: Any = {"type": "http"}
    answering = asyncio.ensure_future(stream(scope, wire.receive, wire.send))
    await wire.until(b": open")
    try:
        yield wire, answering
    finally:
        wire.gone.set()
        wire.reads.set()
        async with asyncio.timeout(5):
            await answering
        assert not hub._clients


async def test_a_stream_begins_with_a_position_so_that_even_one_without_events_can_be_gone_on_from() -> None:
    topics = Topics()
    reading = Reading(topics)
    async with streaming(reading) as (wire, _):
        browser = Browser()
        browser.hear(wire.text)
    topics.tell("anna", 0)
    reading.read_all()
    assert browser.last_id
    back = reading.hub.open(Selection().wants, None, browser.last_id)
    browser.hear(reading.hub.catch_up(back) or b"")
    assert browser.ids == ["anna-1"]


async def test_an_event_says_its_kind_and_is_a_cloud_event() -> None:
    topics = Topics()
    reading = Reading(topics)
    async with streaming(reading) as (wire, _):
        topics.tell("anna", 1)
        reading.read_all()
        await wire.until(b"data: ")
        browser = Browser()
        browser.hear(wire.text)
    (event,) = browser.events
    assert event.name == "lifecycle.near_churn"
    assert event.data["specversion"] == "1.0"
    assert event.data["type"] == "memberpulse.lifecycle.near_churn.v1"
    assert (event.data["subject"], event.data["data"]["member_id"]) == ("anna", "anna")


async def test_a_quiet_stream_says_that_it_lives_where_it_is_and_whether_kafka_answers() -> None:
    topics = Topics()
    reading = Reading(topics)
    async with streaming(reading, heartbeat_seconds=0.02) as (wire, _):
        await wire.until(b": heartbeat\n\n")
        before = Browser()
        before.hear(wire.text)
        # Another member's partition moves on, and with it the position, although the client is sent nothing.
        reading.hub.advance(0, 7)
        reading.hub.silent_since = 0
        await wire.until(b": heartbeat; Kafka has not answered since 1970-01-01T00:00:00.000Z\n\n")
        after = Browser()
        after.hear(wire.text)
    assert before.last_id != after.last_id


async def test_a_heartbeat_at_the_moment_of_an_event_does_not_say_that_the_event_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topics = Topics()
    reading = Reading(topics)
    told: list[str] = []

    async def comes_too_late(_stream: EventStream) -> bool:
        await asyncio.sleep(0.001)
        if not told:
            told.append(topics.tell("anna", 0))
            reading.read_all()
        return False

    monkeypatch.setattr(EventStream, "_something_comes", comes_too_late)
    async with streaming(reading) as (wire, _):
        await wire.until(b": heartbeat")
    browser = Browser()
    browser.hear(wire.text[: wire.text.index(b": heartbeat")] + b"\n\n")
    assert browser.ids == told


async def test_a_client_that_reads_again_after_an_overrun_hears_that_it_was_one_and_the_stream_ends() -> None:
    topics = Topics()
    reading = Reading(topics, queue_events=3)
    async with streaming(reading) as (wire, answering):
        wire.reads.clear()
        for _ in range(2):
            topics.tell("anna", 0)
            reading.read_all()
            await asyncio.sleep(0)
        for _ in range(5):
            topics.tell("anna", 0)
        reading.read_all()
        wire.reads.set()
        async with asyncio.timeout(5):
            await answering
        browser = Browser()
        browser.hear(wire.text)
    assert browser.ending == "overrun"
    assert b"connect again with the header Last-Event-ID" in wire.text
    assert wire.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    back = reading.hub.open(Selection().wants, None, browser.last_id)
    browser.hear(reading.hub.catch_up(back) or b"")
    assert browser.ids == [f"anna-{number}" for number in range(1, 8)]


async def test_a_client_that_takes_nothing_at_all_is_cut_off() -> None:
    topics = Topics()
    reading = Reading(topics)
    async with streaming(reading, slow_client_seconds=0.05) as (wire, answering):
        wire.reads.clear()
        topics.tell("anna", 0)
        reading.read_all()
        async with asyncio.timeout(5):
            await answering
        assert wire.messages[-1].get("more_body", True), "an orderly end would say that this was all"


async def test_a_stream_ends_after_a_while_so_that_its_key_is_looked_at_again() -> None:
    async with streaming(Reading(Topics()), stream_seconds=0.05, heartbeat_seconds=0.01) as (wire, answering):
        async with asyncio.timeout(5):
            await answering
        browser = Browser()
        browser.hear(wire.text)
    assert browser.ending == "renew"
    assert wire.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_a_client_that_goes_away_leaves_nothing_behind() -> None:
    reading = Reading(Topics())
    async with streaming(reading) as (wire, answering):
        wire.gone.set()
        async with asyncio.timeout(5):
            await answering


@pytest.mark.parametrize(
    ("types", "tiers", "shops", "wanted"),
    [
        ([], [], [], ["anna-1", "anna-2", "bert-1"]),
        (["tier"], [], [], ["anna-1"]),
        (["lifecycle.near_churn", "segment"], [], [], ["anna-2", "bert-1"]),
        ([], ["A"], [], ["bert-1"]),
        ([], ["C"], [], ["anna-1"]),
        ([], [], ["s-2"], ["anna-2"]),
        (["segment"], ["B"], [], []),
    ],
)
def test_filters_by_type_tier_and_shop(types: list[str], tiers: list[str], shops: list[str], wanted: list[str]) -> None:
    topics = Topics()
    reading = Reading(topics)
    client = reading.hub.open(Selection.of(types, tiers, shops).wants, None, None)
    topics.tell("anna", 0)
    topics.tell("anna", 1, shop="s-2")
    topics.tell("bert", 2, shop=None, tier="A")
    reading.read_all()
    browser = Browser()
    browser.hear(reading.hub.catch_up(client) or b"")
    assert browser.ids == wanted


def test_a_type_that_is_none_is_refused_with_all_that_are() -> None:
    with pytest.raises(ValueError, match=r"no type 'tier\.lost'; known are lifecycle, segment, tier, lifecycle\.corr"):
        Selection.of(["tier.lost"])
