"""Child processes that run our own verbs: started, watched, restarted where asked, stopped in order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from streams.exits import ExitCode

#: A child that ran for this long was well: its next crash is the first one again.
_WELL_AFTER_S = 60.0
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0
_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1

#: Wrong settings and a refused permission do not get better by trying again.
_FINAL = (ExitCode.CONFIG, ExitCode.NO_PERMISSION, ExitCode.USAGE)

#: Called with one line about a child, for people.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One verb to run. ``restarts`` is how often it may crash in a row before everything stops; 0 stops at its first
    end.

    What it prints goes to this process's own output, or to the end of ``log``.
    """

    name: str
    arguments: Sequence[str]
    restarts: int = 0
    log: Path | None = None


def start_verb(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start one of our verbs as a child process that ends when this process does; its output goes to the end of
    ``log``, else to ours.
    """
    command = [sys.executable, "-m", "streams", *arguments]
    with contextlib.nullcontext() if log is None else log.open("ab") as output:
        # A session of its own: Ctrl-C reaches this process only, which then stops its children in their order.
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def stop_child(process: subprocess.Popen[bytes], grace: float) -> int:
    """Ask a child to end, wait so many seconds, then kill it; its exit status."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class _Child:
    def __init__(self, spec: ChildSpec, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._crashes = 0
        self.due = 0.0

    def start(self) -> None:
        self._process = start_verb(self.spec.arguments, self._environment, self.spec.log)
        self._started = time.monotonic()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> int | None:
        """The exit status of a child that ended and is not waiting for its restart."""
        return None if self._process is None else self._process.poll()

    def delay_before_restart(self, status: int) -> float | None:
        """Seconds to wait before the next start, or None when there is to be none."""
        if time.monotonic() - self._started >= _WELL_AFTER_S:
            self._crashes = 0
        self._crashes += 1
        if self._crashes > self.spec.restarts or status in _FINAL:
            return None
        return min(_FIRST_DELAY_S * 2.0 ** (self._crashes - 1), _LONGEST_DELAY_S)

    def wait_for_restart(self, delay: float) -> None:
        self._process = None
        self.due = time.monotonic() + delay

    @property
    def waiting(self) -> bool:
        return self._process is None

    def stop(self, grace: float) -> int:
        return 0 if self._process is None else stop_child(self._process, grace)


class Supervisor:
    """Runs children until one ends for good or a stop is asked for; used as a context manager, which leaves none
    behind.

    Children are started in the order given and stopped in the reverse order, each with ``grace`` seconds to end by
    itself.
    They end too when this process is killed.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        tell: Tell,
        *,
        environment: Mapping[str, str] | None = None,
        grace: float = 25.0,
    ) -> None:
        base = dict(os.environ) if environment is None else dict(environment)
        self._children = [_Child(spec, base) for spec in specs]
        self._tell = tell
        self._grace = grace

    def __enter__(self) -> Self:
        """Start every child."""
        try:
            for child in self._children:
                child.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every child that still runs."""
        self.stop()

    def check(self) -> int | None:
        """Restart what crashed and is due; the exit code of a child that ended for good, else None."""
        now = time.monotonic()
        for child in self._children:
            if child.waiting:
                if now >= child.due:
                    child.start()
                continue
            status = child.ended
            if status is None:
                continue
            delay = child.delay_before_restart(status)
            if delay is None:
                self._tell(f"{child.spec.name} ended with {_spoken(status)}")
                return status if status >= 0 else ExitCode.SOFTWARE
            self._tell(f"{child.spec.name} ended with {_spoken(status)}; it starts again in {delay:.0f} s")
            child.wait_for_restart(delay)
        return None

    def run(self, stop: threading.Event) -> int:
        """Watch until ``stop`` is set (0) or a child ended for good (its exit code)."""
        while not stop.wait(_POLL_S):
            code = self.check()
            if code is not None:
                return code
        return ExitCode.OK

    def stop(self) -> None:
        """Stop the children, last started first; at a Ctrl-C meanwhile, all at once."""
        try:
            self._stop_in_order()
        except KeyboardInterrupt:
            for child in self._children:
                child.stop(0.0)
            raise

    def _stop_in_order(self) -> None:
        for child in reversed(self._children):
            if child.running:
                status = child.stop(self._grace)
                # One that was still importing or connecting has ended by the signal itself.
                if status not in (0, -signal.SIGTERM, ExitCode.INTERRUPTED):
                    self._tell(f"{child.spec.name} ended with {_spoken(status)} when it was stopped")


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, for the length of a ``with`` block; a second Ctrl-C interrupts as usual."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spoken(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child, between fork and exec: Linux sends it SIGTERM when its parent dies, however that happens."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
