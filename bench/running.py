"""A contender's process, watched from outside: what it says, when, and the processor time it has used by then."""

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread, Timer
from time import perf_counter
from typing import Any

import psutil

_STOP_GRACE_S = 40.0
#: How long a child of the process may keep its output open after its end.
_NOTICE_S = 2.0


class ContenderFailedError(Exception):
    """A process ended, or stood still, before it was done."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How many orders are handled at ``at`` (seconds, its own clock), with ``cpu`` seconds of processor time used."""

    at: float
    cpu: float
    handled: int


class Running:
    """A started process. ``started`` is on the clock of :func:`time.perf_counter`."""

    def __init__(self, command: Sequence[str], errors: Path, folder: Path | None = None) -> None:
        self.started = perf_counter()
        self._errors = errors
        with errors.open("wb") as log:
            # With a session of its own, Ctrl-C is ours alone to act on.
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True, cwd=folder
            )
        self._known = psutil.Process(self._process.pid)
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        # Whoever is not listened to would stand still when the pipe is full.
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def facts(self) -> Iterator[dict[str, Any]]:
        """What the process says, line by line; lines that are no JSON object are somebody else's.

        Raises:
            ContenderFailedError: the process ended.
        """
        while (line := self._lines.get()) is not None:
            if line.startswith("{"):
                facts: dict[str, Any] = json.loads(line)
                yield facts
        raise ContenderFailedError(f"the process ended with exit code {self._process.wait()}: {self._tail()}")

    def samples(self, until: int, silence_s: float = 120.0) -> list[Sample]:
        """Its progress until ``until`` orders are handled.

        Raises:
            ContenderFailedError: the process ended before, or handled nothing for ``silence_s``.
        """
        taken: list[Sample] = []
        watch = self._watch(silence_s)
        try:
            for facts in self.facts():
                handled = facts.get("handled")
                if handled is None or (taken and handled == taken[-1].handled):
                    continue
                watch.cancel()
                watch = self._watch(silence_s)
                taken.append(Sample(perf_counter(), self.cpu(), handled))
                if handled >= until:
                    break
        finally:
            watch.cancel()
        return taken

    def samples_until_quiet(self, quiet_s: float) -> list[Sample]:
        """Its progress until, having handled something, it has handled nothing more for ``quiet_s``.

        Raises:
            ContenderFailedError: the process ended, or handled nothing for two minutes.
        """
        taken: list[Sample] = []
        watch = self._watch(120.0)
        try:
            for facts in self.facts():
                handled = facts.get("handled")
                if handled is None:
                    continue
                if not taken or handled != taken[-1].handled:
                    taken.append(Sample(perf_counter(), self.cpu(), handled))
                elif handled:
                    watch.cancel()
                    if perf_counter() - taken[-1].at > quiet_s:
                        break
        finally:
            watch.cancel()
        return taken

    def wait_for(self, fact: str) -> dict[str, Any]:
        """The first line that names ``fact``."""
        watch = self._watch(300.0)
        try:
            return next(facts for facts in self.facts() if fact in facts)
        finally:
            watch.cancel()

    @property
    def pid(self) -> int:
        """Of the process, which leads a session of its own."""
        return self._process.pid

    def cpu(self) -> float:
        """Processor seconds used so far, in user and system mode, by the process and its children."""
        times = self._known.cpu_times()
        own: float = times.user + times.system + times.children_user + times.children_system
        return own + sum(sum(child.cpu_times()[:2]) for child in self._known.children(recursive=True))

    def memory(self) -> int:
        """Resident bytes of the process and its children."""
        everybody = [self._known, *self._known.children(recursive=True)]
        return sum(int(each.memory_info().rss) for each in everybody)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end in order; its output is read meanwhile, so that it never waits for us."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        killer = Timer(_STOP_GRACE_S, self._process.kill)
        killer.start()
        try:
            self._process.wait()
        finally:
            killer.cancel()
            self._process.kill()
            self._process.wait()
            self._listener.join(_NOTICE_S)

    def _listen(self) -> None:
        output = self._process.stdout
        assert output is not None
        with output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)

    def _watch(self, seconds: float) -> Timer:
        timer = Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        return timer

    def _tail(self) -> str:
        return self._errors.read_text(errors="replace")[-2000:] or "it said nothing"


@contextmanager
def running(command: Sequence[str], folder: Path | None = None) -> Iterator[Running]:
    """Start a process, in ``folder`` if one is named, and stop it at the end, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as place:
        process = Running(command, Path(place) / "stderr", folder)
        try:
            yield process
        finally:
            process.stop()
