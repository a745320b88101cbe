"""Orders and decisions posted over HTTP, and what comes of them on open streams of a running system."""

import asyncio
import gc
import json
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.devstack import DevStack
from streams.topics import AUDIT
from tests.chaos.cluster import Cluster, Worker
from tests.chaos.deployment import Deployment
from tests.e2e.shop import now_ms, order_bytes
from tests.oracle.records import rfc3339
from tests.streams.serving.live_shop import Browser

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

SERVE = [sys.executable, "-m", "streams", "serve", "--port", "0"]
PARTITIONS = 3
_AT = re.compile(r"serve: (http://\S+)/v1/docs")


@contextmanager
def system(bootstrap: str, home: Path, **environment: str) -> Iterator[tuple[Deployment, Worker, str, Cluster]]:
    """A scorer and an API, and the API's address."""
    deployment = Deployment(
        bootstrap,
        home,
        partitions=PARTITIONS,
        session_timeout=6.0,
        environment={
            "MEMBERPULSE_METRICS__SERVE_PORT": "0",
            "MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.2",
            "MEMBERPULSE_LIVE__HEARTBEAT_SECONDS": "0.3",
            **environment,
        },
    )
    deployment.make_topics()
    deployment.open_with()
    with Cluster(deployment) as scorers, Worker(deployment, "api", SERVE) as api:
        scorer = scorers.start()
        ends = time.monotonic() + 60
        while not (scorer.has_begun and _AT.search(api.told())):
            assert time.monotonic() < ends, api.tail() + scorer.tail()
            time.sleep(0.05)
        found = _AT.search(api.told())
        assert found is not None
        yield deployment, api, found[1], scorers


@asynccontextmanager
async def listening(http: httpx.AsyncClient, path: str, browser: Browser) -> AsyncIterator[Browser]:
    """A browser on a stream, until the block ends."""
    headers = {"Last-Event-ID": browser.last_id} if browser.last_id else {}

    async def listen() -> None:
        async with http.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            heard.set()
            unread = b""
            async for piece in answer.aiter_raw():
                whole, end, unread = (unread + piece).rpartition(b"\n\n")
                browser.hear(whole + end)

    heard = asyncio.Event()
    task = asyncio.ensure_future(listen())
    waiting = asyncio.ensure_future(heard.wait())
    await asyncio.wait({task, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert heard.is_set(), task
    await until(lambda: browser.last_id is not None)
    try:
        yield browser
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], within: float = 40) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def posted(http: httpx.AsyncClient, *events: bytes) -> list[dict[str, Any]]:
    """Post events until Kafka is there; the result of each."""
    body = b"[" + b",".join(events) + b"]"
    answer = await http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    while answer.status_code == 503:
        await asyncio.sleep(0.2)
        answer = await http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 207, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def ready(http: httpx.AsyncClient) -> None:
    """Streams can be opened: the outcome topics were reached."""

    async def opens() -> bool:
        async with http.stream("GET", "/v1/events") as answer:
            return answer.status_code == 200

    async with asyncio.timeout(60):
        while not await opens():
            await asyncio.sleep(0.1)


