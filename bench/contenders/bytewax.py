"""Bytewax with its recovery store: ``peers/bytewax_flow.py``, a snapshot into SQLite every second."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from bench.contenders.common import CommonContender
from bench.job import Job
from bench.loading import make_topics
from bench.peer_environments import PROGRAMS, python_with

_REQUIREMENTS: Final = ("bytewax[kafka]==0.21.1", "orjson==3.13.0")


class Bytewax(CommonContender):
    """See the module."""

    name = "bytewax"
    title = "Bytewax 0.21.1 with recovery"

    def __init__(self, state: Path) -> None:
        """``state`` is a directory to keep stores in. Raises ``PeerUnavailableError``."""
        self._state = state
        self._python = python_with("bytewax", _REQUIREMENTS)

    def prepare(self, job: Job) -> None:
        """Both its topics: what it remembers is not in Kafka."""
        make_topics(job.bootstrap, list(self.written(job)), job.partitions)

    def command(self, job: Job) -> Sequence[str]:
        """The program under its own Python."""
        state = mkdtemp(prefix=f"{job.name}-", dir=self._state)
        return [str(self._python), str(PROGRAMS / "bytewax_flow.py"), job.name, job.bootstrap, job.topic, state]

    def results(self, job: Job) -> str:
        """What the flow writes at the end."""
        return f"{job.name}-standings"
