"""The ticker as a process: settings in, exit code out."""

import asyncio

from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.metrics.ticker import TickerMetrics
from streams.metrics_server import register_process, serve, stop_serving
from streams.ticker.ticker import Ticker
from streams.until_stopped import until_stopped
from streams.version import version


def main(settings: Settings) -> int:
    """Tick, or stand by while another process of the deployment does, until a signal ends it; the exit code."""
    registry = CollectorRegistry()
    metrics = TickerMetrics(registry)
    register_process(registry, role="tick", version=version())
    server, port = serve(registry, settings.metrics.bind, settings.metrics.tick_port, setting="metrics.tick_port")
    print(f"tick: metrics at http://{settings.metrics.bind}:{port}/metrics", flush=True)
    try:
        asyncio.run(until_stopped(settings, Ticker(settings, metrics).run))
    finally:
        stop_serving(server)
    return 0
