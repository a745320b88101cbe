"""What the stream apps' processes share: their engine settings, metrics, life and end."""

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from faust.auth import SASLCredentials, SSLCredentials
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.engine.app import BatchApp
from streams.engine.process import run_until_signalled
from streams.engine.settings import EngineSettings
from streams.kafka_clients import SASL_PROTOCOLS, client_settings, ssl_context
from streams.metrics_server import register_process, serve, stop_serving
from streams.version import version

# What is alive here is alive for good reasons: records, states and outcomes die by their reference counts, and the rows
# are bytes, which the collector does not look at. Cycles are rare: 10,000 objects in 200,000 events. With Python's own
# setting (a look at every 700 new objects) those events took 3,700 collections: 3 to 5 of 12 to 16 s of processor time,
# and pauses of up to 0.3 s. So what the imports made is never looked at, and the rest once a minute: at 1,000 events/s
# some 50,000 objects, 10 to 20 ms. Should anything make cycles by the million, the automatic collection still comes.
_COLLECT_EVERY_S: Final = 60.0
_COLLECT_AT_OBJECTS: Final = 1_000_000
# mallopt's parameters (mallopt(3)): give back no less than 256 MB at the heap's top, extend it by 32 MB at a time, and
# take blocks up to 32 MB, the most that is allowed, from it.
_KEPT: Final = ((-1, 256 << 20), (-2, 32 << 20), (-3, 32 << 20))


def engine_settings(settings: Settings, role: str) -> EngineSettings:
    """The engine's share of the settings, for the consumer group of ``role``."""
    security = client_settings(settings)
    security.pop("bootstrap_servers")
    return EngineSettings(
        app_id=settings.group(role),
        bootstrap=settings.kafka.bootstrap,
        session_timeout=settings.kafka.session_timeout_seconds,
        commit_interval=settings.score.commit_interval_seconds,
        batch_records=settings.score.fetch_records,
        dirty_rows_limit=settings.score.dirty_rows_limit,
        sweep_slice=settings.score.sweep_slice,
        watchdog=settings.score.watchdog_seconds,
        security=security,
        credentials=faust_credentials(settings),
    )


def faust_credentials(settings: Settings) -> SSLCredentials | SASLCredentials | None:
    """The settings of section ``kafka`` as a Faust app's ``broker_credentials``."""
    context = ssl_context(settings)
    if settings.kafka.security_protocol in SASL_PROTOCOLS:
        password = settings.kafka.sasl_password
        return SASLCredentials(
            username=settings.kafka.sasl_username,
            password=password.get_secret_value() if password else None,
            mechanism=settings.kafka.sasl_mechanism or "PLAIN",
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def keep_freed_memory() -> None:
    """Tell glibc to keep for the next batch what the last one has freed.

    Fetches, record batches and requests are buffers of some hundred kilobytes that live for milliseconds. By default
    glibc gives such back to the kernel and asks again, every page of it zeroed at its first touch: 5 % of a busy
    scorer's time.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, size in _KEPT:
            mallopt(parameter, size)


async def _collect_garbage() -> None:
    """Look for cyclic garbage at our own times, for ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AT_OBJECTS)
    while True:
        await asyncio.sleep(_COLLECT_EVERY_S)
        gc.collect()


def run(
    settings: Settings,
    role: str,
    port: int,
    registry: CollectorRegistry,
    build: Callable[[], BatchApp],
    beside: Callable[[BatchApp, asyncio.Event], Awaitable[None]] | None = None,
) -> int:
    """Run the app that ``build`` makes until a signal ends it; the exit code.

    ``port`` is where Prometheus finds ``registry``, ``beside`` runs next to the app until its event is set. Failures
    that endanger exactness end the process from inside, with their own codes.
    """
    keep_freed_memory()

    async def life() -> None:
        register_process(registry, role=role, version=version())
        # The app belongs to the event loop that it is made in.
        app = build()
        server, actual = serve(registry, settings.metrics.bind, port, setting=f"metrics.{role}_port")
        print(f"{role}: metrics at http://{settings.metrics.bind}:{actual}/metrics", flush=True)
        collecting = asyncio.ensure_future(_collect_garbage())
        try:
            await run_until_signalled(
                app, settings.score.shutdown_seconds, (lambda stop: beside(app, stop)) if beside is not None else None
            )
        finally:
            collecting.cancel()
            stop_serving(server)

    asyncio.run(life())
    return 0
