"""Faust as its manual teaches it: one agent, one Table, default settings, doing the common job."""

import sys
from collections.abc import Sequence
from typing import Any, Final

import orjson

from bench.common_job import CHANGE, TIERS, tier_of
from bench.contenders.common import CommonContender
from bench.job import Job, tell_progress
from streams.topics import PARTITION_KEY

_TABLE: Final = "standings"


class StockFaust(CommonContender):
    """See the module."""

    name = "faust"
    title = "Faust agent with a Table, as the manual teaches"
    most = 60_000

    def command(self, job: Job) -> Sequence[str]:
        """This module as a process."""
        return [sys.executable, "-m", __name__, job.argument()]

    def results(self, job: Job) -> str:
        """The table's changelog."""
        return f"{job.name}-{_TABLE}-changelog"

    def written(self, job: Job) -> Sequence[str]:
        """As all, and the topic in which Faust elects a leader."""
        return [*super().written(job), f"{job.name}-__assignor-__leader"]


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
    changes = app.topic(f"{job.name}-tier-changes", value_serializer="raw", key_serializer="raw")
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
            number, spent, before, _ = orjson.loads(known) if known else (0, 0, 0, "")
            spent += order["net_amount"]
            tier = tier_of(spent)
            table[key] = orjson.dumps([number + 1, spent, tier, order["occurred_at"]])
            if tier != before:
                await changes.send(key=key, value=CHANGE % (key, ord(TIERS[before]), ord(TIERS[tier]), spent))
            handled += 1

    @app.task  # type: ignore[untyped-decorator]
    async def progress() -> None:
        await tell_progress(lambda: handled)

    sys.argv[1:] = ["worker", "--without-web", "--loglevel", "warn"]
    app.main()


if __name__ == "__main__":
    main()
