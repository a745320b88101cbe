"""An outcome in one sentence, for people who read a feed of them."""

from typing import Final

from scoring.further import Told
from scoring.origin import CUT_MOVED
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
    TIER_CONFIRMED,
    TIER_DOWNGRADED,
    TIER_ERASED,
    TIER_EXPIRING,
    TIER_JOINED,
    TIER_MERGED,
    TIER_PROLONGED,
    TIER_UNMERGED,
    TIER_UPGRADED,
    TIER_WITHDRAWN,
    BelowCut,
    Missing,
    Outcome,
    Superseded,
    TierFacts,
)
from scoring.policy import Policy
from scoring.tier_news import PEERS
from streams.action_sentences import action_words
from streams.currencies import money_text
from streams.instants import date_text

_QUIET: Final = {
    NEAR_CHURN_ALERT: "is close to leaving",
    LAPSED_RECENTLY: "has lapsed",
    LAPSED_MID: "lapsed long ago",
    DORMANT_ALERT: "is dormant",
}
_NOT_QUIET: Final = {
    NEAR_CHURN_ALERT: "was not close to leaving",
    LAPSED_RECENTLY: "had not lapsed",
    LAPSED_MID: "had not lapsed long ago",
    DORMANT_ALERT: "was not dormant",
}
#: Kinds whose sentence says the numbers in the same way.
_CHANGES: Final = frozenset(
    {TIER_UPGRADED, TIER_DOWNGRADED, TIER_CONFIRMED, TIER_WITHDRAWN, FIRST_PURCHASE, RECOVERED, REACTIVATED}
)
_AFTER: Final = {
    "revision": ", after a correction of an order",
    "return": ", after a return",
    "cancel": ", after a cancelled order",
    "window_exit": ", because an order left the window",
    "hold_end": ", because the tier was held long enough",
    "grace_end": ", because the grace is over",
    "policy_changed": ", by a new policy",
    "cut_moved": ", by new cuts",
    "override": ", by an override",
    "merge": ", after a merge",
    "unmerge": ", after a merge was taken back",
    "override_ended": ", because an override ended",
    "late_event": ", because an order came late",
}
_MERGES: Final = (TIER_MERGED, TIER_UNMERGED, TIER_ERASED)
_ENDED: Final = {
    "until": "its time is over",
    "withdrawn": "it was withdrawn",
    "tier_gone": "the tier is gone",
}


def sentence(outcome: Outcome, member_id: str, policy: Policy) -> str:
    """For example ``member 00042 rises from C to B: 6 orders, 412.50 USD in 365 days``."""
    told = "" if outcome.kind in _CHANGES else _without_numbers(outcome, policy)
    if not told:
        told = f"{_change(outcome)}: {_numbers(outcome, policy)}{_AFTER.get(outcome.reason, '')}{_others(outcome)}"
    if policy.actions:
        told += action_words(outcome, member_id, policy)
    return f"member {member_id} {told}"


def around_numbers(outcome: Outcome) -> tuple[str, str]:
    """What the sentence of a plain outcome says after the member's id: before its numbers, and behind them; all of it
    before them where it says none.
    """
    kind = outcome.kind
    if kind == TIER_JOINED:
        return f"joins in tier {outcome.after}", ""
    return f"{_QUIET[kind] if kind in _QUIET else _change(outcome)}: ", _AFTER.get(outcome.reason, "")


def _without_numbers(outcome: Outcome, policy: Policy) -> str:
    """The sentence of a kind that says no number of orders, or says it in its own way; empty for the others."""
    kind, facts = outcome.kind, outcome.facts
    told = ""
    if kind in _MERGES:
        told = _of_merge(outcome)
    elif kind == TIER_JOINED:
        told = f"joins in tier {outcome.after}"
    elif kind in _QUIET:
        told = f"{_QUIET[kind]}: {silence_words(outcome, policy)}{_AFTER.get(outcome.reason, '')}"
    elif isinstance(facts, Superseded):
        told = _alert_correction(outcome, facts.told, policy)
    elif isinstance(facts, TierFacts):
        if facts.superseded is not None:
            told = _tier_correction(outcome, facts.superseded, policy)
        else:
            told = _of_hold_or_override(outcome, facts, policy)
    return told


def _change(outcome: Outcome) -> str:
    kind = outcome.kind
    if kind == TIER_UPGRADED:
        facts = outcome.facts
        provisionally = "provisionally " if isinstance(facts, TierFacts) and facts.provisional else ""
        told = f"rises {provisionally}from {outcome.before} to {outcome.after}"
    elif kind == FIRST_PURCHASE:
        told = "has bought for the first time"
    elif kind == TIER_DOWNGRADED:
        told = f"falls from {outcome.before} to {outcome.after}"
    elif kind == TIER_CONFIRMED:
        told = f"is confirmed in tier {outcome.after}"
    elif kind == TIER_WITHDRAWN:
        told = f"loses tier {outcome.before}, which was provisional"
    elif kind in _CHANGES:
        told = f"comes back from {outcome.before.replace('_', ' ')} to {outcome.after.replace('_', ' ')}"
    else:
        told = _segment_change(outcome)
    return told


def _of_merge(outcome: Outcome) -> str:
    if outcome.kind == TIER_ERASED:
        return "is erased: nothing about them is kept"
    into = outcome.facts.into if isinstance(outcome.facts, TierFacts) else ""
    if outcome.kind == TIER_MERGED:
        return f"is merged into member {into}"
    circle = ", because the merges ran in a circle" if outcome.reason == "cycle" else ""
    return f"is no longer merged into member {into}{circle}"


def _others(outcome: Outcome) -> str:
    """What others had to do with a fall at the end of a hold; new cuts say it themselves."""
    facts = outcome.facts
    outdone = isinstance(facts, TierFacts) and facts.moved_by == PEERS and outcome.reason != CUT_MOVED
    return " and others bought more" if outdone else ""


def _numbers(outcome: Outcome, policy: Policy) -> str:
    orders = "1 order" if outcome.frequency == 1 else f"{outcome.frequency} orders"
    return f"{orders}, {money_text(outcome.monetary, policy.currency)} in {policy.window_days} days"


def silence_words(outcome: Outcome, policy: Policy) -> str:
    """How long a member has been quiet."""
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


def _alert_correction(outcome: Outcome, told: Told, policy: Policy) -> str:
    then = f"{_NOT_QUIET[told.kind]} on {_date(told.at, policy)} but was {outcome.after.replace('_', ' ')}"
    return f"{then}, as an order that came late shows"


def _tier_correction(outcome: Outcome, told: Told, policy: Policy) -> str:
    then = f"should have had tier {outcome.after} and not {outcome.before} from {_date(told.at, policy)} on"
    return f"{then}, as an order that came late shows; the tier is {policy.tier_names[outcome.tier]}"


def _date(instant: int, policy: Policy) -> str:
    return date_text(policy.zone.day_of(instant))


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


def _wanted(misses: Missing | BelowCut, facts: TierFacts, policy: Policy) -> str:
    """What would be enough: ``2 more orders are placed or 120.00 USD more is spent``."""
    if isinstance(misses, BelowCut):
        wanted = "no cut" if misses.cut is None else money_text(misses.cut, policy.currency)
        return f"orders times spend reach {wanted} by then, now {money_text(misses.value, policy.currency)}"
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
