"""A member's score as it comes out of Redis: decoded, checked, with its version."""

from hashlib import blake2b
from typing import Final

import msgspec

from streams.outcome_bodies import ToCut, ToNext
from streams.projector.versions import score_of


class Needs(msgspec.Struct, gc=False):
    """What is missing to a tier: ``to_next`` of a score in either of its forms."""

    tier: str
    frequency: int | None = None
    monetary: int | None = None
    match: str | None = None
    cut: int | None = None
    value: int | None = None

    @property
    def as_told(self) -> ToNext | ToCut:
        """In the form that it came in."""
        if self.match is None:
            return ToCut(self.tier, self.cut, self.value or 0)
        return ToNext(self.tier, self.frequency, self.monetary, self.match)


class Score(msgspec.Struct, gc=False, kw_only=True):
    """The value of a ``member-scores`` record, with every field that only some scores have (docs/outcomes.md)."""

    member_id: str
    epoch: int
    offset: int
    sequence: int
    tier: str | None
    tier_rank: int | None
    tier_since_ms: int | None
    stage: str | None
    stage_since_ms: int | None
    last_purchase_ms: int | None
    frequency: int
    monetary: int
    currency: str
    as_of_ms: int
    joined_ms: int
    next_due_ms: int | None
    to_next: Needs | None
    policy_version: int
    base: str | None = None
    floor: str | None = None
    held_until_ms: int | None = None
    grace_until_ms: int | None = None
    told_stage: str | None = None
    segments: dict[str, str | None] | None = None
    ranked: bool | None = None
    merged_into: str | None = None
    provisional: bool = False
    tier_frequency: int | None = None
    tier_monetary: int | None = None


_decode: Final = msgspec.json.Decoder(Score).decode
_TAG_BYTES: Final = 8


class MixedUpError(Exception):
    """Redis answered with a value that is not the asked member's, or that is no score. It is not shown to anybody."""


def tag_of(stored: bytes) -> str:
    """What a stored score is recognised by: equal for equal bytes, in every process (64 bits of BLAKE2b)."""
    return blake2b(stored, digest_size=_TAG_BYTES).hexdigest()


def checked_score(stored: bytes, member_id: str) -> Score | None:
    """The score in what Redis holds under a member's key; None for the mark of a deleted member.

    Raises:
        MixedUpError: the value names another member, or is no score.
    """
    value = score_of(stored)
    if value is None:
        return None
    try:
        score = _decode(value)
    except msgspec.DecodeError as error:
        raise MixedUpError(f"what Redis holds for a member is no score: {error}") from error
    if score.member_id != member_id:
        raise MixedUpError("Redis answered with the score of another member than was asked for")
    return score
