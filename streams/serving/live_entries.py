"""One outcome on its way to the clients of live streams."""

from typing import Any, Final

import msgspec

from streams.outcome_facts import OutcomeFacts, cloud_event, facts_of
from streams.serving.live_positions import index_of

#: What an entry takes in memory besides its text, in bytes: measured at 660, and 100 for its place in the history.
OVERHEAD_BYTES: Final = 760


class LiveEntry(msgspec.Struct, gc=False):
    """An outcome and where it lies.

    ``index`` stands for topic and partition (:mod:`streams.serving.live_positions`). ``next_offset`` is what a position
    says of that partition once this outcome is sent: with it nothing is left out, although something may come twice.
    ``late`` marks one that comes after an outcome of the same member that was told later. ``appended_ms`` is when the
    record was made (epoch ms).
    """

    index: int
    offset: int
    facts: OutcomeFacts
    event: bytes
    appended_ms: int
    next_offset: int = 0
    late: bool = False

    @property
    def told(self) -> tuple[int, int]:
        """What orders the outcomes of one member: they count from 1 without holes, in each epoch anew."""
        return self.facts.epoch, self.facts.sequence

    @property
    def size(self) -> int:
        """Bytes in memory, roughly."""
        return len(self.event) + OVERHEAD_BYTES

    def frame(self, position: str) -> bytes:
        """The entry as a server-sent event, ``position`` being what a client has when it has this event."""
        event = self.event if not self.late else self.event[:-1] + b',"late":true}'
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (position.encode(), self.facts.kind.encode(), event)


def entry_of(record: Any, topic: int) -> LiveEntry:
    """The entry of a record as aiokafka gives it; ``topic`` counts OUTCOME_TOPICS.

    Raises:
        ValueError: the record is no outcome.
    """
    facts = facts_of(record.headers, record.value)
    return LiveEntry(
        index_of(topic, record.partition),
        record.offset,
        facts,
        cloud_event(record.headers, record.value),
        record.timestamp,
    )
