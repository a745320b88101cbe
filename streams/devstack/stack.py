"""Kafka and Redis together, for as long as a `with` block lasts."""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console

from streams.devstack.errors import DevStackError
from streams.devstack.java import KAFKA_VERSION, java, kafka_jars
from streams.devstack.kafka import Broker
from streams.devstack.redis import RedisServer, redis_binary


class DevStack:
    """A context manager that starts Kafka and Redis and leaves nothing running behind, however the program ends.

    Without a home everything lives in a temporary directory and is removed at the end; a given home keeps Kafka's
    records and its cluster id between runs (Redis forgets in either case). After a failed start nothing runs.
    """

    def __init__(
        self, home: Path | None = None, *, kafka: bool = True, redis: bool = True, console: Console | None = None
    ) -> None:
        """Say what to start; nothing is started before the `with` block. Progress goes to `console`, else to stderr."""
        self._given_home = home
        self._wanted = (kafka, redis)
        self._console = console or Console(stderr=True)
        self._broker: Broker | None = None
        self._redis: RedisServer | None = None
        self._cleanup = ExitStack()

    @property
    def broker(self) -> Broker:
        """The Kafka broker.

        Raises:
            DevStackError: the stack is not entered, or was made with `kafka=False`.
        """
        if self._broker is None:
            raise DevStackError("this stack has no broker: enter it with `with`, and do not pass kafka=False")
        return self._broker

    @property
    def redis(self) -> RedisServer:
        """The Redis server.

        Raises:
            DevStackError: the stack is not entered, or was made with `redis=False`.
        """
        if self._redis is None:
            raise DevStackError("this stack has no Redis: enter it with `with`, and do not pass redis=False")
        return self._redis

    def __enter__(self) -> Self:
        """Start what was asked for and wait until it answers.

        Raises:
            DevStackError: something is missing or did not start; the text says what to do.
        """
        kafka, redis = self._wanted
        with ExitStack() as started:
            # What is missing is said before anything is made or fetched.
            if redis:
                redis_binary()
            if kafka:
                java()
                kafka_jars(self._console)
            home = self._home(started)
            temporary = self._given_home is None
            if redis:
                self._redis = RedisServer(home / "redis", remove_if_orphaned=temporary)
                self._start("Redis", self._redis.url, self._redis.start, self._redis.stop, started)
            if kafka:
                self._broker = Broker(home / "kafka", remove_if_orphaned=temporary)
                name = f"Kafka {KAFKA_VERSION}"
                self._start(name, self._broker.bootstrap, self._broker.start, self._broker.stop, started)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything, each within its own time limit, and remove a temporary home."""
        self._cleanup.close()
        self._broker = self._redis = None

    def _home(self, started: ExitStack) -> Path:
        if self._given_home is not None:
            started.enter_context(_alone_in(self._given_home))
            return self._given_home
        home = Path(tempfile.mkdtemp(prefix="memberpulse-"))
        started.callback(shutil.rmtree, home, ignore_errors=True)
        return home

    def _start(
        self, name: str, address: str, start: Callable[[], None], stop: Callable[[], None], started: ExitStack
    ) -> None:
        began = time.monotonic()
        started.callback(stop)
        with self._console.status(f"Starting {name}"):
            start()
        self._console.print(f"{name} answers at {address} after {time.monotonic() - began:.1f} s", highlight=False)


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Let nobody else start a stack there meanwhile: Kafka notices a second broker on its files too late, after the
    metadata of the first one were written to, and both end.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DevStackError(
                f"another program runs its Kafka and Redis in {home.absolute()} ('memberpulse up' in another "
                "terminal?): end that one, use its Kafka by the 'export' lines that it printed, or take another "
                "directory by MEMBERPULSE_DATA_DIR"
            ) from error
        yield
