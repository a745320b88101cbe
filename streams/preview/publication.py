"""How does a policy get from the control topic into every partition, and who has it?"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kafka import KafkaConsumer

from scoring.calendar import instant_of
from scoring.errors import Refused
from scoring.events import PolicyPublished, Tick
from streams.bad_records import BadRecord
from streams.changelog import Standing, standing_of
from streams.codecs import decode
from streams.config import Settings
from streams.log_reading import LogRecord, Span, log_consumer, scan, spans
from streams.log_writing import write
from streams.policy_file import PolicyDocument, from_canonical
from streams.policy_publication import signed_policies
from streams.preview.succession import LogStanding
from streams.scorer.partition_events import policy_to_take
from streams.signing import Signatures
from streams.topics import MEMBER_EVENTS, PARTITION_KEY

_TOLD_EVERY: Final = 1000
#: Called with how many records more were read.
Advance = Callable[[int], None]


class LogEnds:
    """Where each partition's remembered state ends and its log goes on."""

    def __init__(self, settings: Settings, consumer: KafkaConsumer) -> None:
        self._settings = settings
        self._consumer = consumer
        self._topic = settings.topic(MEMBER_EVENTS)
        self._genuine = Signatures(settings.signing).genuine
        self._remembered: dict[int, Standing | None] = {}
        self._rest: dict[int, Span] = {}
        for number, span in spans(consumer, self._topic).items():
            standing = standing_of(settings, consumer, number)
            self._remembered[number] = standing
            self._rest[number] = Span(span.begin if standing is None else standing.position, span.end)

    @property
    def records(self) -> int:
        """How many records nobody has remembered yet."""
        return sum(max(span.end - span.begin, 0) for span in self._rest.values())

    def standings(self, advance: Advance) -> list[LogStanding]:
        """The policy and the last tick that each partition has come to, read on from what is remembered."""
        beyond: dict[int, list[LogRecord]] = {number: [] for number in self._rest}
        untold = 0
        for record in scan(self._consumer, self._topic, self._rest):
            if record.key == PARTITION_KEY and self._genuine(record):
                beyond[record.partition].append(record)
            untold += 1
            if untold == _TOLD_EVERY:
                advance(untold)
                untold = 0
        advance(untold)
        return [standing_after(number, known, beyond[number]) for number, known in self._remembered.items()]


def standing_after(number: int, remembered: Standing | None, records: Iterable[LogRecord]) -> LogStanding:
    """What a partition comes to by records of the whole partition that lie behind what is remembered of it."""
    document: PolicyDocument | None = None
    version = last_tick = 0
    if remembered is not None:
        progress = remembered.progress
        last_tick, version = progress.last_tick, progress.policy_version
        document = from_canonical(progress.policy) if progress.policy else None
    taken_up = document is not None
    for record in records:
        try:
            event = decode(record.key, record.value)
        except BadRecord:
            continue
        if isinstance(event, Tick):
            last_tick = max(last_tick, instant_of(event.at))
        elif isinstance(event, PolicyPublished) and event.partition == number:
            try:
                follower = policy_to_take(event, None if document is None else document.to_policy(version))
            except (BadRecord, Refused):
                continue
            if follower is not None:
                document, version, taken_up = follower, event.version, False
    return LogStanding(number, document, version, last_tick, taken_up)


def log_standings(settings: Settings, advance_for: Callable[[int], Advance]) -> list[LogStanding]:
    """The same for every partition; ``advance_for`` is told how many records are to be read.

    Raises:
        kafka.errors.KafkaError: the broker did not answer.
    """
    with log_consumer(settings) as consumer:
        ends = LogEnds(settings, consumer)
        return ends.standings(advance_for(ends.records))


def copy_to(settings: Settings, document: PolicyDocument, partitions: Sequence[int]) -> None:
    """Append the policy to these partitions of ``member-events`` and wait until all of them have it.

    A partition that has it already ignores the copy.

    Raises:
        kafka.errors.KafkaError: a record was not acknowledged within 30 s; publishing again goes on from there.
    """
    write(settings, settings.topic(MEMBER_EVENTS), signed_policies(settings, document, partitions))