async def test_what_is_posted_is_in_the_log_and_what_comes_of_it_on_the_streams(
    stack: DevStack, tmp_path: Path
) -> None:
    with system(stack.broker.bootstrap, tmp_path) as (deployment, api, address, _):
        async with httpx.AsyncClient(base_url=address, timeout=60) as http:
            await ready(http)
            everybody, anna = Browser(), Browser()
            async with listening(http, "/v1/events?type=tier", everybody):
                async with listening(http, "/v1/members/anna/events", anna):
                    orders = [order_bytes(name, f"o{n}") for name in ("anna", "bert") for n in range(3)]
                    told = await posted(http, *orders, b'{"type":"order.paid"}')
                    assert [each["result"] for each in told] == ["accepted"] * 6 + ["refused"]
                    places = {(each["partition"], each["offset"]) for each in told[:6]}
                    in_log = {
                        (record.partition, record.offset): json.loads(record.value or b"{}")["event_id"]
                        for record in deployment.read(deployment.events_topic)
                        if (record.partition, record.offset) in places
                    }
                    assert [in_log[each["partition"], each["offset"]] for each in told[:6]] == [
                        each["event_id"] for each in told[:6]
                    ]
                    await until(lambda: "lifecycle.first_purchase" in names(anna))
                    await until(lambda: {"anna", "bert"} <= {event.data["subject"] for event in everybody.events})
                assert {event.data["subject"] for event in anna.events} == {"anna"}
                assert {event.name.partition(".")[0] for event in everybody.events} == {"tier"}

                await decide(http, "PUT", "/v1/members/anna/tier-override", grant("A"))
                await until(lambda: "tier.override_set" in names(everybody))
                await decide(http, "DELETE", "/v1/members/bert")
                await until(lambda: "tier.erased" in names(everybody))

            before = len(anna.events)
            async with listening(http, "/v1/members/anna/events", anna):
                await until(lambda: "tier.override_set" in names(anna))
                await decide(http, "DELETE", "/v1/members/anna/tier-override")
                await until(lambda: "tier.override_ended" in names(anna))
                sequences = [int(event.data["sequence"]) for event in anna.events]
                assert sequences == list(range(1, len(sequences) + 1)), "nothing is missing and nothing came twice"
                assert len(sequences) > before

                audit = [json.loads(record.value or b"{}") for record in deployment.read_logical(AUDIT)]
                assert sorted((each["type"], each["member_id"], each["reason"]) for each in audit) == [
                    ("member.erased", "bert", "because"),
                    ("tier.overridden", "anna", "because"),
                    ("tier.override_withdrawn", "anna", "because"),
                ]
                api.ask_to_end()
                await until(lambda: anna.ending == "stopping")
        assert api.ended(30) == 0, api.tail()


# kafka-python leaves the sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_while_kafka_is_away_streams_wait_and_writers_are_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="kafka")
    with (
        DevStack(redis=False) as own,
        system(own.broker.bootstrap, tmp_path, MEMBERPULSE_POSTING__DEADLINE_SECONDS="1") as (_, api, address, scorers),
    ):
        async with httpx.AsyncClient(base_url=address, timeout=60) as http:
            await ready(http)
            async with listening(http, "/v1/events", Browser()) as browser:
                await posted(http, order_bytes("anna", "o1"))
                await until(lambda: browser.events)
                own.broker.kill()
                began = time.monotonic()
                refused = await http.post("/v1/events", content=order_bytes("anna", "o2"), headers=JSON)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                assert refused.json()["events"][0]["result"] in {"unknown", "not_sent"}
                assert time.monotonic() - began < 8, "the deadline is one second"
                last_id, heard = browser.last_id, len(browser.events)
                own.broker.start()
                for number in (2, 3, 4, 5, 6):
                    await posted(http, order_bytes("anna", f"o{number}"))

                def more_is_heard() -> bool:
                    # The scorer may have ended itself, for its supervisor to start it again.
                    scorers.tend()
                    return len(browser.events) > heard

                await until(more_is_heard, 60)
                assert browser.ending == ""
                assert browser.last_id != last_id
                sequences = [int(event.data["sequence"]) for event in browser.events]
                assert sequences == list(range(1, len(sequences) + 1))
        assert api.end() == 0, api.tail()
    gc.collect()


JSON = {"Content-Type": "application/json"}


def names(browser: Browser) -> set[str]:
    return {event.name for event in browser.events}


def grant(tier: str) -> dict[str, Any]:
    return {"tier": tier, "until": rfc3339(now_ms() + 30 * 86_400_000), "reason": "because", "actor": "eve"}


async def decide(http: httpx.AsyncClient, method: str, path: str, content: dict[str, Any] | None = None) -> None:
    answer = await http.request(method, path, json=content, headers={"Memberpulse-Reason": "because"})
    assert answer.status_code == 202, answer.text
