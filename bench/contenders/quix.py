"""Quix Streams: ``peers/quix_streams.py``, its state in RocksDB with a changelog in Kafka, commits every second."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from bench.contenders.common import CommonContender
from bench.job import Job
from bench.peer_environments import PROGRAMS, python_with

_REQUIREMENTS: Final = ("quixstreams==3.28.1", "orjson==3.13.0")


class QuixStreams(CommonContender):
    """See the module."""

    name = "quix"
    title = "Quix Streams 3.28.1"

    def __init__(self, state: Path) -> None:
        """``state`` is a directory to keep stores in. Raises ``PeerUnavailableError``."""
        self._state = state
        self._python = python_with("quix", _REQUIREMENTS)

    def command(self, job: Job) -> Sequence[str]:
        """The program under its own Python."""
        state = mkdtemp(prefix=f"{job.name}-", dir=self._state)
        return [str(self._python), str(PROGRAMS / "quix_streams.py"), job.name, job.bootstrap, job.topic, state]

    def results(self, job: Job) -> str:
        """The changelog, as Quix names it."""
        return f"changelog__{job.name}--{job.topic}--default"

    def member(self, key: bytes) -> bytes:
        """The key of a state's entry begins with the member's."""
        return key.partition(b"|")[0]
