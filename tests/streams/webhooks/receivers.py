"""Endpoints as tests need them: real servers on loopback that verify by the reference library, and a clock to push."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from ssl import Purpose, create_default_context
from typing import Any

import orjson
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook

from streams.metrics.webhooks import DeliverMetrics, EndpointMetrics
from streams.webhooks.attempt import EndpointClient
from streams.webhooks.courier import Courier
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.lane import Lane
from streams.webhooks.outcome import Outcome, outcome_of
from streams.webhooks.standing import Standings

OLD_SECRET = "whsec_" + "b2xk" * 11
NEW_SECRET = "whsec_" + "bmV3" * 11

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HandClock:
    """Whoever sleeps makes the time pass: days are over in an instant."""

    def __init__(self) -> None:
        self.at = float(int(time.time()))

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)


def let_the_library_read(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference library checks the age of a delivery by the clock of the test."""

    class Read(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Read":
            return cls.fromtimestamp(clock.now(), tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Read)


@dataclass
class Receiver:
    """What came, in order. ``answer`` may say something else than consent; what it consents to is verified first."""

    secret: str = OLD_SECRET
    clock: HandClock | None = None
    answer: Answer | None = None
    url: str = ""
    requests: list[float] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.accepted]

    @property
    def sequences(self) -> list[int]:
        return [each["data"]["sequence"] for each in self.accepted]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(self.clock.now() if self.clock is not None else time.time())
        body = await request.read()
        if self.answer is not None:
            answer = await self.answer(request)
            if answer.status != 200:
                return answer
        Webhook(self.secret).verify(body, dict(request.headers))
        event = orjson.loads(body)
        assert event["id"] == request.headers["webhook-id"]
        self.accepted.append(event)
        return web.Response(text="thanks")


@asynccontextmanager
async def serving(receiver: Receiver, certificate: Path | None = None) -> AsyncIterator[Receiver]:
    tls = None
    if certificate is not None:
        tls = create_default_context(Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_post("/hooks", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def secret_file(folder: Path, name: str, secret: str) -> dict[str, str]:
    path = folder / name
    path.write_text(secret)
    return {"file": str(path)}


def an_endpoint(url: str, folder: Path, **changed: Any) -> Endpoint:
    return Endpoint.model_validate(
        {
            "url": url,
            "secrets": [secret_file(folder, "secret", OLD_SECRET)],
            "per_second": 1_000_000,
            "allow_private": True,
            "allow_http": True,
            **changed,
        }
    )


@asynccontextmanager
async def a_courier(
    endpoint: Endpoint,
    clock: HandClock,
    *,
    standings: Standings | None = None,
    metrics: EndpointMetrics | None = None,
) -> AsyncIterator[Courier]:
    async with EndpointClient(endpoint) as client:
        yield Courier(
            "crm",
            endpoint,
            client,
            standings=Standings() if standings is None else standings,
            clock=clock,
            metrics=DeliverMetrics(CollectorRegistry()).of("crm") if metrics is None else metrics,
        )


def a_record(
    sequence: int,
    *,
    kind: str = "tier.upgraded",
    member: str = "m1",
    position: int | None = None,
    tier: str | None = "B",
    before: str | None = "C",
    shop: str | None = "s-1",
    catch_up: bool = False,
    epoch: int = 1,
) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """Value and headers of an outcome as the scorer writes them, shortened."""
    value = {
        "kind": kind,
        "member_id": member,
        "sequence": sequence,
        "from": None if before is None else {"name": before, "rank": 1},
        "recorded_at": "2026-07-22T04:26:40.500Z",
        "catch_up": catch_up,
        "tier": None if tier is None else {"name": tier, "rank": 2},
        "epoch": epoch,
        "position": {
            "topic": "member-events",
            "partition": 0,
            "offset": sequence * 10 if position is None else position,
        },
        "cause": {"timer": "2026-07-22T00:00:00.000Z"} if shop is None else {"event_id": "ev-1", "shop_id": shop},
    }
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{member}-{sequence}",
        "ce_type": f"memberpulse.{kind}.v1",
        "ce_source": "/memberpulse/score",
        "ce_time": "2026-07-22T04:26:40.123Z",
        "ce_subject": member,
        "ce_sequence": f"{sequence:020d}",
        "content-type": "application/json",
    }
    return orjson.dumps(value), tuple((name, text.encode()) for name, text in headers.items())


def an_outcome(sequence: int, **changed: Any) -> Outcome:
    value, headers = a_record(sequence, **changed)
    return outcome_of(value, headers)


async def deliver_all(courier: Courier, outcomes: list[Outcome], lane: Lane | None = None) -> None:
    """One after the other, as a lane does."""
    memory = (Lane(0, {}) if lane is None else lane).memory
    for outcome in outcomes:
        assert await courier.deliver(outcome, memory) is None


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
