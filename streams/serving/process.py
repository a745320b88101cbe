"""The HTTP API as a process: uvicorn with httptools on uvloop, its metrics beside it, an orderly end."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
import uvloop
from litestar import Litestar
from prometheus_client import CollectorRegistry

from streams.access.exposure import uvicorn_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.metrics_server import register_process, serve, stop_serving
from streams.serving.app import create_app
from streams.serving.measuring import Measured
from streams.version import version

_BACKLOG: Final = 2048
#: A connection that asks nothing for so long is closed (s): longer than a load balancer's usual minute.
_KEEP_ALIVE_SECONDS: Final = 75
#: What requests leave behind dies by its reference counts; a look at all young objects every 700 new ones, as Python
#: has it, is pauses for nothing. A look at 5,000 takes some 3 ms beside a busy worker, at 50,000 it is 12.
_COLLECT_AT_OBJECTS: Final = 5_000


class _Server(uvicorn.Server):
    """Uvicorn's server, whose signals are ours: it ends by exit code 0, not by the signal that it was sent."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or SIGINT; ``tell`` is told the addresses.

    Raises:
        CommandError: exit 78, the address is taken or not this machine's.
        MetricsPortError: the metrics' port is taken.
        KeysFileError: the file of keys cannot be used.
        KeySetError: the key set file cannot be used.
    """
    listening = _listen(settings)
    with listening, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_answer(settings, listening, tell))


async def _answer(settings: Settings, listening: socket.socket, tell: Callable[[str], None]) -> None:
    registry = CollectorRegistry()
    register_process(registry, role="serve", version=version())
    app = create_app(settings, registry=registry)
    server = _Server(
        uvicorn.Config(
            Measured(app, app.state.metrics),
            loop="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(settings.serve.drain_seconds)),
            **uvicorn_settings(settings),
        )
    )
    # It tells every step of its start and end; its warnings stay.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _end_on_signals(server, app)
    bind = settings.metrics.bind
    metrics, port = serve(registry, bind, settings.metrics.serve_port, setting="metrics.serve_port")
    scheme = "http" if settings.access.tls_certfile is None else "https"
    host, taken = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    tell(f"serve: {scheme}://{shown}:{taken}/v1/docs, metrics at http://{bind}:{port}/metrics")
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AT_OBJECTS)
    try:
        await server.serve(sockets=[listening])
    finally:
        stop_serving(metrics)
    if not (server.started or app.state.stopping.is_set()):
        raise CommandError("the API could not start; the lines above say why", ExitCode.SOFTWARE)


def _end_on_signals(server: uvicorn.Server, app: Litestar) -> None:
    """Finish what is being answered, then end; at the second signal end at once."""

    def end() -> None:
        if app.state.stopping.is_set():
            server.force_exit = True
        app.state.stopping.set()
        # Streams of events have no end of their own.
        live = app.state.get("live")
        if live is not None:
            live.end_all()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


def _listen(settings: Settings) -> socket.socket:
    """The bound socket: bound before anything else, so that a taken port is told at once."""
    host, port = settings.serve.bind, settings.serve.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            ExitCode.CONFIG,
            where="settings serve.bind and serve.port",
            remedy="choose a free port (0 takes any), or an address of this machine",
        ) from error
    return listening
