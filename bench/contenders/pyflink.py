"""PyFlink: ``peers/pyflink_job.py``, Python inside Java (thread mode), a checkpoint of its state every second.

Its other mode, a Python process beside Java, does a sixth of the orders per CPU second.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from bench.contenders.common import CommonContender
from bench.job import Job
from bench.loading import make_topics
from bench.peer_environments import PROGRAMS, PeerUnavailableError, jar, java_home, python_with
from bench.workload import Standing

_REQUIREMENTS: Final = ("apache-flink==2.2.1",)
_CONNECTOR: Final = ("org.apache.flink", "flink-sql-connector-kafka", "5.0.0-2.2")


class PyFlink(CommonContender):
    """See the module."""

    name = "pyflink"
    title = "PyFlink 2.2.1, thread mode"

    def __init__(self, state: Path) -> None:
        """``state`` is a directory to keep checkpoints in. Raises ``PeerUnavailableError``."""
        self._state = state
        self._java = java_home()
        self._connector = jar(*_CONNECTOR)
        self._python = python_with("pyflink", _REQUIREMENTS)
        found = subprocess.run([str(self._python), "-m", "find_libpython"], capture_output=True, text=True, check=False)
        if not found.stdout.strip():
            raise PeerUnavailableError("PyFlink's thread mode needs a Python with a shared library (libpython)")

    def prepare(self, job: Job) -> None:
        """Both its topics: what it remembers is not in Kafka."""
        make_topics(job.bootstrap, list(self.written(job)), job.partitions)

    def command(self, job: Job) -> Sequence[str]:
        """The program under its own Python, with the state of this round in a directory of its own."""
        state = mkdtemp(prefix=f"{job.name}-", dir=self._state)
        return [
            *(str(self._python), str(PROGRAMS / "pyflink_job.py")),
            *(job.name, job.bootstrap, job.topic, state, str(self._java), str(self._connector)),
        ]

    def results(self, job: Job) -> str:
        """What the job writes at the end."""
        return f"{job.name}-standings"

    def member(self, key: bytes) -> bytes:
        """Flink's text serializers write the same text as key and value: the member first."""
        return key.partition(b"|")[0]

    def standing(self, value: bytes) -> Standing:
        """The list behind the member."""
        return super().standing(value.partition(b"|")[2])
