"""An outcome on its way to an endpoint: what filters look at, its place in the scorer's order, and the body."""

from typing import Final

import msgspec

from streams.outcome_facts import OutcomeFacts, cloud_event, facts_of

#: The media type of CloudEvents 1.0 in structured mode (JSON event format, section 3).
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class UnusableOutcomeError(Exception):
    """A record of an outcome topic that is no outcome; the text says why."""


class _Position(msgspec.Struct, gc=False):
    offset: int


class _Decided(msgspec.Struct, gc=False):
    epoch: int
    sequence: int
    position: _Position


class _Subject(msgspec.Struct, gc=False):
    subject: str


_subject: Final = msgspec.json.Decoder(_Subject).decode
_decode: Final = msgspec.json.Decoder(_Decided).decode


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One outcome. ``order`` compares as the scorer decided, in all topics of a partition.

    ``log_offset`` is the offset in ``member-events`` that was decided on; ``body`` the CloudEvent in structured mode.
    """

    facts: OutcomeFacts
    order: tuple[int, int, int]
    log_offset: int
    body: bytes

    @property
    def id(self) -> str:
        """The ``ce_id``: the same whenever the same decision is taken again."""
        return self.facts.id


def member_of(body: bytes) -> str:
    """The member that a body (:attr:`Outcome.body`) tells of."""
    return _subject(body).subject


def outcome_of(value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> Outcome:
    """The outcome in a record.

    Raises:
        UnusableOutcomeError: the record is no outcome.
    """
    try:
        facts = facts_of(headers, value)
        decided = _decode(value or b"")
        body = cloud_event(headers, value or b"")
    except (ValueError, msgspec.DecodeError) as error:
        raise UnusableOutcomeError(str(error)) from error
    offset = decided.position.offset
    return Outcome(facts, (decided.epoch, offset, decided.sequence), offset, body)
