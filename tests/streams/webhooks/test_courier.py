"""Whatever an endpoint does, it gets every outcome, in order, once it is well; and it can verify each."""

import asyncio
import logging
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook, WebhookVerificationError

from streams.metrics.webhooks import DeliverMetrics
from streams.webhooks.attempt import AttemptFailed, EndpointClient
from streams.webhooks.courier import Halted
from streams.webhooks.signing_secrets import Signer
from streams.webhooks.standing import Standing, Standings
from tests.streams.webhooks.receivers import (
    NEW_SECRET,
    OLD_SECRET,
    HandClock,
    Receiver,
    a_courier,
    an_endpoint,
    an_outcome,
    deliver_all,
    secret_file,
    serving,
    utc,
)

HOUR_S = 3600
OUTCOMES = [an_outcome(sequence) for sequence in range(1, 21)]
ALL_IDS = [outcome.id for outcome in OUTCOMES]


class ToldStandings(Standings):
    """Remembers everything that was said, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Standing] = []

    async def tell(self, endpoint: str, standing: Standing) -> None:
        self.told.append(standing)
        await super().tell(endpoint, standing)


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, {"endpoint": "crm", **labels}) or 0.0


async def test_an_endpoint_that_fails_for_an_hour_then_gets_every_outcome_in_order(
    clock: HandClock, tmp_path: Path
) -> None:
    well_at = clock.now() + HOUR_S

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if clock.now() >= well_at else 500)

    standings, registry = ToldStandings(), CollectorRegistry()
    async with serving(Receiver(clock=clock, answer=answer)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path)
        metrics = DeliverMetrics(registry).of("crm")
        async with a_courier(endpoint, clock, standings=standings, metrics=metrics) as courier:
            await deliver_all(courier, OUTCOMES)
    assert receiver.ids == ALL_IDS
    waits = [after - before for before, after in zip(receiver.requests, receiver.requests[1:], strict=False)]
    failures = len(receiver.requests) - len(OUTCOMES)
    assert 8 <= failures <= 15  # doubling from 5 s, with jitter, makes an hour in ten steps
    assert waits[0] <= 5
    assert max(waits) > 60
    assert [standing.state for standing in standings.told] == ["failing", "delivering"]
    assert standings.told[0].since_ms == receiver.requests[0] * 1000
    assert "500" in standings.told[0].reason
    assert sample(registry, "memberpulse_webhook_delivered_total") == len(OUTCOMES)
    assert sample(registry, "memberpulse_webhook_failed_total", reason="server_error") == failures


async def test_an_endpoint_that_answers_too_slowly_gets_the_outcome_again(clock: HandClock, tmp_path: Path) -> None:
    slow = True

    async def answer(_request: web.Request) -> web.StreamResponse:
        nonlocal slow
        if slow:
            slow = False
            await asyncio.sleep(2)
        return web.Response()

    registry = CollectorRegistry()
    async with serving(Receiver(clock=clock, answer=answer)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path, timeout_seconds=1)
        async with a_courier(endpoint, clock, metrics=DeliverMetrics(registry).of("crm")) as courier:
            await deliver_all(courier, OUTCOMES[:3])
    assert sorted(set(receiver.ids)) == sorted(ALL_IDS[:3])
    assert sample(registry, "memberpulse_webhook_failed_total", reason="timeout") == 1


async def test_an_endpoint_that_closes_connections_gets_the_outcome_again(clock: HandClock, tmp_path: Path) -> None:
    closes = 3

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal closes
        if closes:
            closes -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=200 if not closes else 500)

    registry = CollectorRegistry()
    async with serving(Receiver(clock=clock, answer=answer)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path)
        async with a_courier(endpoint, clock, metrics=DeliverMetrics(registry).of("crm")) as courier:
            await deliver_all(courier, OUTCOMES[:5])
    assert list(dict.fromkeys(receiver.ids)) == ALL_IDS[:5]
    assert sample(registry, "memberpulse_webhook_failed_total", reason="connection") == 3


async def test_a_redirect_is_not_followed(clock: HandClock, tmp_path: Path) -> None:
    redirects = True

    async def answer(_request: web.Request) -> web.StreamResponse:
        nonlocal redirects
        if redirects:
            redirects = False
            return web.Response(status=307, headers={"Location": inside.url})
        return web.Response()

    registry = CollectorRegistry()
    async with serving(Receiver()) as inside, serving(Receiver(clock=clock, answer=answer)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path)
        async with a_courier(endpoint, clock, metrics=DeliverMetrics(registry).of("crm")) as courier:
            await deliver_all(courier, OUTCOMES[:1])
        assert inside.requests == []
    assert receiver.ids == ALL_IDS[:1]
    assert sample(registry, "memberpulse_webhook_failed_total", reason="redirect") == 1


async def test_while_secrets_rotate_receivers_of_the_old_and_of_the_new_one_verify(
    clock: HandClock, tmp_path: Path
) -> None:
    new, old = secret_file(tmp_path, "new", NEW_SECRET), secret_file(tmp_path, "old", OLD_SECRET)
    for known_there in (OLD_SECRET, NEW_SECRET):
        async with serving(Receiver(secret=known_there, clock=clock)) as receiver:
            endpoint = an_endpoint(receiver.url, tmp_path, secrets=[new, old])
            async with a_courier(endpoint, clock) as courier:
                await deliver_all(courier, OUTCOMES[:2])
            assert receiver.ids == ALL_IDS[:2]


async def test_a_changed_secret_file_signs_the_next_delivery(clock: HandClock, tmp_path: Path) -> None:
    async with serving(Receiver(clock=clock)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path)
        async with a_courier(endpoint, clock) as courier:
            await deliver_all(courier, OUTCOMES[:1])
            (tmp_path / "secret").write_text(NEW_SECRET + "\n")
            receiver.secret = NEW_SECRET
            await deliver_all(courier, OUTCOMES[1:2])
            (tmp_path / "secret").write_text("whsec_broken")
            await deliver_all(courier, OUTCOMES[2:3])  # the one before goes on signing
    assert receiver.ids == ALL_IDS[:3]


async def test_410_ends_deliveries_and_says_so(
    clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=410)

    standings = ToldStandings()
    async with (
        serving(Receiver(clock=clock, answer=answer)) as receiver,
        a_courier(an_endpoint(receiver.url, tmp_path), clock, standings=standings) as courier,
    ):
        with pytest.raises(Halted):
            await deliver_all(courier, OUTCOMES)
    assert len(receiver.requests) == 1
    assert [standing.state for standing in standings.told] == ["gone"]
    assert "deliver enable crm" in caplog.text


async def test_an_endpoint_that_fails_for_days_is_given_up_and_that_is_an_error_in_the_log(
    clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    began, standings = clock.now(), ToldStandings()
    async with (
        serving(Receiver(clock=clock, answer=answer)) as receiver,
        a_courier(an_endpoint(receiver.url, tmp_path), clock, standings=standings) as courier,
    ):
        with pytest.raises(Halted):
            await deliver_all(courier, OUTCOMES)
    assert 72 * HOUR_S <= clock.now() - began < 74 * HOUR_S
    assert [standing.state for standing in standings.told] == ["failing", "dead"]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR]
    waits = [after - before for before, after in zip(receiver.requests, receiver.requests[1:], strict=False)]
    assert max(waits) <= HOUR_S
    assert len({round(wait) for wait in waits[-20:]}) > 5  # jitter: not everybody at the same moment


async def test_a_new_process_goes_on_being_patient_where_the_last_one_was(clock: HandClock, tmp_path: Path) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    standings = Standings()
    await standings.tell("crm", Standing("failing", int((clock.now() - 71 * HOUR_S) * 1000), "502"))
    began = clock.now()
    async with (
        serving(Receiver(clock=clock, answer=answer)) as receiver,
        a_courier(an_endpoint(receiver.url, tmp_path), clock, standings=standings) as courier,
    ):
        with pytest.raises(Halted):
            await deliver_all(courier, OUTCOMES)
    assert HOUR_S <= clock.now() - began < 3 * HOUR_S


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
async def test_nobody_is_asked_again_before_the_time_in_retry_after(
    clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, as_date: bool
) -> None:
    until = clock.now() + 7000

    async def answer(_request: web.Request) -> web.StreamResponse:
        if clock.now() >= until:
            return web.Response()
        asked = format_datetime(utc(until), usegmt=True) if as_date else "7000"
        return web.Response(status=status, headers={"Retry-After": asked})

    async with (
        serving(Receiver(clock=clock, answer=answer)) as receiver,
        a_courier(an_endpoint(receiver.url, tmp_path), clock) as courier,
    ):
        await deliver_all(courier, OUTCOMES[:2])
    assert len(receiver.requests) == 3
    assert receiver.requests[1] >= until
    assert "Trying again in 7000 s" in caplog.text


async def test_after_a_long_failure_the_first_success_wakes_the_other_partitions(tmp_path: Path) -> None:
    """By a clock that stands still for whoever sleeps: only the success can wake them."""

    class StandingClock(HandClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(30)

    clock, well = StandingClock(), False

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if well else 500)

    standings = Standings()
    await standings.tell("crm", Standing("failing", int((clock.now() - HOUR_S) * 1000), "500"))
    async with (
        serving(Receiver(answer=answer)) as receiver,
        a_courier(an_endpoint(receiver.url, tmp_path), clock, standings=standings) as courier,
    ):
        waiting = asyncio.create_task(deliver_all(courier, OUTCOMES[:1]))
        while not receiver.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        well = True
        await deliver_all(courier, OUTCOMES[1:2])
        await asyncio.wait_for(waiting, 5)
    assert receiver.ids == [ALL_IDS[1], ALL_IDS[0]]


async def test_a_response_without_end_is_read_to_a_small_limit(clock: HandClock, tmp_path: Path) -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while written < 200_000_000:
                await response.write(b"x" * 65_536)
                written += 65_536
        except ConnectionError:
            pass
        return response

    app = web.Application()
    app.router.add_post("/hooks", endless)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    async with a_courier(an_endpoint(url, tmp_path), clock) as courier:
        await deliver_all(courier, OUTCOMES[:1])
    await runner.cleanup()
    assert written < 20_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"id":"x"}'},
        {"webhook-id": "another"},
        {"webhook-timestamp": "1700000000"},
        {"webhook-signature": "v1,bm90IHNpZ25lZCBieSBhbnlib2R5IGtub3du"},
        {"secret": NEW_SECRET},
    ],
)
def test_what_was_changed_on_the_way_does_not_verify(clock: HandClock, tmp_path: Path, change: dict[str, Any]) -> None:
    endpoint = an_endpoint("http://127.0.0.1:1/hooks", tmp_path)
    body = OUTCOMES[0].body
    headers = Signer("crm", endpoint.secrets).headers(OUTCOMES[0].id, clock.now(), body.decode())
    Webhook(OLD_SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(change.get("secret", OLD_SECRET)).verify(
            change.get("body", body), {name: change.get(name, text) for name, text in headers.items()}
        )


async def test_https_needs_a_certificate_that_is_trusted(clock: HandClock, tmp_path: Path) -> None:
    async with serving(Receiver()) as receiver:
        endpoint = an_endpoint(receiver.url.replace("http:", "https:"), tmp_path)
        async with EndpointClient(endpoint) as client:
            with pytest.raises(AttemptFailed) as failed:
                await client.post(b"{}", {}, clock.now())
    assert failed.value.reason == "tls"
    assert receiver.requests == []


async def test_what_is_given_up_in_one_partition_is_not_called_failing_by_another(
    clock: HandClock, tmp_path: Path
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        # While the second partition waits for an answer, the first one gives the endpoint up.
        if len(receiver.requests) == 3:
            await standings.tell("crm", Standing("dead", int(clock.now() * 1000), "502"))
        return web.Response(status=502)

    standings = Standings()
    async with serving(Receiver(clock=clock, answer=answer)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path, retry={"first_wait_seconds": 300})
        async with a_courier(endpoint, clock, standings=standings) as courier:
            delivering = asyncio.create_task(deliver_all(courier, OUTCOMES[:1]))
            while len(receiver.requests) < 5:
                await asyncio.sleep(0)
            delivering.cancel()
            await asyncio.wait([delivering])
    known = standings.of("crm")
    assert known is not None
    assert known.state == "dead"
