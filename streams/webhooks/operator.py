"""What an operator asks and tells the deliverers. Blocking; every function may raise ``kafka.errors.KafkaError``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.lag import PartitionLag, measured_topic
from streams.log_reading import admin_client, committed, log_consumer, scan, spans
from streams.log_writing import NewRecord, write
from streams.topics import CONTROL, UNDELIVERED
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.group import group_role
from streams.webhooks.standing import HALTED, Standing, Standings, encoded, standing_key
from streams.webhooks.undelivered import Undelivered, waiting_in


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatus:
    """One endpoint as the log shows it. ``standing`` is None before its first delivery.

    ``behind`` counts outcomes that are not handled yet, filtered ones included. ``waiting_seconds`` is the age of the
    oldest of them, None without one. ``undelivered`` counts those that were set aside. ``is_live`` says whether a
    process delivers to it at this moment.
    """

    name: str
    url: str
    state: str
    standing: Standing | None
    behind: int
    waiting_seconds: float | None
    undelivered: int
    is_live: bool


def status(settings: Settings, endpoints: Mapping[str, Endpoint], now: int) -> list[EndpointStatus]:
    """How it stands with every endpoint; ``now`` is epoch milliseconds."""
    found = []
    with admin_client(settings) as admin, log_consumer(settings) as consumer:
        standings = _standings(settings, consumer)
        set_aside = Counter(each.endpoint for each in _undelivered(settings, consumer))
        for name, endpoint in endpoints.items():
            lags = _lags(settings, admin, consumer, name, endpoint, now)
            standing = standings.of(name)
            state = "new" if standing is None else standing.state
            found.append(
                EndpointStatus(
                    name=name,
                    url=endpoint.shown_url,
                    state="paused" if endpoint.paused else state,
                    standing=standing,
                    # Where nothing was ever committed the endpoint begins at the end: nothing waits for it.
                    behind=sum(each.behind for each in lags if each.committed is not None),
                    waiting_seconds=max(
                        (
                            each.waiting_seconds
                            for each in lags
                            if each.committed is not None and each.waiting_seconds is not None
                        ),
                        default=None,
                    ),
                    undelivered=set_aside[name],
                    is_live=_is_live(admin, settings.group(group_role(name))),
                )
            )
    return found


def enable(settings: Settings, name: str, *, actor: str, reason: str, now: int) -> None:
    """Let a dead or gone endpoint get outcomes again, from where it was; ``now`` is epoch milliseconds.

    Raises:
        CommandError: exit 75, where it has to be said first where to begin; 64 where nothing is halted.
    """
    with log_consumer(settings) as consumer:
        standing = _standings(settings, consumer).of(name)
    if standing is None or standing.state not in HALTED:
        raise CommandError(
            f"endpoint {name} is not halted: it is {'new' if standing is None else standing.state}",
            ExitCode.USAGE,
            remedy="none needed; for paused = true, change the file and start the deliverer again",
        )
    if standing.state == "lost":
        raise CommandError(
            f"endpoint {name} cannot go on: {standing.reason}",
            ExitCode.TEMPORARY,
            remedy=f"say where to begin: memberpulse deliver replay {name} --from TIME",
        )
    _say(settings, name, Standing("delivering", now, reason, actor))


def replay(settings: Settings, name: str, endpoint: Endpoint, *, since_ms: int, actor: str, now: int) -> int:
    """Begin again with the outcomes written at or after ``since_ms`` (epoch ms); how many records that are.

    Raises:
        CommandError: exit 75, while a process delivers to the endpoint.
    """
    group = settings.group(group_role(name))
    with admin_client(settings) as admin, log_consumer(settings) as consumer:
        if _is_live(admin, group):
            raise _still_live(name)
        begins: dict[TopicPartition, int] = {}
        count = 0
        for topic in map(settings.topic, endpoint.topics):
            stretches = spans(consumer, topic)
            asked = {TopicPartition(topic, number): since_ms for number in stretches}
            for partition, at in consumer.offsets_for_times(asked).items() if asked else ():
                end = stretches[partition.partition].end
                begins[partition] = end if at is None else at.offset
                count += end - begins[partition]
        answers = admin.alter_group_offsets(
            group, {partition: OffsetAndMetadata(at, "", -1) for partition, at in begins.items()}
        )
        if any(answer is not NoError for answer in answers.values()):
            # Somebody came between the look and the change: the broker refuses it then.
            raise _still_live(name)
        standing = _standings(settings, consumer).of(name)
    if standing is None or standing.state == "lost":
        _say(settings, name, Standing("delivering", now, "replay", actor))
    return count


def undelivered(settings: Settings, endpoint: str | None = None) -> list[Undelivered]:
    """What was set aside and waits, of one endpoint or of all, the oldest first."""
    with log_consumer(settings) as consumer:
        return [each for each in _undelivered(settings, consumer) if endpoint in (None, each.endpoint)]


def _undelivered(settings: Settings, consumer: KafkaConsumer) -> list[Undelivered]:
    topic = settings.topic(UNDELIVERED)
    return list(waiting_in(scan(consumer, topic, spans(consumer, topic))).values())


def _still_live(name: str) -> CommandError:
    return CommandError(
        f"a process delivers to endpoint {name} at this moment; nothing was changed",
        ExitCode.TEMPORARY,
        remedy="stop 'memberpulse deliver' (it may take kafka.session_timeout_seconds until a killed one is noticed), "
        "call again, start it",
    )


def _say(settings: Settings, name: str, standing: Standing) -> None:
    write(settings, settings.topic(CONTROL), [NewRecord(0, standing_key(name), encoded(standing))])


def _standings(settings: Settings, consumer: KafkaConsumer) -> Standings:
    topic, standings = settings.topic(CONTROL), Standings()
    for record in scan(consumer, topic, spans(consumer, topic)):
        standings.absorb(record.key, record.value)
    return standings


def _lags(
    settings: Settings, admin: KafkaAdminClient, consumer: KafkaConsumer, name: str, endpoint: Endpoint, now: int
) -> list[PartitionLag]:
    role = group_role(name)
    offsets = committed(admin, settings.group(role))
    return [
        each
        for topic in map(settings.topic, endpoint.topics)
        for each in measured_topic(consumer, role, topic, offsets, now)
    ]


def _is_live(admin: KafkaAdminClient, group: str) -> bool:
    return bool(admin.describe_groups([group])[group].get("members"))
