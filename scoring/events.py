"""The facts the scorer receives: one struct per canonical event type, a tagged union over ``type``.

Every struct is decoded by msgspec straight from the bytes of a ``member-events`` record (JSON, UTF-8). Unknown fields
are ignored. Money is an integer in minor units of ``currency`` (ISO 4217); instants carry an offset (RFC 3339).
Limits: ids of 64 characters, ``source`` of 32, 500 lines per order, amounts up to 10**12 minor units.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Source = Annotated[str, msgspec.Meta(max_length=32)]
#: Which three letters is for the policy to say, and for :func:`scoring.refusals.refuse_unusable` to hold against it.
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
Money = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]
Revision = Annotated[int, msgspec.Meta(ge=0, le=2_000_000_000)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
PartitionNumber = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Line(msgspec.Struct, gc=False, kw_only=True):
    """One line of an order; for portraits, never for monetary value."""

    sku: Label = ""
    category: Label = ""
    quantity: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 1
    net_amount: Money = 0
    list_amount: Money = 0


class _MemberEvent(msgspec.Struct, kw_only=True, tag_field="type"):
    event_id: Id
    member_id: Id
    occurred_at: Instant
    schema_version: Literal[1] = 1
    source: Source = ""


class OrderPaid(_MemberEvent, kw_only=True, tag="order.paid"):
    """A purchase; a higher revision corrects it and keeps its purchase instant."""

    order_id: Id
    net_amount: Money
    currency: Currency
    revision: Revision = 1
    channel: Label = ""
    shop_id: Label = ""
    discount_amount: Money = 0
    coupon_ids: Annotated[list[Label], msgspec.Meta(max_length=100)] = []
    campaign_id: Label = ""
    lines: Annotated[list[Line], msgspec.Meta(max_length=500)] = []


class OrderReturned(_MemberEvent, kw_only=True, tag="order.returned"):
    """Goods given back; the highest revision per (order, return) counts and returns add up."""

    order_id: Id
    returned_amount: Money
    return_id: Id = "total"
    revision: Revision = 1
    channel: Label = ""
    shop_id: Label = ""
    lines: Annotated[list[Line], msgspec.Meta(max_length=500)] = []


class OrderCancelled(_MemberEvent, kw_only=True, tag="order.cancelled"):
    """An order taken back whole; at an equal revision it wins over the payment."""

    order_id: Id
    revision: Revision = 1
    channel: Label = ""
    shop_id: Label = ""


class MemberJoined(_MemberEvent, kw_only=True, tag="member.joined"):
    """Somebody became a member, before any purchase."""


class MemberMerged(_MemberEvent, kw_only=True, tag="member.merged"):
    """This member's history belongs to ``into`` from now on."""

    into: Id


class MemberUnmerged(_MemberEvent, kw_only=True, tag="member.unmerged"):
    """A merge is taken back."""

    into: Id


class MemberAbsorbed(_MemberEvent, kw_only=True, tag="member.absorbed"):
    """History of a merged member arriving at the member it was merged into (written by the scorer itself)."""

    absorbed: Id


class MemberErased(_MemberEvent, kw_only=True, tag="member.erased"):
    """A request to forget the member."""


class MemberReferred(_MemberEvent, kw_only=True, tag="member.referred"):
    """Who brought whom."""

    referrer_id: Id


class Visit(_MemberEvent, kw_only=True, tag="visit"):
    """Traffic of a known member; traffic without a member goes to ``shop-traffic`` and never reaches the scorer."""

    shop_id: Label = ""
    channel: Label = ""


class TierOverridden(_MemberEvent, kw_only=True, tag="tier.overridden"):
    """A tier granted by hand, a floor until a date."""

    tier: Label
    until: Instant
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    actor: Id


class TierOverrideWithdrawn(_MemberEvent, kw_only=True, tag="tier.override_withdrawn"):
    """The hand-granted floor is taken away."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    actor: Id


class Tick(msgspec.Struct, kw_only=True, tag_field="type", tag="tick", gc=False):
    """One entry of time in the log, for one whole partition."""

    at: Instant
    partition: PartitionNumber
    schema_version: Literal[1] = 1


class PolicyPublished(msgspec.Struct, kw_only=True, tag_field="type", tag="policy.published"):
    """Every threshold, as one document; ``policy`` is the canonical JSON form of a policy file."""

    event_id: Id
    partition: PartitionNumber
    version: Annotated[int, msgspec.Meta(ge=1)]
    content_hash: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
    policy: msgspec.Raw
    schema_version: Literal[1] = 1


class CutsPublished(msgspec.Struct, kw_only=True, tag_field="type", tag="cuts.published"):
    """Percentile cuts for one local date, computed once and then obeyed."""

    event_id: Id
    partition: PartitionNumber
    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    cuts: msgspec.Raw
    schema_version: Literal[1] = 1


OrderEvent = OrderPaid | OrderReturned | OrderCancelled
MemberEvent = (
    OrderPaid
    | OrderReturned
    | OrderCancelled
    | MemberJoined
    | MemberMerged
    | MemberUnmerged
    | MemberAbsorbed
    | MemberErased
    | MemberReferred
    | Visit
    | TierOverridden
    | TierOverrideWithdrawn
)
PartitionEvent = Tick | PolicyPublished | CutsPublished
Event = MemberEvent | PartitionEvent
