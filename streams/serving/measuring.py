"""Counts and times requests, around the whole application, so that also what finds no route is counted."""

import time
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from streams.metrics.serving import ServingMetrics

#: In the place of a route for requests that found none: whatever strangers ask for adds no series.
_NO_ROUTE: Final = "none"
#: Methods are the client's words too.
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})


class Measured:
    """An ASGI application that is another one, measured."""

    def __init__(self, app: ASGIApp, metrics: ServingMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = scope.get("path_template", _NO_ROUTE)
            counter, histogram = self._of(str(route), scope["method"], status // 100)
            counter.inc()
            histogram.observe(time.perf_counter() - began)

    def _of(self, route: str, method: str, kind: int) -> tuple[Counter, Histogram]:
        key = (route, method if method in _METHODS else "other", kind)
        known = self._series.get(key)
        if known is None:
            # Kept, since labels() costs more than all the rest. No status: the client went away before the answer.
            counter = self._metrics.requests.labels(key[0], key[1], f"{kind}xx" if kind else "none")
            known = self._series[key] = (counter, self._metrics.seconds.labels(key[0]))
        return known
