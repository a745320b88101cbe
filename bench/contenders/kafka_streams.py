"""Kafka Streams on the same Java as the broker: with its defaults, and with the best settings found."""

from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from tempfile import mkdtemp
from typing import Final

from bench.contenders.common import CommonContender
from bench.job import Job
from bench.peer_environments import java_program
from bench.workload import Standing
from streams.instants import parse_instant

_HEAD: Final = Struct(">qqb")


class KafkaStreams(CommonContender):
    """``peers/CommonJob.java``; ``memory`` keeps the store in memory and batches longer, else RocksDB and defaults."""

    # Java begins slowly; the others are as fast at once.
    most = 3_000_000

    def __init__(self, state: Path, *, memory: bool) -> None:
        """``state`` is a directory to keep stores in. Raises ``PeerUnavailableError``."""
        self.name = "kafka-streams-best" if memory else "kafka-streams"
        self.title = f"Kafka Streams, {'best settings: store in memory, no cache' if memory else 'default settings'}"
        self._store = "memory" if memory else "rocksdb"
        self._state = state
        self._program = java_program("CommonJob")

    def command(self, job: Job) -> Sequence[str]:
        """The Java process, with the state of this round in a directory of its own."""
        state = mkdtemp(prefix=f"{job.name}-", dir=self._state)
        program = self._program
        return [
            str(program.launcher),
            *("-cp", program.classpath, program.main),
            *(job.name, job.bootstrap, job.topic, self._store, state),
        ]

    def results(self, job: Job) -> str:
        """The store's changelog."""
        return f"{job.name}-standings-changelog"

    def standing(self, value: bytes) -> Standing:
        """Count, sum and last time; see the program."""
        count, spent, _ = _HEAD.unpack_from(value)
        return count, spent, parse_instant(value[_HEAD.size :].decode())
