"""Ingest as a process: settings in, exit code out."""

from faust.types import TP
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry

from streams.config import Settings
from streams.dead_letters import Ceiling
from streams.engine.app import BatchApp
from streams.engine.fencing import end_process
from streams.engine.outbox import Outbox
from streams.exits import CommandError, ExitCode
from streams.ingest.partition import SourcePartition
from streams.kafka_clients import admin_settings
from streams.mapping import Mapping, MappingFileError
from streams.metrics.ingest import IngestMetrics
from streams.pseudonyms import Pseudonyms
from streams.refusing import Refuser
from streams.stream_process import engine_settings, run
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, SHOP_TRAFFIC
from streams.watching import GroupObserver


def load_mappings(settings: Settings) -> dict[str, Mapping]:
    """The mapping of each source topic. Raises :class:`CommandError` with every problem of every file."""
    mappings: dict[str, Mapping] = {}
    problems: list[str] = []
    pseudonyms = Pseudonyms(settings.pseudonyms)
    for source in settings.ingest.sources:
        try:
            mappings[source.topic] = Mapping.load(source.mapping, pseudonyms)
        except MappingFileError as error:
            problems.append(str(error))
    if problems:
        raise CommandError("\n".join(problems), ExitCode.CONFIG, where="setting ingest.sources")
    return mappings


def refuse_missing_sources(settings: Settings) -> None:
    """Raise :class:`CommandError` for source topics that do not exist or have another partition count than the settings
    say.
    """
    admin = KafkaAdminClient(**admin_settings(settings))
    try:
        present = set(admin.list_topics())
        missing = [source.topic for source in settings.ingest.sources if source.topic not in present]
        found = {
            topic["name"]: len(topic["partitions"])
            for topic in admin.describe_topics([s.topic for s in settings.ingest.sources if s.topic in present])
        }
    finally:
        admin.close()
    wrong = [f"{topic} does not exist" for topic in missing] + [
        f"{source.topic} has {found[source.topic]} partitions, the setting says {source.partitions}"
        for source in settings.ingest.sources
        if source.topic in found and found[source.topic] != source.partitions
    ]
    if wrong:
        raise CommandError(
            "the upstream topics are not as the settings say",
            ExitCode.CONFIG,
            where="; ".join(wrong),
            remedy="correct ingest.sources, or create the topics: memberpulse topics apply --with-sources",
        )


def build(settings: Settings, metrics: IngestMetrics) -> BatchApp:
    """The ingest Faust app."""
    mappings = load_mappings(settings)
    names = {name: settings.topic(name) for name in (MEMBER_EVENTS, SHOP_TRAFFIC)}
    partition_count = settings.kafka.partitions

    def new_partition(tp: TP, outbox: Outbox) -> SourcePartition:
        ceiling = Ceiling() if settings.score.halt_on_bad_input else None
        letters = (settings.topic(DEAD_LETTERS), tp.partition % partition_count)
        refuser = Refuser(
            tp, outbox, letters, metrics.dead_letters, ceiling, end_process, tell=settings.pseudonyms.secret is None
        )
        return SourcePartition(tp, outbox, mappings[tp.topic], names, partition_count, refuser, metrics.records)

    app = BatchApp(engine_settings(settings, "ingest"), new_partition, GroupObserver(metrics))
    for source in settings.ingest.sources:
        app.source(source.topic, source.partitions)
    return app


def main(settings: Settings) -> int:
    """Ingest until a signal ends it; the exit code."""
    load_mappings(settings)
    refuse_missing_sources(settings)
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    return run(settings, "ingest", settings.metrics.ingest_port, registry, lambda: build(settings, metrics))
