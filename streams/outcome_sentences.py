"""An outcome in one sentence, for people who read a feed of them."""

from typing import Final

from scoring.outcomes import (
    DORMANT_ALERT,
    FIRST_PURCHASE,
    LAPSED_MID,
    LAPSED_RECENTLY,
    NEAR_CHURN_ALERT,
    TIER_DOWNGRADED,
    TIER_JOINED,
    TIER_UPGRADED,
    Outcome,
)
from scoring.policy import Policy
from streams.currencies import money_text
from streams.instants import date_text

_QUIET: Final = {
    NEAR_CHURN_ALERT: "is close to leaving",
    LAPSED_RECENTLY: "has lapsed",
    LAPSED_MID: "lapsed long ago",
    DORMANT_ALERT: "is dormant",
}
_AFTER: Final = {
    "revision": ", after a correction of an order",
    "return": ", after a return",
    "cancel": ", after a cancelled order",
    "window_exit": ", because an order left the window",
}


def sentence(outcome: Outcome, member_id: str, policy: Policy) -> str:
    """For example ``member 00042 rises from C to B: 6 orders, 412.50 USD in 365 days``."""
    kind = outcome.kind
    if kind == TIER_JOINED:
        return f"member {member_id} joins in tier {outcome.after}"
    if kind in _QUIET:
        return f"member {member_id} {_QUIET[kind]}: {_silence(outcome, policy)}{_AFTER.get(outcome.reason, '')}"
    if kind == TIER_UPGRADED:
        what = f"rises from {outcome.before} to {outcome.after}"
    elif kind == TIER_DOWNGRADED:
        what = f"falls from {outcome.before} to {outcome.after}"
    elif kind == FIRST_PURCHASE:
        what = "has bought for the first time"
    else:
        what = f"comes back from {outcome.before.replace('_', ' ')} to {outcome.after.replace('_', ' ')}"
    orders = "1 order" if outcome.frequency == 1 else f"{outcome.frequency} orders"
    money = money_text(outcome.monetary, policy.currency)
    after = _AFTER.get(outcome.reason, "")
    return f"member {member_id} {what}: {orders}, {money} in {policy.window_days} days{after}"


def _silence(outcome: Outcome, policy: Policy) -> str:
    if not outcome.last_purchase_at:
        return "no purchase is left"
    last_day = policy.zone.day_of(outcome.last_purchase_at)
    days = policy.zone.day_of(outcome.at) - last_day
    return f"last purchase on {date_text(last_day)}, {days} days ago"
