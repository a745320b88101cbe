"""Real worker processes: started, killed, frozen, ended in order, and started again as a supervisor would."""

import contextlib
import ctypes
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.chaos.deployment import Deployment

SCORER = [sys.executable, "-m", "streams", "worker", "--only", "score"]
INGEST = [sys.executable, "-m", "streams", "worker", "--only", "ingest"]
#: A scorer whose weaknesses the environment chooses; see its docstring.
WEAK_SCORER = [sys.executable, "-m", "tests.chaos.weak_scorer"]

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_METRICS_AT = re.compile(r"metrics at (\S+)")


def _die_with_the_tests() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


class Worker:
    """One process of a deployment. What it prints is in ``log``."""

    def __init__(self, deployment: Deployment, name: str, command: Sequence[str] = SCORER, **environment: str) -> None:
        self.name = name
        self.log = deployment.home / f"{name}.log"
        self._deployment = deployment
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                cwd=deployment.home,
                env={**deployment.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_the_tests,
            )
        self.pid = self._process.pid
        self.started = time.monotonic()
        self.frozen = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """None outlives the ``with`` block."""
        self.kill()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def has_begun(self) -> bool:
        """Whether it got as far as announcing its metrics."""
        return _METRICS_AT.search(self.told()) is not None

    def kill(self) -> None:
        """As a power cut: kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait(20)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.frozen = False
        self._process.send_signal(signal.SIGCONT)

    def ended(self, within: float) -> int:
        """Its exit code (minus the signal's number after one); raises TimeoutError with the end of its log."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {within:.0f} s:\n{self.tail()}") from None

    def end(self) -> int:
        """SIGTERM and wait."""
        self.ask_to_end()
        return self.ended(30)

    def told(self) -> str:
        """All it printed."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        """The last lines it printed."""
        return "\n".join(self.told().splitlines()[-30:])

    def metric(self, name: str) -> float:
        """The sum of one metric over its labels, given the beginning of the series' name; 0 when nobody answers."""
        found = _METRICS_AT.search(self.told())
        if found is None or self.frozen or not self.running:
            return 0.0
        with contextlib.suppress(OSError), urllib.request.urlopen(found[1], timeout=2) as answer:
            lines = answer.read().decode().splitlines()
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
        return 0.0


class Cluster:
    """Workers of one deployment, by name; none outlives the ``with`` block. ``endings`` collects (name, exit code)."""

    def __init__(self, deployment: Deployment, command: Sequence[str] = SCORER, **environment: str) -> None:
        self.deployment = deployment
        self.workers: list[Worker] = []
        self.endings: list[tuple[str, int]] = []
        self._command = command
        self._environment = environment
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    def start(self) -> Worker:
        """One more worker."""
        self._made += 1
        worker = Worker(self.deployment, f"worker-{self._made:02d}", self._command, **self._environment)
        self.workers.append(worker)
        return worker

    def remove(self, worker: Worker) -> int:
        """Forget a worker that is ending; its exit code."""
        code = worker.ended(40)
        self.workers.remove(worker)
        self.endings.append((worker.name, code))
        return code

    def tend(self) -> None:
        """Start again what ended without being told to."""
        for worker in [each for each in self.workers if not each.running]:
            self.remove(worker)
            self.start()

    def end_all(self) -> None:
        """SIGTERM to all, and wait."""
        for worker in self.workers:
            worker.ask_to_end()
        for worker in list(self.workers):
            self.remove(worker)

    def logs(self) -> list[Path]:
        """What every worker printed, those gone included."""
        return sorted(self.deployment.home.glob("worker-*.log"))
