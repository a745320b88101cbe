"""The projector as a process: with its metrics served."""

import asyncio
import gc
import logging

from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.metrics.projector import ProjectorMetrics
from streams.metrics_server import register_process, serve, stop_serving
from streams.projector.projections import scores, shops
from streams.projector.projector import Projector
from streams.version import version

log = logging.getLogger(__name__)


async def run(
    settings: Settings, *, rebuild: bool = False, stop: asyncio.Event, metrics: ProjectorMetrics | None = None
) -> None:
    """Keep Redis equal to member-scores until ``stop`` is set; ``rebuild`` begins again at offset 0, in every process.

    Without ``metrics`` the process serves its own at ``metrics.project_port``.

    Raises:
        aiokafka.errors.KafkaError: Kafka cannot be reached at the start, or refuses this client.
        MetricsPortError: the metrics' port is taken.
    """
    # What the imports made is garbage never, and a collection that looks at it all the same stops scores for 75 ms.
    gc.freeze()
    server = None
    if metrics is None:
        registry = CollectorRegistry()
        register_process(registry, role="project", version=version())
        metrics = ProjectorMetrics(registry)
        bind = settings.metrics.bind
        server, port = serve(registry, bind, settings.metrics.project_port, setting="metrics.project_port")
        log.info("Metrics at http://%s:%d/metrics", bind, port)
    try:
        running = [Projector(settings, metrics, stop, scores(settings)).run(rebuild=rebuild)]
        if settings.access.member_shops:
            # The metrics are those of the scores; how far the shops are, 'memberpulse lag' tells.
            apart = ProjectorMetrics(CollectorRegistry())
            running.append(Projector(settings, apart, stop, shops(settings)).run(rebuild=rebuild))
        await asyncio.gather(*running)
    finally:
        if server is not None:
            stop_serving(server)
