"""Our engine with the common job instead of the product's rules: what the engine alone is worth."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec
from faust.types import TP
from prometheus_client import CollectorRegistry

from bench.common_job import CHANGE, TIERS, tier_of
from bench.contenders.common import CommonContender
from bench.contenders.memberpulse import settings_for
from bench.job import Job, tell_progress
from bench.loading import make_topics
from bench.workload import Standing
from streams.engine.app import BatchApp
from streams.engine.batches import Record
from streams.engine.outbox import Outbox, Put
from streams.engine.partition import RowPartition
from streams.engine.sending import NO_HEADERS
from streams.instants import parse_instant
from streams.metrics import ScorerMetrics
from streams.stream_process import engine_settings, run
from streams.topics import PARTITION_KEY
from streams.watching import ScorerObserver

# Offset, count, sum, tier; the last time follows as text.
_HEAD: Final = Struct("<qqqB")
_OFFSET: Final = Struct("<q")


class Paid(msgspec.Struct, gc=False):
    """What the job reads of an order."""

    net_amount: int
    occurred_at: str


class Count:
    """A member who has changed since the last cut."""

    __slots__ = ("count", "last", "offset", "spent", "tier")

    def __init__(self, offset: int, count: int, spent: int, tier: int, last: str) -> None:
        self.offset = offset
        self.count = count
        self.spent = spent
        self.tier = tier
        self.last = last


_decode: Final = msgspec.json.Decoder(Paid).decode


class CommonPartition(RowPartition):
    """The common job's members of one partition."""

    def __init__(self, tp: TP, put: Put, changes: str) -> None:
        super().__init__(tp)
        self._put = put
        self._changes = changes
        self._live: dict[bytes, Count] = {}

    def absorb(self, records: Sequence[Record]) -> None:
        """Count every order."""
        live, rows = self._live, self.rows
        for record in records:
            key = record.key
            value = record.value
            if key is None or value is None or key == PARTITION_KEY:
                continue
            member = live.get(key)
            if member is None:
                row = rows.get(key)
                member = live[key] = Count(-1, 0, 0, 0, "") if row is None else _read(row)
            if record.offset <= member.offset:
                continue
            order = _decode(value)
            member.offset = record.offset
            member.count += 1
            member.spent += order.net_amount
            member.last = order.occurred_at
            tier = tier_of(member.spent)
            if tier != member.tier:
                change = CHANGE % (key, ord(TIERS[member.tier]), ord(TIERS[tier]), member.spent)
                self._put(self._changes, self.tp.partition, key, change, NO_HEADERS)
                member.tier = tier

    @property
    def dirty_count(self) -> int:
        """Members changed since the last cut."""
        return len(self._live)

    def take_dirty(self) -> list[tuple[bytes, bytes | None]]:
        """Changed members as rows."""
        rows = self.rows
        dirty: list[tuple[bytes, bytes | None]] = []
        for key, member in self._live.items():
            row = _HEAD.pack(member.offset, member.count, member.spent, member.tier) + member.last.encode()
            rows[key] = row
            dirty.append((key, row))
        self._live = {}
        return dirty

    def payload(self) -> bytes:
        """Nothing belongs to the whole partition."""
        return b""

    def offset_of(self, row: bytes) -> int:
        """The source offset a row has absorbed."""
        offset: int = _OFFSET.unpack_from(row)[0]
        return offset

    async def restored(self) -> None:
        """Nothing derives from the rows."""


def _read(row: bytes) -> Count:
    offset, count, spent, tier = _HEAD.unpack_from(row)
    return Count(offset, count, spent, tier, row[_HEAD.size :].decode())


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
        member = _read(value)
        return member.count, member.spent, parse_instant(member.last)


def main() -> int:
    """Count until SIGTERM."""
    job = Job.from_arguments()
    settings = settings_for(job)
    registry = CollectorRegistry()

    def make() -> BatchApp:
        def new_partition(tp: TP, outbox: Outbox) -> CommonPartition:
            return CommonPartition(tp, outbox.put, f"{job.name}-tier-changes")

        app = BatchApp(engine_settings(settings, "score"), new_partition, ScorerObserver(ScorerMetrics(registry)))
        app.source(job.topic, job.partitions)
        app.remember("members", job.partitions)
        return app

    async def beside(app: BatchApp, stop: asyncio.Event) -> None:
        # The first records of all are the partitions' policies.
        await tell_progress(lambda: max(0, app.absorbed - job.partitions), stop)

    return run(settings, "score", 0, registry, make, beside)


if __name__ == "__main__":
    sys.exit(main())
