"""The fields of outcomes and scores, in the order in which they are written; docs/outcomes.md explains them.

Apart from what fills them: that is compiled, and the compiler does not take msgspec's class keywords.
"""

import msgspec


class ToNext(msgspec.Struct, gc=False):
    """What a tier asks for, or what of it is missing; None where a measure is not asked for."""

    tier: str
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
    """The value of an outcome's record. Parts of type Raw are JSON already."""

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
    keeps: msgspec.Raw | None
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
