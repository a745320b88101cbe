"""A basket as it is handed in, and what is told of its effect. Money is minor units (cents), instants are RFC 3339."""

from datetime import datetime
from typing import Annotated

import msgspec

from scoring.events import Currency, Label, Line, Money
from streams.serving.explanation import explained
from streams.serving.scores import Score
from streams.serving.views import (
    Freshness,
    Instant,
    NextTier,
    Recency,
    StageView,
    TierView,
    next_tier,
    recency_of,
    stage_view,
    tier_view,
)


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


def standing(score: Score, benefits: dict[str, list[str]]) -> Standing:
    """Where a score puts its member; ``benefits`` are those of each tier."""
    return Standing(
        tier_view(score),
        stage_view(score),
        score.segments,
        recency_of(score),
        score.frequency,
        score.monetary,
        None if score.to_next is None else next_tier(score.to_next.as_told),
        benefits.get(score.tier or "", []),
        explained(score),
    )
