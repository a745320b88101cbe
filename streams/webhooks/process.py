"""The deliverer as a process: one consumer group per endpoint, metrics served, all ended together."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.metrics import DeliverMetrics, EndpointMetrics
from streams.metrics_server import register_process, serve, stop_serving
from streams.topics import OUTCOME_TOPICS
from streams.version import version
from streams.webhooks.attempt import EndpointClient
from streams.webhooks.clock import Clock, SystemClock
from streams.webhooks.completeness import Completeness
from streams.webhooks.courier import Courier
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.group import EndpointGroup, Surroundings
from streams.webhooks.logged_standings import LoggedStandings

log = logging.getLogger(__name__)


async def run(
    settings: Settings,
    endpoints: Mapping[str, Endpoint],
    *,
    stop: asyncio.Event,
    metrics: DeliverMetrics | None = None,
    clock: Clock | None = None,
) -> None:
    """Bring outcomes to the endpoints until ``stop`` is set.

    Without ``metrics`` the process serves its own at ``metrics.deliver_port``.

    Raises:
        aiokafka.errors.KafkaError: Kafka cannot be reached at the start, refuses this client, or lacks a topic.
        MetricsPortError: the metrics' port is taken.
    """
    async with AsyncExitStack() as stack:
        if metrics is None:
            metrics = _served(settings, stack)
        admin = AIOKafkaAdminClient(**client_settings(settings))
        stack.push_async_callback(admin.close)
        await admin.start()
        offsets = AIOKafkaConsumer(**client_settings(settings), group_id=None)
        stack.push_async_callback(offsets.stop)
        await offsets.start()
        partitions = await _outcome_partitions(settings, admin)
        # Asked where partitions end, a consumer needs to have them; it is to read nothing from them.
        offsets.assign(partitions)
        offsets.pause(*partitions)
        around = Surroundings(
            settings=settings,
            admin=admin,
            completeness=Completeness(settings, admin, offsets, partitions),
            standings=await stack.enter_async_context(LoggedStandings(settings)),
            clock=SystemClock() if clock is None else clock,
            partitions=len({each.partition for each in partitions}),
        )
        groups = [await _group(name, endpoint, around, metrics.of(name), stack) for name, endpoint in endpoints.items()]
        await _together(groups, around.completeness, stop)


async def _group(
    name: str, endpoint: Endpoint, around: Surroundings, metrics: EndpointMetrics, stack: AsyncExitStack
) -> EndpointGroup:
    client = await stack.enter_async_context(EndpointClient(endpoint))
    courier = Courier(name, endpoint, client, standings=around.standings, clock=around.clock, metrics=metrics)
    log.info("Webhook endpoint %s at %s%s", name, endpoint.shown_url, ", paused" if endpoint.paused else "")
    return EndpointGroup(name, endpoint, courier, around=around, metrics=metrics)


async def _together(groups: Sequence[EndpointGroup], completeness: Completeness, stop: asyncio.Event) -> None:
    """Run until ``stop``, or until one of them fails; then end all."""
    looking = asyncio.create_task(completeness.look_for_ever())
    running = [asyncio.create_task(group.run(stop)) for group in groups]
    try:
        # None of them ends by itself but by failing.
        ended, _ = await asyncio.wait([*running, looking], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait(running)
    finally:
        for task in (*running, looking):
            task.cancel()
    for task in (*ended, *running):
        task.result()


async def _outcome_partitions(settings: Settings, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
    """Every partition of the outcome topics."""
    numbers = {
        each["topic"]: [partition["partition"] for partition in each["partitions"]]
        for each in await admin.describe_topics()
    }
    found = []
    for topic in map(settings.topic, OUTCOME_TOPICS):
        if not numbers.get(topic):
            raise UnknownTopicOrPartitionError(topic)
        found += [TopicPartition(topic, number) for number in numbers[topic]]
    return found


def _served(settings: Settings, stack: AsyncExitStack) -> DeliverMetrics:
    registry = CollectorRegistry()
    register_process(registry, role="deliver", version=version())
    bind = settings.metrics.bind
    server, port = serve(registry, bind, settings.metrics.deliver_port, setting="metrics.deliver_port")
    stack.callback(stop_serving, server)
    log.info("Metrics at http://%s:%d/metrics", bind, port)
    return DeliverMetrics(registry)
