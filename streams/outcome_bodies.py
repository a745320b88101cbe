"""The fields of outcomes, in the order in which they are written; docs/outcomes.md explains them.

Apart from what fills them: that is compiled, and the compiler does not take msgspec's class keywords.
Nearly every order makes an outcome: what only some kinds say is a struct of those kinds (streams/kind_bodies.py).
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


class ToCut(msgspec.Struct, gc=False):
    """From which rank value on a tier is entered, None where nobody is, and the value that the member has."""

    tier: str
    cut: int | None
    value: int


class KeepsByCut(msgspec.Struct, gc=False):
    """From which rank value on a tier is kept ``by`` the end of its hold, and the value that the member has then."""

    tier: str
    by: str
    cut: int | None
    value: int


class Cut(msgspec.Struct, gc=False):
    """The rank value that a tier asks for; None where nobody reaches it."""

    tier: str
    cut: int | None


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


class PolicyCause(msgspec.Struct, gc=False):
    """The content hash of the policy whose coming caused an outcome."""

    policy: str


class CutsCause(msgspec.Struct, gc=False):
    """The local date of the cuts whose coming caused an outcome."""

    cuts: str


Cause = EventCause | TimerCause | PolicyCause | CutsCause


class OutcomeBody(msgspec.Struct, gc=False, rename={"origin": "from"}):
    """What tier changes and alerts have in common, and all that alerts of a purchase say. Raw parts are JSON already.

    A part of the same object follows in the other kinds, written on its own.
    """

    kind: str
    member_id: str
    sequence: int
    sentence: str
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
    crossed: msgspec.Raw | None
    tier: msgspec.Raw | None
    to_next: ToNext | ToCut | None
    keeps: Keeps | KeepsByCut | msgspec.Raw | None
    policy: msgspec.Raw
    epoch: int
    position: LogPosition
    cause: Cause


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
    cause: Cause
