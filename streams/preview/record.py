"""What the control topic remembers of policies: previews that were made, and the change that was published."""

from typing import Final

import msgspec

from streams.config import Settings
from streams.log_reading import log_consumer, scan, spans
from streams.log_writing import NewRecord, write
from streams.preview.replay import Replay
from streams.signing import Signatures
from streams.topics import CONTROL

_PREVIEW: Final = b"policy-preview/"
_AFTER: Final = b"policy-after/"


class PreviewRecord(msgspec.Struct, frozen=True):
    """A preview of the policy with ``content_hash``, made when the one with the hash ``against`` was in force.

    ``offsets`` and ``last_ticks`` (epoch ms) are by partition number: the log up to which members were looked at.
    ``moved`` of ``members`` would be in a tier of another name, ``promises_lost`` of them before their time.
    """

    content_hash: str
    version: int
    against: str
    against_version: int
    offsets: dict[str, int]
    last_ticks: dict[str, int]
    members: int
    moved: int
    rises: int
    falls: int
    promises_lost: int

    @property
    def share_moved(self) -> float:
        """Moved members of all; 0 without any member."""
        return self.moved / self.members if self.members else 0.0


class PublishedRecord(msgspec.Struct, frozen=True):
    """The policy that follows the one with the hash ``follows``; ``policy`` is its canonical form.

    Written once, before any partition of the log has it: whoever continues a publication copies these bytes.
    """

    follows: str
    version: int
    content_hash: str
    actor: str
    policy: msgspec.Raw


def preview_record(content_hash: str, version: int, against: str, against_version: int, found: Replay) -> PreviewRecord:
    """What is remembered of a preview."""
    tally = found.as_written
    return PreviewRecord(
        content_hash,
        version,
        against,
        against_version,
        {str(number): offset for number, offset in sorted(found.offsets.items())},
        {str(number): at for number, at in sorted(found.last_ticks.items())},
        tally.members,
        tally.moved,
        tally.directions["rises"],
        tally.directions["falls"],
        tally.promises_lost,
    )


class PolicyControl:
    """What the control topic says of policies, folded from its beginning."""

    def __init__(self) -> None:
        self.previews: dict[str, PreviewRecord] = {}
        #: By the hash of the policy before: the first one written counts, however many there are.
        self.successors: dict[str, PublishedRecord] = {}

    def absorb(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record; keys of others are left alone, and so is what cannot be read."""
        if key is None or value is None:
            return
        try:
            if key.startswith(_PREVIEW):
                preview = msgspec.json.decode(value, type=PreviewRecord)
                self.previews[preview.content_hash] = preview
            elif key.startswith(_AFTER):
                published = msgspec.json.decode(value, type=PublishedRecord)
                self.successors.setdefault(published.follows, published)
        except msgspec.DecodeError:
            return


def policy_control(settings: Settings) -> PolicyControl:
    """What the control topic says now.

    Raises:
        kafka.errors.KafkaError: the broker did not answer.
    """
    topic, control, genuine = settings.topic(CONTROL), PolicyControl(), Signatures(settings.signing).genuine
    with log_consumer(settings) as consumer:
        for record in scan(consumer, topic, spans(consumer, topic)):
            if genuine(record):
                control.absorb(record.key, record.value)
    return control


def remember_preview(settings: Settings, record: PreviewRecord) -> None:
    """Write a preview; the newest of each policy counts. Raises ``kafka.errors.KafkaError``."""
    _write(settings, _PREVIEW + record.content_hash.encode(), msgspec.json.encode(record))


def remember_publication(settings: Settings, record: PublishedRecord) -> PublishedRecord:
    """Write that a policy follows the one in force, and say which policy does: the first that was written.

    Of two who publish at once the later finds the other's record before its own. The topic is compacted and keeps the
    last of a key, so the later one writes the first record again. Raises ``kafka.errors.KafkaError``.
    """
    key = _AFTER + record.follows.encode()
    _write(settings, key, msgspec.json.encode(record))
    first = policy_control(settings).successors[record.follows]
    if first.content_hash != record.content_hash:
        _write(settings, key, msgspec.json.encode(first))
    return first


def _write(settings: Settings, key: bytes, value: bytes) -> None:
    headers = Signatures(settings.signing).sign(key, value)
    write(settings, settings.topic(CONTROL), [NewRecord(None, key, value, tuple(headers))])
