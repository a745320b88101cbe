"""The HTTP application: every part of the API joined into one Litestar app.

A part is a small module that exports its route handlers, and a lifespan where it has something to start and stop. Both
are joined by the lists below, and nowhere else. What a lifespan makes it puts into ``app.state`` under its own name.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler
from prometheus_client import CollectorRegistry

from streams.access.middleware import PUBLIC, authentication
from streams.config import Settings
from streams.metrics.serving import ServingMetrics
from streams.serving import decisions, health, live_streams, log_writer, members, posting, previews
from streams.serving.openapi import describe_exactly, openapi_config
from streams.serving.problems import problem_response
from streams.serving.security_headers import add_security_headers
from streams.serving.slashes import SlashesBack, telling_slashes_apart

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]

#: What is served under /v1: handlers and routers, whose paths are relative to it. A new part adds its list here.
V1: Final[tuple[ControllerRouterHandler, ...]] = (
    *members.HANDLERS,
    *previews.HANDLERS,
    *live_streams.HANDLERS,
    *posting.HANDLERS,
    *decisions.HANDLERS,
)
#: What is started before the first request and stopped after the last one, in this order and backwards.
LIFESPANS: Final[tuple[Lifespan, ...]] = (members.lifespan, log_writer.lifespan, live_streams.lifespan)


def wall_clock_ms() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def create_app(
    settings: Settings,
    *,
    registry: CollectorRegistry | None = None,
    now_ms: Callable[[], int] = wall_clock_ms,
    further: Sequence[ControllerRouterHandler] = (),
) -> Litestar:
    """The application for these settings; ``further`` handlers are served under /v1 beside :data:`V1`.

    Its state has ``settings``, ``registry`` (of all its metrics), ``metrics``, ``now_ms`` (the wall clock) and
    ``stopping`` (an event that is set when the process is told to end), and what the lifespans put there.

    Raises:
        KeysFileError: the file of keys cannot be used.
        KeySetError: the key set file cannot be used.
    """
    registry = CollectorRegistry() if registry is None else registry
    known = {
        "settings": settings,
        "registry": registry,
        "metrics": ServingMetrics(registry),
        "now_ms": now_ms,
        "stopping": asyncio.Event(),
    }
    app = Litestar(
        route_handlers=[
            Router("/v1", route_handlers=[*V1, *further]),
            Router("/health", route_handlers=health.HANDLERS, opt={PUBLIC: True}, tags=["health"], security=[{}]),
        ],
        lifespan=list(LIFESPANS),
        middleware=[SlashesBack(), authentication(settings, registry)],
        exception_handlers={Exception: problem_response},
        before_send=[add_security_headers],
        request_max_body_size=settings.serve.max_body_bytes,
        # Not copied: these are the process's own.
        state=State(known, deep_copy=False),
        logging_config=None,
        openapi_config=openapi_config(),
    )
    app.asgi_handler = telling_slashes_apart(app.asgi_handler)
    describe_exactly(app)
    return app
