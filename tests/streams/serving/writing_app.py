"""The routes that write, with a log that is only remembered, and callers of any kind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CollectorRegistry

from streams.access.caller import LOOPBACK, Caller
from streams.config import PseudonymSettings, Settings
from streams.metrics.posting import PostingMetrics
from streams.murmur import partition_of
from streams.pseudonyms import Pseudonyms
from streams.serving import decisions, posting
from streams.serving.log_writer import Fate, Written
from streams.serving.problems import problem_response
from tests.builders import a_policy

PARTITIONS = 3
#: The noon of 2026-03-01 in UTC.
NOW_MS = 1_772_366_400_000


@dataclass
class Log:
    """What was written where, in order; ``fates`` says what becomes of the next records, written unless said."""

    records: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    async def write(self, topic: str, records: Sequence[tuple[bytes, bytes]], within: float) -> list[Written]:
        assert within > 0
        told = []
        for key, value in records:
            fate = self.fates.pop(0) if self.fates else Fate.WRITTEN
            if fate is not Fate.WRITTEN:
                told.append(Written(fate))
                continue
            self.records.append((topic, key, value))
            told.append(Written(fate, partition_of(key, PARTITIONS), len(self.records) - 1))
        return told

    def of(self, topic: str) -> list[tuple[bytes, bytes]]:
        return [(key, value) for name, key, value in self.records if name == topic]


class _Policies:
    newest = a_policy()


@contextmanager
def serving(
    *, caller: Caller = LOOPBACK, pseudonyms: PseudonymSettings | None = None, **settings: Any
) -> Iterator[tuple[TestClient[Litestar], Log]]:
    """A client of the routes, and the log behind them."""
    log = Log()

    def authenticated(app: ASGIApp) -> ASGIApp:
        async def as_caller(scope: Scope, receive: Receive, send: Send) -> None:
            scope["user"] = caller
            await app(scope, receive, send)

        return as_caller

    state = {
        "settings": Settings.model_validate({"posting": settings}),
        "log_writer": log,
        "posting_metrics": PostingMetrics(CollectorRegistry()),
        "pseudonyms": Pseudonyms(pseudonyms or PseudonymSettings()),
        "policies": _Policies,
        "now_ms": lambda: NOW_MS,
    }
    app = Litestar(
        [Router("/v1", route_handlers=[*posting.HANDLERS, *decisions.HANDLERS])],
        state=State(state),
        middleware=[authenticated],
        exception_handlers={Exception: problem_response},
        openapi_config=None,
        logging_config=None,
    )
    with TestClient(app) as client:
        yield client, log
