"""The shapes of what is asked and answered over HTTP, for the API and for its client.

Instants are RFC 3339 in UTC with milliseconds, money is minor units (cents) of ``currency``. A leaf: a client that
imports this imports no server.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from scoring.events import Currency, Label, Line, Money

#: The most members of one batch.
MOST_MEMBERS: Final = 100

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Stage = Literal["prospect", "new", "active", "near_churn", "recently_lapsed", "mid_lapsed", "dormant"]
Source = Literal["redis", "last_good", "default"]


class TierView(msgspec.Struct, gc=False):
    """The tier in force. ``base`` is what the rules give, ``override`` what was granted by hand (null without one)."""

    name: str
    rank: int
    since: Instant | None
    base: str
    override: str | None
    held_until: Instant | None
    grace_until: Instant | None
    provisional: bool


class StageView(msgspec.Struct, gc=False):
    """The lifecycle stage; ``told`` is the one that alerts have told, which may lag behind."""

    name: Stage
    since: Instant | None
    told: Stage


class Recency(msgspec.Struct, gc=False):
    """R: the latest kept order, and whole days of 24 hours from it to ``freshness.as_of``; null without an order."""

    last_purchase_at: Instant | None
    days: int | None


class NextTier(msgspec.Struct, gc=False):
    """What is missing to the next tier; a measure that it does not ask for is null.

    Where tiers go by thresholds: ``frequency`` orders and ``monetary`` minor units, of which ``match`` says whether one
    suffices (``any``) or both are needed (``all``). By percentile: ``cut`` is the rank value (orders times minor units)
    that is asked for, null when nobody reaches it, and ``value`` the member's own.
    """

    tier: str
    by: Literal["thresholds", "percentile"]
    frequency: int | None
    monetary: int | None
    match: Literal["any", "all"] | None
    cut: int | None
    value: int | None


class Freshness(msgspec.Struct, gc=False):
    """How good the value is.

    ``source``: ``redis`` (read just now), ``last_good`` (Redis did not answer in time; this is what it said at
    ``read_at``), ``default`` (nothing is known of the member at the moment: what the policy gives to everybody stands
    in). ``stale`` is false for ``redis`` alone. ``as_of`` is the instant that the score speaks for; (``epoch``,
    ``offset``) is its version.
    """

    source: Source
    stale: bool
    as_of: Instant | None
    read_at: Instant | None
    epoch: int | None
    offset: int | None


class MemberView(msgspec.Struct, gc=False):
    """One member: tier, stage, segments, R, F and M, what is missing to the next tier, why, and how fresh that is.

    ``frequency`` and ``monetary`` are kept orders and their worth over the policy's reported window. ``segments`` are
    null where the policy scores none. ``merged_into``: the member's history is another's now; then ``tier`` and
    ``stage`` are null. ``next_due_at`` is when time alone may next change something.
    """

    member_id: str
    tier: TierView | None
    stage: StageView | None
    segments: dict[str, str | None] | None
    recency: Recency
    frequency: int
    monetary: int
    currency: str | None
    to_next: NextTier | None
    next_due_at: Instant | None
    merged_into: str | None
    policy_version: int | None
    explanation: list[str]
    freshness: Freshness


class LookupRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The members to look up, in the order of the answer."""

    member_ids: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=64)]],
        msgspec.Meta(min_length=1, max_length=MOST_MEMBERS),
    ]


class LookupResult(msgspec.Struct):
    """One member of a batch: 200 with the member, or 404 without."""

    member_id: str
    status: Literal[200, 404]
    member: MemberView | None


class LookupResponse(msgspec.Struct):
    """The members that were asked for, in the same order."""

    members: list[LookupResult]


class Basket(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An order that was not placed yet.

    ``net_amount`` is what an ``order.paid`` would say: goods as paid, tax included, after discounts, without freight.
    ``occurred_at`` is now unless given. ``lines``, ``shop_id`` and ``channel`` are those of the order; no rule looks
    at them today.
    """

    net_amount: Money
    currency: Currency
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    shop_id: Label = ""
    channel: Label = ""
    lines: Annotated[list[Line], msgspec.Meta(max_length=500)] = []


class Standing(msgspec.Struct, gc=False):
    """Where a member stands; the fields are those of a looked-up member.

    ``benefits`` is what the policy says that the tier gives its members (``tiers.levels[].benefits``).
    """

    tier: TierView | None
    stage: StageView | None
    segments: dict[str, str | None] | None
    recency: Recency
    frequency: int
    monetary: int
    to_next: NextTier | None
    benefits: list[str]
    explanation: list[str]


class Preview(msgspec.Struct, gc=False):
    """What a basket would do.

    ``exact``: the scorer would come to the same if the order came next; otherwise ``doubts`` says why it might not.
    ``rises``: the tier after it is a higher one. ``before`` is null where nothing is known of the member at the
    moment; then ``after`` is that of a first order. ``at`` is when the basket is judged.
    """

    member_id: str
    at: Instant
    exact: bool
    doubts: list[str]
    rises: bool
    before: Standing | None
    after: Standing
    currency: str
    policy_version: int
    freshness: Freshness


class StreamEvent(msgspec.Struct):
    """One server-sent event (HTML standard, section 9.2). ``data`` is JSON: a CloudEvent, or why the stream ends.

    ``event`` is the kind of outcome, or overrun, stopping, renew or restart; the last event of a stream has no id of
    its own.
    """

    event: str
    data: Annotated[str, msgspec.Meta(extra_json_schema={"contentMediaType": "application/json"})]
    id: str | None = None


class EventResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event. ``result`` is accepted, refused, unknown (not acknowledged in time: it may be in the
    log) or not_sent; ``status`` says the same as an HTTP status.
    """

    result: str
    status: int
    event_id: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    reason: str | None = None
    detail: str | None = None
    what_to_do: str | None = None


class Posted(msgspec.Struct, frozen=True):
    """What became of all events of a request, in its order."""

    accepted: int
    refused: int
    events: list[EventResult]


class Decided(msgspec.Struct, frozen=True):
    """A decision that is in the log. The scorer carries it out when it reads it, milliseconds later as a rule."""

    event_id: str
    type: str
    member_id: str
    topic: str
    partition: int
    offset: int
