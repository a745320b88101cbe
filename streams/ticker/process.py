"""The ticker as a process: settings in, exit code out."""

import asyncio
import signal

from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.metrics.ticker import TickerMetrics
from streams.metrics_server import register_process, serve, stop_serving
from streams.ticker.ticker import Ticker
from streams.version import version


async def _tick(settings: Settings, metrics: TickerMetrics) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Ticker(settings, metrics).run(stop)


def main(settings: Settings) -> int:
    """Tick, or stand by while another process of the deployment does, until a signal ends it; the exit code."""
    registry = CollectorRegistry()
    metrics = TickerMetrics(registry)
    register_process(registry, role="tick", version=version())
    server, port = serve(registry, settings.metrics.bind, settings.metrics.tick_port, setting="metrics.tick_port")
    print(f"tick: metrics at http://{settings.metrics.bind}:{port}/metrics", flush=True)
    try:
        asyncio.run(_tick(settings, metrics))
    finally:
        stop_serving(server)
    return 0
