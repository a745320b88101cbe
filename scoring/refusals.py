"""Which events must not change anything."""

from typing import Final

from scoring.errors import Refused
from scoring.events import (
    MemberEvent,
    MemberJoined,
    MemberReferred,
    OrderCancelled,
    OrderPaid,
    OrderReturned,
    TierOverridden,
    TierOverrideWithdrawn,
    Visit,
)
from scoring.policy import Policy
from scoring.vocabulary import DAY_MS, FUTURE_ALLOWANCE_MS

#: Local days differ from days of 24 hours by less than this: an offset is less than a day, and days are begun, not
#: full.
_LOCAL_SLACK_DAYS: Final = 3

_SCORED: Final = (
    OrderPaid,
    OrderReturned,
    OrderCancelled,
    Visit,
    MemberJoined,
    MemberReferred,
    TierOverridden,
    TierOverrideWithdrawn,
)


def refuse_untimely(event: MemberEvent, occurred_at: int, as_of: int, log_time: int, policy: Policy) -> None:
    """Raise ``Refused`` for an event too far ahead of the log or behind it.

    Instants are epoch ms; ``as_of`` is the member's after the event.
    """
    if occurred_at > log_time + FUTURE_ALLOWANCE_MS:
        ahead = (occurred_at - log_time) // 1000
        raise Refused(
            "quarantined",
            f"{event.event_id}: occurred_at is {ahead} s after the record was logged; at most "
            f"{FUTURE_ALLOWANCE_MS // 1000} s are allowed. Set the clock of the source right and replay the record.",
        )
    latest = max(log_time, as_of)
    if latest - occurred_at > (policy.horizon_days - _LOCAL_SLACK_DAYS) * DAY_MS:
        age = policy.zone.day_of(latest) - policy.zone.day_of(occurred_at)
        if age >= policy.horizon_days:
            raise Refused(
                "too_late",
                f"{event.event_id}: occurred_at is {age} days old in {policy.zone.name}; less than "
                f"{policy.horizon_days} days are allowed, because older orders have left every window. "
                "Bring old history in by import, with its own log time.",
            )


def refuse_unusable(event: MemberEvent, policy: Policy) -> None:
    """Raise ``Refused`` for an order in another currency, an event type that is not scored yet, an unknown tier."""
    if isinstance(event, OrderPaid):
        if event.currency != policy.currency:
            raise Refused(
                "wrong_currency",
                f"{event.event_id}: currency is {event.currency}; the policy scores {policy.currency} only. "
                "Convert the amounts before they enter the log.",
            )
    elif not isinstance(event, _SCORED):
        raise Refused(
            "unsupported",
            f"{event.event_id}: {event.__struct_config__.tag} is not scored yet. "
            "Keep the record and replay it after an upgrade.",
        )
    elif isinstance(event, TierOverridden) and event.tier not in policy.tier_names:
        raise Refused(
            "unknown_tier",
            f"{event.event_id}: the policy has no tier {event.tier!r}; it has {', '.join(policy.tier_names)}. "
            "Send the event again with one of these.",
        )
