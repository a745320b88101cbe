"""The product: the scorer worker as it is shipped, with the shipped policy, outcomes, scores, changelog and commits."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bench.job import TELL_EVERY_S, Job, tell, tell_progress
from bench.workload import Standing
from streams.config import KafkaSettings, ScoreSettings, Settings
from streams.engine.app import BatchApp
from streams.engine.partition import RowPartition
from streams.kafka_clients import admin_settings
from streams.metrics.scorer import ScorerMetrics
from streams.scorer.process import build, publish_due_counts
from streams.scorer.row_store import open_store
from streams.stream_process import run
from streams.topic_admin import carry_out, look, plan, wanted_topics
from streams.topics import DEAD_LETTERS, DUE_COUNTS, MEMBER_EVENTS, MEMBER_SCORES, OUTCOME_TOPICS
from streams.watching import ScorerObserver


class BenchSettings(Settings):
    """The defaults, whatever this machine's environment says; ``member-events`` is shared between rounds."""

    events_topic: str

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments only."""
        return (init_settings,)

    def topic(self, name: str) -> str:
        """The shared input, and everything else under the round's prefix."""
        return self.events_topic if name == MEMBER_EVENTS else super().topic(name)


def settings_for(job: Job) -> BenchSettings:
    """A deployment of its own for one round."""
    kafka = KafkaSettings(bootstrap=job.bootstrap, topic_prefix=f"{job.name}-", partitions=job.partitions)
    score = ScoreSettings() if job.disk is None else ScoreSettings(store="disk", store_directory=Path(job.disk))
    return BenchSettings(kafka=kafka, score=score, events_topic=job.topic)


class Memberpulse:
    """See the module."""

    most: Final = 1_000_000

    def __init__(self, folder: Path, *, compiled: bool) -> None:
        """``folder`` holds the build."""
        self.folder = folder
        self.name = "memberpulse-compiled" if compiled else "memberpulse"
        self.title = f"Memberpulse scorer, {'compiled' if compiled else 'pure Python'}"

    def prepare(self, job: Job) -> None:
        """Its topics, as ``memberpulse topics apply`` makes them; the policy came with the orders."""
        settings = settings_for(job)
        admin = KafkaAdminClient(**admin_settings(settings))
        try:
            wanted = wanted_topics(settings)
            carry_out(admin, plan(wanted, look(admin, wanted)), settings.kafka.replication)
        finally:
            admin.close()

    def command(self, job: Job) -> Sequence[str]:
        """This module as a process."""
        return [sys.executable, "-m", "bench.contenders.memberpulse", job.argument()]

    def results(self, job: Job) -> str:
        """The compacted scores."""
        return settings_for(job).topic(MEMBER_SCORES)

    def standing(self, value: bytes) -> Standing:
        """Frequency, monetary value and last purchase of a score: all orders lie within the window."""
        score = orjson.loads(value)
        return score["frequency"], score["monetary"], score["last_purchase_ms"] or 0

    def member(self, key: bytes) -> bytes:
        """The key is the member id."""
        return key

    def tier_changes(self, job: Job) -> None:
        """Its tiers are those of the policy, not of the common job."""

    def written(self, job: Job) -> Sequence[str]:
        """Outcomes, scores and the changelog, and what else it may write."""
        settings = settings_for(job)
        names = (*OUTCOME_TOPICS, MEMBER_SCORES, DEAD_LETTERS, DUE_COUNTS)
        return [*map(settings.topic, names), settings.changelog_topic]

    def dead_letters(self, job: Job) -> str:
        """Where refused orders would lie."""
        return settings_for(job).topic(DEAD_LETTERS)


class _TimedObserver(ScorerObserver):
    """Also notes when recovery began and how many changelog records it read."""

    began = 0.0
    records = 0

    def recovery(self, running: bool, seconds: float) -> None:  # noqa: FBT001  the engine's signature
        super().recovery(running, seconds)
        if running and not self.began:
            self.began = perf_counter()

    def recovered(self, records: int, remaining: int) -> None:
        super().recovered(records, remaining)
        self.records += records


def main() -> int:
    """Score until SIGTERM; tell progress, and once how long recovery took."""
    settings = settings_for(Job.from_arguments())
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    observer = _TimedObserver(metrics)
    store = open_store(settings)

    def make() -> BatchApp:
        app = build(settings, metrics, store)
        app.observer = observer
        return app

    async def tell_recovery(app: BatchApp, stop: asyncio.Event) -> None:
        # The app starts beside us and has no cutter at first.
        while not (hasattr(app, "cutter") and app.cutter.allowed):
            if stop.is_set():
                return
            await asyncio.sleep(TELL_EVERY_S / 2)
        members = sum(
            len(partition.rows) for partition in app.partitions.values() if isinstance(partition, RowPartition)
        )
        tell(recovered=observer.records, seconds=perf_counter() - observer.began, members=members)

    async def beside(app: BatchApp, stop: asyncio.Event) -> None:
        await asyncio.gather(
            tell_recovery(app, stop),
            # The first records of all are the partitions' policies.
            tell_progress(lambda: max(0, app.absorbed - settings.kafka.partitions), stop),
            publish_due_counts(app, settings, metrics, stop),
        )

    return run(settings, "score", 0, registry, make, beside)


if __name__ == "__main__":
    sys.exit(main())
