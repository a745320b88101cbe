"""Are the topics as they have to be, and what has to be done about it?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from streams.config import Settings
from streams.topics import DAY_MS, SPECS


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTopic:
    """A topic by its physical name, as it has to be."""

    name: str
    carries: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTopic:
    """A topic as the broker describes it; ``config`` holds at least the keys that were asked for."""

    partitions: int
    config: Mapping[str, str]


class Action(StrEnum):
    """What a topic needs."""

    NOTHING = "nothing"
    CREATE = "create"
    CONFIGURE = "configure"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one topic needs; ``drift`` names each setting with what is wanted and what was found."""

    topic: WantedTopic
    action: Action
    found_partitions: int | None
    drift: tuple[tuple[str, str, str], ...] = ()


def wanted_topics(settings: Settings, *, with_sources: bool = False) -> list[WantedTopic]:
    """Every topic of this deployment: those of :mod:`streams.topics`, the changelog and, on request, the upstream
    topics.
    """
    wanted = [
        WantedTopic(
            name=settings.topic(spec.name),
            carries=spec.carries,
            partitions=spec.partitions or settings.kafka.partitions,
            config=dict(spec.config),
        )
        for spec in SPECS
    ]
    wanted.append(
        WantedTopic(
            name=settings.changelog_topic,
            carries="the members' state, remembered by the scorer",
            partitions=settings.kafka.partitions,
            config={
                "cleanup.policy": "compact",
                "min.compaction.lag.ms": str(DAY_MS),
                # As of the topics that keep the last of each key: rows of erased members do not stay.
                "max.compaction.lag.ms": str(7 * DAY_MS),
            },
        )
    )
    if with_sources:
        wanted += [
            WantedTopic(name=source.topic, carries="your own records", partitions=source.partitions, config={})
            for source in settings.ingest.sources
        ]
    return wanted


def plan(wanted: Iterable[WantedTopic], found: Mapping[str, FoundTopic]) -> list[Step]:
    """Compare; a topic with another partition count is refused, whatever else is right about it."""
    return [_step(topic, found.get(topic.name)) for topic in wanted]


def look(admin: KafkaAdminClient, wanted: Sequence[WantedTopic]) -> dict[str, FoundTopic]:
    """Ask the broker how those of the wanted topics that exist are laid out."""
    existing = set(admin.list_topics())
    topics = [topic for topic in wanted if topic.name in existing]
    if not topics:
        return {}
    counts = {each["name"]: len(each["partitions"]) for each in admin.describe_topics([topic.name for topic in topics])}
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, list(topic.config)) for topic in topics if topic.config
    ]
    configs = admin.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    return {
        topic.name: FoundTopic(
            partitions=counts[topic.name],
            config={key: str(entry["value"]) for key, entry in configs.get(topic.name, {}).items()},
        )
        for topic in topics
    }


def carry_out(admin: KafkaAdminClient, steps: Iterable[Step], replication: int) -> None:
    """Create and configure; a topic that somebody else created meanwhile is left as it is.

    Raises:
        kafka.errors.KafkaError: the broker refused; a second call goes on where this one stopped.
    """
    for step in steps:
        if step.action is Action.CREATE:
            _create(admin, step.topic, replication)
        elif step.action is Action.CONFIGURE:
            changes = {key: wanted for key, wanted, _ in step.drift}
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, step.topic.name, changes)])


def _create(admin: KafkaAdminClient, topic: WantedTopic, replication: int) -> None:
    layout = {"num_partitions": topic.partitions, "replication_factor": replication, "configs": dict(topic.config)}
    try:
        admin.create_topics({topic.name: layout}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return


def _step(topic: WantedTopic, found: FoundTopic | None) -> Step:
    if found is None:
        return Step(topic=topic, action=Action.CREATE, found_partitions=None)
    drift = tuple(
        (key, value, found.config.get(key, "not set"))
        for key, value in topic.config.items()
        if found.config.get(key) != value
    )
    action = Action.CONFIGURE if drift else Action.NOTHING
    if found.partitions != topic.partitions:
        action = Action.REFUSE
    return Step(topic=topic, action=action, found_partitions=found.partitions, drift=drift)
