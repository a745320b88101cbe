"""The fields of outcomes and scores, in the order in which they are written; docs/outcomes.md explains them.

Apart from what fills them: that is compiled, and the compiler does not take msgspec's class keywords.
Nearly every order makes an outcome: what only some kinds say is a struct of those kinds.
"""

import msgspec


class ToNext(msgspec.Struct, gc=False):
    """What a tier asks for, or what of it is missing; None where a measure is not asked for."""

    tier: str
    frequency: int | None
    monetary: int | None
    match: str


class Keeps(msgspec.Struct, gc=False):
    """What a tier on hold still misses to be kept ``by`` the end of its hold."""

    tier: str
    by: str
    frequency: int | None
    monetary: int | None
    match: str


class LogPosition(msgspec.Struct, gc=False):
    """Where the record lies that was decided on."""

    topic: str
    partition: int
    offset: int


class EventCause(msgspec.Struct, gc=False):
    """The event that caused an outcome; None for what it does not name."""

    event_id: str
    order_id: str | None
    shop_id: str | None
    channel: str | None


class TimerCause(msgspec.Struct, gc=False):
    """The due instant of the timer that caused an outcome."""

    timer: str


class OutcomeBody(msgspec.Struct, gc=False, rename={"origin": "from"}):
    """What tier changes and alerts have in common, and all that alerts of a purchase say. Raw parts are JSON already.

    A part of the same object follows in the other kinds, written on its own.
    """

    kind: str
    member_id: str
    sequence: int
    sentence: str
    origin: msgspec.Raw | None
    to: msgspec.Raw
    reason: str
    at: str
    due_at: str | None
    recorded_at: str
    catch_up: bool
    next_due_at: str | None
    last_purchase_at: str | None
    frequency: int
    monetary: int
    currency: str
    window_days: int
    crossed: msgspec.Raw | None
    tier: msgspec.Raw
    to_next: ToNext | None
    keeps: Keeps | msgspec.Raw | None
    policy: msgspec.Raw
    epoch: int
    position: LogPosition
    cause: EventCause | TimerCause


class TierPart(msgspec.Struct, gc=False):
    """What every tier kind says besides."""

    base: msgspec.Raw
    floor: msgspec.Raw | None
    held_until: str | None
    grace_until: str | None


class ExpiringPart(TierPart, gc=False):
    """The end of a hold is announced."""

    would_be: msgspec.Raw


class OverrideSet(msgspec.Struct, gc=False):
    """A tier granted by hand."""

    tier: str
    until: str
    reason: str
    actor: str
    event_id: str


class OverrideSetPart(TierPart, gc=False):
    """An override came into force."""

    override: OverrideSet


class OverrideGone(msgspec.Struct, gc=False):
    """A tier that had been granted by hand."""

    tier: str
    until: str
    event_id: str


class OverrideEndedPart(TierPart, gc=False):
    """An override ended; ``detail`` is until or withdrawn."""

    override: OverrideGone
    detail: str


class RecommendedAction(msgspec.Struct, gc=False):
    """What the policy recommends for such a member."""

    offer: str
    message_key: str
    valid_until: str
    cap: int


class QuietPart(msgspec.Struct, gc=False):
    """What the alerts say besides that tell of silence."""

    gaps: list[int]
    expected_gap_seconds: int
    last_purchase_day: str
    quiet_days_counted: int
    spend_at_risk: int | None
    action: RecommendedAction | None


class GridScores(msgspec.Struct, gc=False):
    """Scores of the grid, from 1 to 5."""

    recency: int
    frequency: int


class HighOrLow(msgspec.Struct, gc=False, omit_defaults=True):
    """What is high, for quadrants and types; quadrants have no recency."""

    frequency: str
    monetary: str
    recency: str | None = None


class SegmentBody(msgspec.Struct, gc=False, rename={"origin": "from"}):
    """A segment was entered or left."""

    kind: str
    member_id: str
    sequence: int
    sentence: str
    grid: str
    origin: msgspec.Raw | None
    to: msgspec.Raw | None
    reason: str
    at: str
    due_at: str | None
    recorded_at: str
    catch_up: bool
    next_due_at: str | None
    last_purchase_at: str | None
    frequency: int
    monetary: int
    currency: str
    window_days: int
    scores: GridScores | HighOrLow | None
    cuts: msgspec.Raw
    tier: msgspec.Raw
    policy: msgspec.Raw
    epoch: int
    position: LogPosition
    cause: EventCause | TimerCause


class ScoreBody(msgspec.Struct, gc=False):
    """The value of a member-scores record."""

    member_id: str
    epoch: int
    offset: int
    sequence: int
    tier: str
    tier_rank: int
    tier_since_ms: int
    stage: str
    stage_since_ms: int
    last_purchase_ms: int | None
    frequency: int
    monetary: int
    currency: str
    as_of_ms: int
    joined_ms: int
    next_due_ms: int | None
    to_next: ToNext | None
    policy_version: int


class ScorePart(msgspec.Struct, gc=False, omit_defaults=True):
    """What only some scores say; each field is left out where it says nothing."""

    base: str | None = None
    floor: str | None = None
    held_until_ms: int | None = None
    grace_until_ms: int | None = None
    told_stage: str | None = None
    segments: dict[str, str | None] | None = None
