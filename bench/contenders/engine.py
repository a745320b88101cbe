"""Our engine with the common job instead of the product's rules: what the engine alone is worth."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from faust.types import TP
from prometheus_client import CollectorRegistry

from bench.contenders.common import CommonContender
from bench.contenders.common_members import CommonPartition, read
from bench.contenders.memberpulse import settings_for
from bench.job import Job, tell_progress
from bench.loading import make_topics
from bench.workload import Standing
from streams.engine.app import BatchApp
from streams.engine.outbox import Outbox
from streams.instants import parse_instant
from streams.metrics.scorer import ScorerMetrics
from streams.stream_process import engine_settings, run
from streams.watching import ScorerObserver

#: Changed members of a partition that make it cut before the second is over: more than there are, since the job is to
#: commit every second. A state takes some 200 bytes here; the product's takes five times as much, so it cuts earlier.
_DIRTY_ROWS: Final = 250_000


class CommonEngine(CommonContender):
    """See the module."""

    name = "engine"
    title = "Memberpulse's engine"
    most = 3_000_000

    def __init__(self, folder: Path, *, compiled: bool) -> None:
        """``folder`` holds the build."""
        self.folder = folder
        if compiled:
            self.name, self.title = "engine-compiled", "Memberpulse's engine, compiled"

    def prepare(self, job: Job) -> None:
        """Both its topics: the engine leaves them to ``topics apply``."""
        make_topics(job.bootstrap, list(self.written(job)), job.partitions)

    def command(self, job: Job) -> Sequence[str]:
        """This module as a process."""
        return [sys.executable, "-m", "bench.contenders.engine", job.argument()]

    def results(self, job: Job) -> str:
        """The changelog."""
        return settings_for(job).changelog_topic

    def standing(self, value: bytes) -> Standing:
        """What a row says."""
        member = read(b"", value)
        return member.count, member.spent, parse_instant(member.last)


def main() -> int:
    """Count until SIGTERM."""
    job = Job.from_arguments()
    settings = settings_for(job)
    registry = CollectorRegistry()

    def make() -> BatchApp:
        def new_partition(tp: TP, outbox: Outbox) -> CommonPartition:
            return CommonPartition(tp, outbox.put, f"{job.name}-tier-changes")

        engine = replace(engine_settings(settings, "score"), dirty_rows_limit=_DIRTY_ROWS)
        app = BatchApp(engine, new_partition, ScorerObserver(ScorerMetrics(registry)))
        app.source(job.topic, job.partitions)
        app.remember("members", job.partitions)
        return app

    async def beside(app: BatchApp, stop: asyncio.Event) -> None:
        # The first records of all are the partitions' policies.
        await tell_progress(lambda: max(0, app.absorbed - job.partitions), stop)

    return run(settings, "score", 0, registry, make, beside)


if __name__ == "__main__":
    sys.exit(main())
