"""The facts the scorer emits, before they become CloudEvents."""

from typing import Final

TIER_JOINED: Final = "tier.joined"
TIER_UPGRADED: Final = "tier.upgraded"
TIER_DOWNGRADED: Final = "tier.downgraded"
FIRST_PURCHASE: Final = "lifecycle.first_purchase"
NEAR_CHURN_ALERT: Final = "lifecycle.near_churn"
LAPSED_RECENTLY: Final = "lifecycle.lapsed_recently"
LAPSED_MID: Final = "lifecycle.lapsed_mid"
DORMANT_ALERT: Final = "lifecycle.dormant"
RECOVERED: Final = "lifecycle.recovered"
REACTIVATED: Final = "lifecycle.reactivated"


class Outcome:
    """One tier change or lifecycle alert of one member, with the numbers that decided it.

    Instants are epoch milliseconds (UTC), money is minor units. ``before``/``after`` are tier or stage names
    (``before`` is
    empty for ``tier.joined``) and ``rank_before``/``rank_after`` their indices (-1 for none). ``cause`` is the causing
    event's id or ``timer:<ms>``;
    ``due_at`` is 0 when the outcome was not due at a boundary.
    ``last_purchase_at`` is 0 without a kept order. ``order_id``, ``shop_id`` and ``channel`` are empty for timers.
    """

    __slots__ = (
        "after",
        "at",
        "before",
        "catch_up",
        "cause",
        "channel",
        "due_at",
        "frequency",
        "kind",
        "last_purchase_at",
        "monetary",
        "next_due_at",
        "offset",
        "order_id",
        "rank_after",
        "rank_before",
        "reason",
        "recorded_at",
        "sequence",
        "shop_id",
        "tier",
    )

    def __init__(
        self,
        kind: str,
        sequence: int,
        cause: str,
        reason: str,
        before: str,
        after: str,
        rank_before: int,
        rank_after: int,
        at: int,
        due_at: int,
        recorded_at: int,
        catch_up: bool,
        frequency: int,
        monetary: int,
        last_purchase_at: int,
        next_due_at: int,
        tier: int,
        offset: int,
        order_id: str,
        shop_id: str,
        channel: str,
    ) -> None:
        self.kind = kind
        self.sequence = sequence
        self.cause = cause
        self.reason = reason
        self.before = before
        self.after = after
        self.rank_before = rank_before
        self.rank_after = rank_after
        self.at = at
        self.due_at = due_at
        self.recorded_at = recorded_at
        self.catch_up = catch_up
        self.frequency = frequency
        self.monetary = monetary
        self.last_purchase_at = last_purchase_at
        self.next_due_at = next_due_at
        self.tier = tier
        self.offset = offset
        self.order_id = order_id
        self.shop_id = shop_id
        self.channel = channel
