"""The endpoints of a process: what was changed begins anew, everything else is left alone. No broker is needed."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from streams.metrics.webhooks import DeliverMetrics
from streams.webhooks.attempt import AttemptFailed, EndpointClient
from streams.webhooks.clock import SystemClock
from streams.webhooks.courier import Courier
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.fleet import Fleet
from streams.webhooks.standing import Standings
from streams.webhooks.surroundings import Surroundings
from tests.secured.authority import Authority
from tests.streams.webhooks.receivers import Receiver, an_endpoint, serving


class Group:
    """A consumer group without a broker, which remembers who began."""

    began: list[tuple[str, EndpointClient]]

    def __init__(self, name: str, _endpoint: Endpoint, courier: Courier, **_: Any) -> None:
        self.began.append((name, courier._client))

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, EndpointClient]]:
    Group.began = []
    monkeypatch.setattr("streams.webhooks.fleet.EndpointGroup", Group)
    return Group.began


def a_fleet() -> Fleet:
    nothing = cast(Any, None)
    around = Surroundings(
        settings=nothing,
        admin=nothing,
        completeness=nothing,
        standings=Standings(),
        undelivered=nothing,
        clock=SystemClock(),
        partitions=1,
    )
    return Fleet(around, DeliverMetrics(CollectorRegistry()))


async def test_an_endpoint_whose_authorities_were_renewed_in_place_trusts_the_new_ones_from_then_on(
    began: list[tuple[str, EndpointClient]], tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "the former one")
    renewed = Authority(tmp_path / "new", "the new one")

    async with serving(Receiver(), renewed.server()) as receiver:
        endpoints = {
            "crm": an_endpoint(receiver.url, tmp_path, ca_file=str(authority.file)),
            "mail": an_endpoint(receiver.url, tmp_path),
        }
        fleet = a_fleet()
        await fleet.become(endpoints)
        await asyncio.sleep(0)
        with pytest.raises(AttemptFailed, match="certificate"):
            await began[0][1].post(b"{}", {}, 0)
        await fleet.become(endpoints)
        renewed.file.replace(authority.file)
        await fleet.become(endpoints)
        await asyncio.sleep(0)
        # The receiver is reached now; it has an opinion of its own of what nobody signed.
        with pytest.raises(AttemptFailed, match="500"):
            await began[-1][1].post(b"{}", {}, 0)
        assert [name for name, _ in began] == ["crm", "mail", "crm"]
        await fleet.end()
