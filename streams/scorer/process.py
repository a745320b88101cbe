"""The scorer as a process: settings in, exit code out."""

import asyncio

from faust.types import TP
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry

from scoring.policy import Policy
from streams.config import Settings
from streams.cuts.census import census_taker
from streams.dead_letters import Ceiling
from streams.engine.app import BatchApp
from streams.engine.disk_rows import DiskStore
from streams.engine.fencing import end_process
from streams.engine.outbox import Outbox
from streams.exits import CommandError, ExitCode
from streams.kafka_clients import admin_settings
from streams.metrics.scorer import ScorerMetrics
from streams.outcome_records import OutcomeRecords
from streams.refusing import Refuser
from streams.scorer.partition import MemberPartition
from streams.scorer.policy_in_force import say_policy_in_force
from streams.scorer.row_store import open_store
from streams.scorer.tally import Tally
from streams.signing import Signatures
from streams.stream_process import engine_settings, run
from streams.ticker.due_counts import BUCKET_MS, DueCount, encode_due_count
from streams.topic_admin import Action, look, plan, wanted_topics
from streams.topics import (
    CUT_SKETCHES,
    DEAD_LETTERS,
    DUE_COUNTS,
    MEMBER_EVENTS,
    MEMBER_SCORES,
    OUTCOME_TOPICS,
)
from streams.watching import ScorerObserver


def refuse_wrong_topics(settings: Settings) -> None:
    """Raise :class:`CommandError` when a topic is missing or has another partition count than the settings say.

    A member's partition is the hash of their id modulo the count: with another count their state would be looked for
    elsewhere.
    """
    admin = KafkaAdminClient(**admin_settings(settings))
    try:
        wanted = wanted_topics(settings)
        steps = plan(wanted, look(admin, wanted))
    finally:
        admin.close()
    wrong = [step for step in steps if step.action in (Action.CREATE, Action.REFUSE)]
    if wrong:
        raise CommandError(
            "the topics are not as this deployment needs them",
            ExitCode.CONFIG,
            where="; ".join(
                f"{step.topic.name}: {step.found_partitions or 0} partitions found, {step.topic.partitions} wanted"
                for step in wrong
            ),
            remedy="see memberpulse topics plan; memberpulse topics apply creates what is missing",
        )


def build(settings: Settings, metrics: ScorerMetrics, store: DiskStore | None = None) -> BatchApp:
    """The scorer's Faust app, with its rows in ``store`` or in memory."""
    partition_count = settings.kafka.partitions
    signatures = Signatures(settings.signing)

    # Looked up per outcome, so joined with the prefix only once.
    names = {name: settings.topic(name) for name in (*OUTCOME_TOPICS, MEMBER_SCORES, MEMBER_EVENTS)}

    def records_for(policy: Policy) -> OutcomeRecords:
        return OutcomeRecords(policy, settings.score.epoch)

    def new_partition(tp: TP, outbox: Outbox) -> MemberPartition:
        ceiling = Ceiling() if settings.score.halt_on_bad_input else None
        letters = (settings.topic(DEAD_LETTERS), tp.partition)
        tally = Tally(tp, Refuser(tp, outbox, letters, metrics.dead_letters, ceiling, end_process), metrics)
        census = census_taker(outbox.put, settings.topic(CUT_SKETCHES), tp.partition, settings.score.epoch)
        partition = MemberPartition(
            tp, outbox.put, tally, names.__getitem__, records_for, partition_count, end_process, census
        )
        partition.signatures = signatures
        if store is not None:
            partition.rows = store.rows(tp)
        return partition

    app = BatchApp(engine_settings(settings, "score"), new_partition, ScorerObserver(metrics))
    app.source(settings.topic(MEMBER_EVENTS), partition_count)
    app.remember("members", partition_count)
    return app


async def publish_due_counts(app: BatchApp, settings: Settings, metrics: ScorerMetrics, stop: asyncio.Event) -> None:
    """Tell the ticker how many members fall due soon, and Prometheus how many there are, until ``stop`` is set."""
    topic = settings.topic(DUE_COUNTS)
    period = min(settings.ticker.interval_seconds, 30.0)
    while not stop.is_set():
        for tp, partition in app.partitions.items():
            if not isinstance(partition, MemberPartition) or not app.tables.actives_ready:
                continue
            counts = DueCount(
                tp.partition, len(partition.rows), partition.swept_until, tuple(partition.due.counts(BUCKET_MS))
            )
            app.outbox.put(topic, 0, counts.key(), encode_due_count(counts))
            metrics.members.labels(str(tp.partition)).set(len(partition.rows))
            metrics.dirty_rows.labels(str(tp.partition)).set(partition.dirty_count)
        try:
            await asyncio.wait_for(stop.wait(), period)
        except TimeoutError:
            continue


def main(settings: Settings) -> int:
    """Score until a signal ends it; the exit code."""
    refuse_wrong_topics(settings)
    say_policy_in_force(settings)
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)

    async def beside(app: BatchApp, stop: asyncio.Event) -> None:
        await publish_due_counts(app, settings, metrics, stop)

    store = open_store(settings)
    try:
        return run(
            settings, "score", settings.metrics.score_port, registry, lambda: build(settings, metrics, store), beside
        )
    finally:
        if store is not None:
            store.close()
