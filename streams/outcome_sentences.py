"""An outcome in one sentence, for people who read a feed of them."""

from typing import Final

from scoring.outcomes import (
    DORMANT_ALERT,
    FIRST_PURCHASE,
    LAPSED_MID,
    LAPSED_RECENTLY,
    NEAR_CHURN_ALERT,
    OVERRIDE_ENDED,
    OVERRIDE_SET,
    REACTIVATED,
    RECOVERED,
    SEGMENT_ENTERED,
    TIER_DOWNGRADED,
    TIER_EXPIRING,
    TIER_JOINED,
    TIER_PROLONGED,
    TIER_UPGRADED,
    Missing,
    Outcome,
    TierFacts,
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
_BACK: Final = (RECOVERED, REACTIVATED)
_AFTER: Final = {
    "revision": ", after a correction of an order",
    "return": ", after a return",
    "cancel": ", after a cancelled order",
    "window_exit": ", because an order left the window",
    "hold_end": ", because the tier was held long enough",
    "grace_end": ", because the grace is over",
    "override": ", by an override",
    "override_ended": ", because an override ended",
}
_ENDED: Final = {
    "until": "its time is over",
    "withdrawn": "it was withdrawn",
    "tier_gone": "the tier is gone",
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
    elif kind in _BACK:
        what = f"comes back from {outcome.before.replace('_', ' ')} to {outcome.after.replace('_', ' ')}"
    elif isinstance(outcome.facts, TierFacts):
        return f"member {member_id} {_of_hold_or_override(outcome, outcome.facts, policy)}"
    else:
        what = _segment_change(outcome)
    return f"member {member_id} {what}: {_numbers(outcome, policy)}{_AFTER.get(outcome.reason, '')}"


def _numbers(outcome: Outcome, policy: Policy) -> str:
    orders = "1 order" if outcome.frequency == 1 else f"{outcome.frequency} orders"
    return f"{orders}, {money_text(outcome.monetary, policy.currency)} in {policy.window_days} days"


def _silence(outcome: Outcome, policy: Policy) -> str:
    if not outcome.last_purchase_at:
        return "no purchase is left"
    last_day = policy.zone.day_of(outcome.last_purchase_at)
    days = policy.zone.day_of(outcome.at) - last_day
    return f"last purchase on {date_text(last_day)}, {days} days ago"


def _segment_change(outcome: Outcome) -> str:
    old, new = outcome.before.replace("_", " "), outcome.after.replace("_", " ")
    if outcome.kind == SEGMENT_ENTERED:
        return f"enters segment {new}" + (f" from {old}" if old else "")
    return f"leaves segment {old}" + (f" for {new}" if new else "")


def _of_hold_or_override(outcome: Outcome, facts: TierFacts, policy: Policy) -> str:
    kind = outcome.kind
    if kind == TIER_PROLONGED:
        kept = f"keeps tier {outcome.after} {_until(facts.held_until, policy)}"
        return f"{kept}: {_numbers(outcome, policy)}{'' if outcome.reason == 'hold_end' else ', within the grace'}"
    if kind == TIER_EXPIRING:
        return _warning(outcome, facts, policy)
    override = facts.override
    name = override.tier if override is not None else ""
    if kind == OVERRIDE_SET and override is not None:
        granted = f"is given tier {name} {_until(override.until, policy)} by {facts.override_actor}"
        return f"{granted}: {facts.override_reason}"
    assert kind == OVERRIDE_ENDED, kind
    now = policy.tier_names[outcome.tier]
    return f"is no longer given tier {name}, as {_ENDED.get(facts.detail, facts.detail)}; the tier is {now}"


def _warning(outcome: Outcome, facts: TierFacts, policy: Policy) -> str:
    zone = policy.zone
    day = zone.day_of(facts.held_until)
    grace = policy.holds.grace_days if policy.holds is not None else 0
    falls = f"will fall from {outcome.after} to {policy.tier_names[facts.would_be]} on {date_text(day + grace)}"
    if grace:
        falls += f", after {grace} {'day' if grace == 1 else 'days'} of grace,"
    misses = facts.keeps
    return falls if misses is None else f"{falls} unless {_wanted(misses, facts, policy)}"


def _wanted(misses: Missing, facts: TierFacts, policy: Policy) -> str:
    """What would be enough: ``2 more orders are placed or 120.00 USD more is spent``."""
    parts: list[str] = []
    if misses.frequency is not None and misses.frequency > 0:
        parts.append(
            "1 more order is placed" if misses.frequency == 1 else f"{misses.frequency} more orders are placed"
        )
    if misses.monetary is not None and misses.monetary > 0:
        parts.append(f"{money_text(misses.monetary, policy.currency)} more is spent")
    return (" and " if policy.tiers[facts.base].match_all else " or ").join(parts)


def _until(instant: int, policy: Policy) -> str:
    """The last local day of something that ends at ``instant`` (epoch ms; 0: never)."""
    return f"until {date_text(policy.zone.day_of(instant - 1))}" if instant else "for good"
