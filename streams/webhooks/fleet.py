"""The endpoints of this process, each on its own: started, changed and ended without a word to the others."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.metrics.webhooks import DeliverMetrics
from streams.webhooks.attempt import EndpointClient
from streams.webhooks.courier import Courier
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.group import EndpointGroup
from streams.webhooks.surroundings import Surroundings

log = logging.getLogger(__name__)


class _Running(NamedTuple):
    endpoint: Endpoint
    client: EndpointClient
    stop: asyncio.Event
    task: asyncio.Task[None]


class Fleet:
    """One consumer group per endpoint."""

    def __init__(self, around: Surroundings, metrics: DeliverMetrics) -> None:
        self._around = around
        self._metrics = metrics
        self._running: dict[str, _Running] = {}
        #: Set when an endpoint's group has ended unasked, which it only does by failing: :meth:`end` says how.
        self.failed = asyncio.Event()

    async def become(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Deliver to these: end those that are not among them, begin new ones, and begin anew what was changed.

        A ``ca_file`` that was replaced in place is a change of its endpoint.

        Raises:
            UnusableSecretError: a secret is unusable by now; nothing was changed.
            OSError: a ``ca_file`` is; likewise.
        """
        wanted = {name: endpoint for name, endpoint in endpoints.items() if not self._is_running(name, endpoint)}
        # Both before anything is ended.
        couriers = {name: self._courier(name, endpoint) for name, endpoint in wanted.items()}
        removed = [name for name in self._running if name not in endpoints]
        await self._end([*removed, *(name for name in self._running if name in wanted)])
        for name in removed:
            log.info("Webhook endpoint %s is in the file no more; what waits for it stays in the log", name)
            self._metrics.forget(name)
        for name, (client, courier) in couriers.items():
            self._begin(name, wanted[name], client, courier)

    async def end(self) -> None:
        """End all; whatever ended one of them before is raised."""
        await self._end(list(self._running))

    def _is_running(self, name: str, endpoint: Endpoint) -> bool:
        running = self._running.get(name)
        return running is not None and running.endpoint == endpoint and running.client.is_up_to_date

    def _courier(self, name: str, endpoint: Endpoint) -> tuple[EndpointClient, Courier]:
        client, around = EndpointClient(endpoint), self._around
        metrics = self._metrics.of(name)
        return client, Courier(name, endpoint, client, standings=around.standings, clock=around.clock, metrics=metrics)

    def _begin(self, name: str, endpoint: Endpoint, client: EndpointClient, courier: Courier) -> None:
        log.info("Webhook endpoint %s at %s%s", name, endpoint.shown_url, ", paused" if endpoint.paused else "")
        stop = asyncio.Event()
        group = EndpointGroup(name, endpoint, courier, around=self._around, metrics=self._metrics.of(name))
        task = asyncio.create_task(_deliver(client, group, stop))
        task.add_done_callback(lambda _: None if stop.is_set() else self.failed.set())
        self._running[name] = _Running(endpoint, client, stop, task)

    async def _end(self, names: Iterable[str]) -> None:
        ending = {name: self._running[name] for name in names}
        for running in ending.values():
            running.stop.set()
        if ending:
            await asyncio.wait([running.task for running in ending.values()])
        for name, running in ending.items():
            del self._running[name]
            running.task.result()


async def _deliver(client: EndpointClient, group: EndpointGroup, stop: asyncio.Event) -> None:
    async with client:
        await group.run(stop)
