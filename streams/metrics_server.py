"""How Prometheus reaches a process: an HTTP server of its own, in a thread of its own.

A leaf module: it imports nothing of the project.
"""

import platform
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)


class MetricsPortError(Exception):
    """The address for Prometheus cannot be used; the text names the setting to change."""


def register_process(registry: CollectorRegistry, *, role: str, version: str) -> None:
    """Add what any process reports once: its build, its Python, memory, files and garbage collection."""
    build = Gauge(
        "memberpulse_build_info",
        "Always 1; which version runs in which role",
        ["role", "version", "python"],
        registry=registry,
    )
    build.labels(role, version, platform.python_version()).set(1)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)


def serve(
    registry: CollectorRegistry, bind: str, port: int, *, setting: str = "the port in section metrics"
) -> tuple[WSGIServer, int]:
    """Answer Prometheus from a background thread; return the server and its port.

    Port 0 takes a free one. Stop with :func:`stop_serving`. ``setting`` names the port's setting in the error's text.

    Raises:
        MetricsPortError: the address is taken or not this machine's.
    """
    server: WSGIServer
    try:
        server, _thread = start_http_server(port, bind, registry)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MetricsPortError(
            f"cannot serve metrics at {bind}:{port}: {reason}. Set {setting} to a free port (0 takes any), "
            "or metrics.bind to an address of this machine"
        ) from error
    return server, int(server.server_port)


def stop_serving(server: WSGIServer) -> None:
    """End the background server and give its port back."""
    server.shutdown()
    server.server_close()
