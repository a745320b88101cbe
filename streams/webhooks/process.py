"""The deliverer as a process: one consumer group per endpoint, metrics served, all ended together."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.kafka_clients import client_settings
from streams.metrics.webhooks import DeliverMetrics
from streams.metrics_server import register_process, serve, stop_serving
from streams.topics import OUTCOME_TOPICS, UNDELIVERED
from streams.version import version
from streams.webhooks.clock import Clock, SystemClock
from streams.webhooks.completeness import Completeness
from streams.webhooks.endpoint_file import Endpoint, EndpointFileError
from streams.webhooks.file_watch import WatchedFile
from streams.webhooks.fleet import Fleet
from streams.webhooks.logged_standings import LoggedStandings
from streams.webhooks.signing_secrets import UnusableSecretError
from streams.webhooks.surroundings import Surroundings
from streams.webhooks.undelivered import UndeliveredLog

log = logging.getLogger(__name__)

_CANCEL_AGAIN_S: Final = 1.0


async def run(
    settings: Settings,
    endpoints: Mapping[str, Endpoint],
    *,
    stop: asyncio.Event,
    watched: WatchedFile | None = None,
    metrics: DeliverMetrics | None = None,
    clock: Clock | None = None,
) -> None:
    """Bring outcomes to the endpoints until ``stop`` is set; to others as soon as the ``watched`` file names others.

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
            undelivered=await stack.enter_async_context(UndeliveredLog(settings)),
            clock=SystemClock() if clock is None else clock,
            partitions=len({each.partition for each in partitions}),
        )
        fleet = Fleet(around, metrics)
        await fleet.become(endpoints)
        _note_in_force(metrics, around.clock)
        following = [] if watched is None else [_follow(watched, endpoints, fleet, metrics, around.clock)]
        await _together(fleet, [around.completeness.look_for_ever(), *following], stop)


async def _follow(
    watched: WatchedFile, endpoints: Mapping[str, Endpoint], fleet: Fleet, metrics: DeliverMetrics, clock: Clock
) -> None:
    """Do as the endpoints' file says whenever it was changed; while it is wrong, the former one holds."""
    async for found in watched.changes(endpoints):
        try:
            if isinstance(found, EndpointFileError):
                raise found
            await fleet.become(found)
        except (EndpointFileError, UnusableSecretError, OSError) as error:
            metrics.file_in_force.set(0)
            log.error("The endpoints' file was changed and cannot be used; the former one holds on. %s", error)  # noqa: TRY400 - the sentence says it
        else:
            _note_in_force(metrics, clock)
            log.info("The endpoints' file was read: %s", ", ".join(found))


def _note_in_force(metrics: DeliverMetrics, clock: Clock) -> None:
    metrics.file_in_force.set(1)
    metrics.file_taken.set(clock.now())


async def _together(fleet: Fleet, looking: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run until ``stop``, or until something fails; then end all."""
    waiting = [asyncio.create_task(each) for each in (stop.wait(), fleet.failed.wait())]
    # None of them ends by itself but by failing.
    running = [asyncio.create_task(each) for each in looking]
    try:
        await asyncio.wait([*waiting, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        # First of all nobody may change the fleet any more.
        await _cancelled([*waiting, *running])
        await fleet.end()
    for task in running:
        if not task.cancelled():
            task.result()


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Return when none of them goes on. Python 3.11's wait_for, which aiokafka uses, may lose a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


async def _outcome_partitions(settings: Settings, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
    """Every partition of the outcome topics; whatever has to be there is there."""
    numbers = {
        each["topic"]: [partition["partition"] for partition in each["partitions"]]
        for each in await admin.describe_topics()
    }
    found = []
    for topic in map(settings.topic, OUTCOME_TOPICS):
        if not numbers.get(topic):
            raise UnknownTopicOrPartitionError(topic)
        found += [TopicPartition(topic, number) for number in numbers[topic]]
    if not numbers.get(undelivered := settings.topic(UNDELIVERED)):
        raise UnknownTopicOrPartitionError(undelivered)
    return found


def _served(settings: Settings, stack: AsyncExitStack) -> DeliverMetrics:
    registry = CollectorRegistry()
    register_process(registry, role="deliver", version=version())
    bind = settings.metrics.bind
    server, port = serve(registry, bind, settings.metrics.deliver_port, setting="metrics.deliver_port")
    stack.callback(stop_serving, server)
    log.info("Metrics at http://%s:%d/metrics", bind, port)
    return DeliverMetrics(registry)
