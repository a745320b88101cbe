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
#: An id inside a ledger (:func:`scoring.state.fingerprint`); base64 in JSON.
Fingerprint = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
#: Kept in the log for people, and nowhere else.
Why = Annotated[str, msgspec.Meta(max_length=500)]
#: Epoch milliseconds of the years 1 to 9999.
Milliseconds = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_999)]
#: A local day of such an instant, counted from 1970-01-01.
LocalDay = Annotated[int, msgspec.Meta(ge=-719_163, le=2_932_897)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
#: The sequence number of the outcome that told of a merge.
MergeNumber = Annotated[int, msgspec.Meta(ge=0)]
#: -1: nothing of the sort is known.
KnownRevision = Annotated[int, msgspec.Meta(ge=-1, le=2_000_000_000)]


class Line(msgspec.Struct, gc=False, kw_only=True):
    """One line of an order; for portraits, never for monetary value."""

    sku: Label = ""
    category: Label = ""
    quantity: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 1
    net_amount: Money = 0
    list_amount: Money = 0


class _MemberEvent(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=True):
    """``via`` is for orders: the member whose order it was, of whom a merge brought it here (written by the scorer)."""

    event_id: Id
    member_id: Id
    occurred_at: Instant
    schema_version: Literal[1] = 1
    source: Source = ""
    via: Label = ""


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
    reason: Why = ""
    actor: Label = ""


class MemberUnmerged(_MemberEvent, kw_only=True, tag="member.unmerged"):
    """A merge is taken back."""

    into: Id
    reason: Why = ""
    actor: Label = ""


class PlainOrder(msgspec.Struct, array_like=True, gc=False):
    """An order paid once and never touched since."""

    order: Fingerprint
    at: Milliseconds
    net: Money
    revision: Revision


class KnownReturn(msgspec.Struct, array_like=True, gc=False):
    """A return register."""

    return_id: Fingerprint
    revision: Revision
    at: Milliseconds
    amount: Money


class AmendedOrder(msgspec.Struct, array_like=True):
    """Any other order, or a stub: ``at`` and ``first_revision`` (-1: a stub) are the purchase, the next four the sale
    register (status 0 paid, 1 cancelled, -1 none).
    """

    order: Fingerprint
    at: Milliseconds
    first_revision: KnownRevision
    revision: KnownRevision
    status: Annotated[int, msgspec.Meta(ge=-1, le=1)]
    sold_at: Milliseconds
    net: Money
    returns: list[KnownReturn]


class SealedDay(msgspec.Struct, array_like=True, gc=False):
    """A day bucket; ``fingerprints`` are eight bytes each."""

    day: LocalDay
    frequency: Count
    monetary: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000_000)]
    fingerprints: bytes


class AbsorbedLedger(msgspec.Struct, omit_defaults=True):
    """What a member bought; ``sealed_at`` and ``gone_at`` are latest purchases (epoch ms, 0: none).

    ``gone_...`` is what is remembered of kept orders that left by the horizon.
    """

    orders: list[PlainOrder] = []
    amended: list[AmendedOrder] = []
    days: list[SealedDay] = []
    sealed_at: Milliseconds = 0
    forgotten_day: LocalDay | None = None
    gone_at: Milliseconds = 0
    gone_days: Count = 0
    gone_purchase_days: Annotated[list[LocalDay], msgspec.Meta(max_length=12)] = []


class PassedTest(msgspec.Struct, omit_defaults=True):
    """The test behind a hold: thresholds, or one cut."""

    frequency: Annotated[int, msgspec.Meta(ge=0)] | None = None
    monetary: Annotated[int, msgspec.Meta(ge=0)] | None = None
    match_all: bool = False
    cut: Annotated[int, msgspec.Meta(ge=0)] | None = None


class AbsorbedHold(msgspec.Struct, omit_defaults=True):
    """The hold of a merged member's base, by its tier's name; ``held_until`` and ``qualified_at`` are epoch ms (0:
    none).
    """

    tier: Label
    held_until: Milliseconds = 0
    qualified_at: Milliseconds = 0
    asked: PassedTest | None = None
    notice_told: bool = False
    provisional: bool = False


class MemberAbsorbed(_MemberEvent, kw_only=True, tag="member.absorbed"):
    """History of a merged member arriving at the member it was merged into (written by the scorer itself).

    ``path`` are the members that it came through, the absorbed one first, and ``numbers`` those of their merges, which
    rise with every merge of the same member. It can be taken out ``until`` (epoch ms) by a record that is ``undone``
    and names a member of the path with this number or a higher one (``erased``: because that member was). ``merge`` is
    the id of the first record that told of the merge, ``members`` are the ids that the absorbed one had absorbed for
    good. A long ledger comes in several records of one merge.
    """

    absorbed: Id
    path: Annotated[list[Id], msgspec.Meta(max_length=8)] = []
    numbers: Annotated[list[MergeNumber], msgspec.Meta(max_length=8)] = []
    merge: Label = ""
    members: list[Id] = []
    ledger: AbsorbedLedger | None = None
    joined_at: Milliseconds | None = None
    hold: AbsorbedHold | None = None
    until: Milliseconds = 0
    undone: bool = False
    erased: bool = False


class MemberErased(_MemberEvent, kw_only=True, tag="member.erased"):
    """A request to forget the member."""

    reason: Why = ""
    actor: Label = ""


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
