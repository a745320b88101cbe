"""The fields of scores, in the order in which they are written; docs/outcomes.md explains them."""

import msgspec

from streams.outcome_bodies import ToCut, ToNext


class ScoreBody(msgspec.Struct, gc=False):
    """The value of a member-scores record."""

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
    to_next: ToNext | ToCut | None
    policy_version: int


class ScorePart(msgspec.Struct, gc=False, omit_defaults=True):
    """What only some scores say; each field is left out where it says nothing."""

    base: str | None = None
    floor: str | None = None
    held_until_ms: int | None = None
    grace_until_ms: int | None = None
    told_stage: str | None = None
    segments: dict[str, str | None] | None = None
    ranked: bool | None = None
    merged_into: str | None = None
    provisional: bool | None = None
    tier_frequency: int | None = None
    tier_monetary: int | None = None
