"""Faust as its manual teaches it: one agent, one Table, default settings. It counts, sums, keeps the last time."""

import sys
from collections.abc import Sequence
from typing import Any, Final

import orjson

from bench.job import Job, tell_progress
from bench.workload import Standing
from streams.instants import parse_instant
from streams.topics import PARTITION_KEY

_TABLE: Final = "standings"


class StockFaust:
    """See the module."""

    name: Final = "faust"
    title: Final = "Faust agent with a Table, counting only"
    whole: Final = False
    folder: Final = None

    def prepare(self, job: Job) -> None:
        """Nothing: Faust makes its own topics."""

    def command(self, job: Job) -> Sequence[str]:
        """This module as a process."""
        return [sys.executable, "-m", __name__, job.argument()]

    def results(self, job: Job) -> str:
        """The table's changelog."""
        return f"{job.name}-{_TABLE}-changelog"

    def standing(self, value: bytes) -> Standing:
        """What the agent keeps of a member."""
        count, spent, last = orjson.loads(value)
        return count, spent, parse_instant(last)

    def written(self, job: Job) -> Sequence[str]:
        """The changelog, and the topic in which Faust elects a leader."""
        return [self.results(job), f"{job.name}-__assignor-__leader"]

    def dead_letters(self, job: Job) -> None:
        """There is none."""


def main() -> None:
    """Run the app until SIGTERM."""
    import faust  # noqa: PLC0415  half a second that the bench itself need not spend

    job = Job.from_arguments()
    app: Any = faust.App(
        job.name,
        broker=f"kafka://{job.bootstrap}",
        store="memory://",
        topic_partitions=job.partitions,
        topic_replication_factor=1,
        web_enabled=False,
    )
    orders = app.topic(job.topic, value_serializer="raw", key_serializer="raw", partitions=job.partitions)
    table = app.Table(_TABLE, default=bytes, partitions=job.partitions, key_type=bytes, value_type=bytes)
    handled = 0

    @app.agent(orders)  # type: ignore[untyped-decorator]
    async def count(stream: Any) -> None:
        nonlocal handled
        async for key, value in stream.items():
            if key == PARTITION_KEY:
                continue
            order = orjson.loads(value)
            known = table[key]
            standing: list[Any] = orjson.loads(known) if known else [0, 0, ""]
            standing[0] += 1
            standing[1] += order["net_amount"]
            standing[2] = order["occurred_at"]
            table[key] = orjson.dumps(standing)
            handled += 1

    @app.task  # type: ignore[untyped-decorator]
    async def progress() -> None:
        await tell_progress(lambda: handled)

    sys.argv[1:] = ["worker", "--without-web", "--loglevel", "warn"]
    app.main()


if __name__ == "__main__":
    main()
