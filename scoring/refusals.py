"""Which events must not change anything."""

from scoring.errors import Refused
from scoring.events import (
    MemberAbsorbed,
    MemberEvent,
    OrderCancelled,
    OrderPaid,
    OrderReturned,
    TierOverridden,
)
from scoring.further import NEVER_FORGOTTEN
from scoring.ledger import knows
from scoring.policy import Policy
from scoring.sealing import is_sealed
from scoring.state import MemberState, fingerprint
from scoring.vocabulary import FUTURE_ALLOWANCE_MS


def refuse_untimely(event: MemberEvent, occurred_at: int, as_of: int, log_time: int, policy: Policy) -> None:
    """Raise ``Refused`` for an event too far ahead of the log or behind it.

    Instants are epoch ms; ``as_of`` is the member's after the event. What a member is told of a merge is never too
    late: the merge holds already, and only who hears of it can end a circle.
    """
    if occurred_at > log_time + FUTURE_ALLOWANCE_MS:
        ahead = (occurred_at - log_time) // 1000
        raise Refused(
            "quarantined",
            f"{event.event_id}: occurred_at is {ahead} s after the record was logged; at most "
            f"{FUTURE_ALLOWANCE_MS // 1000} s are allowed. Set the clock of the source right and replay the record.",
        )
    latest = max(log_time, as_of)
    if latest - occurred_at > policy.timely_ms and not isinstance(event, MemberAbsorbed):
        age = policy.zone.day_of(latest) - policy.zone.day_of(occurred_at)
        if age >= policy.horizon_days:
            raise Refused(
                "too_late",
                f"{event.event_id}: occurred_at is {age} days old in {policy.zone.name}; less than "
                f"{policy.horizon_days} days are allowed, because older orders have left every window. "
                "Bring old history in by import, with its own log time.",
            )


def refuse_sealed(event: MemberEvent, state: MemberState, occurred_at: int, policy: Policy) -> None:
    """Raise ``Refused`` for news about an order that is sealed, or about a day of which orders were forgotten.

    ``state`` is sealed as of the event already, ``occurred_at`` is epoch ms.
    """
    sealed = state.sealed
    if sealed is None or not isinstance(event, (OrderPaid, OrderReturned, OrderCancelled)):
        return
    order = fingerprint(event.order_id)
    if is_sealed(sealed, order):
        raise Refused(
            "too_late",
            f"{event.event_id}: order {event.order_id} is final, and nothing about it can change any more: it was "
            f"older than the {policy.return_window_days} days of windows.return_days, or one of the oldest of too "
            "many (ledger.max_orders). If the amount is wrong, correct it by an order of its own.",
        )
    if sealed.forgotten_day == NEVER_FORGOTTEN or not isinstance(event, OrderPaid) or knows(state, order):
        return
    if policy.zone.day_of(occurred_at) <= sealed.forgotten_day:
        raise Refused(
            "too_late",
            f"{event.event_id}: order {event.order_id} is of a day of which this member had more orders than are "
            "remembered (ledger.max_hashes), so that a new one cannot be told from one that was counted.",
        )


def refuse_unusable(event: MemberEvent, policy: Policy) -> None:
    """Raise ``Refused`` for an order in another currency and for an unknown tier."""
    if isinstance(event, OrderPaid):
        if event.currency != policy.currency:
            raise Refused(
                "wrong_currency",
                f"{event.event_id}: currency is {event.currency}; the policy scores {policy.currency} only. "
                "Convert the amounts before they enter the log.",
            )
    elif isinstance(event, TierOverridden) and event.tier not in policy.tier_names:
        raise Refused(
            "unknown_tier",
            f"{event.event_id}: the policy has no tier {event.tier!r}; it has {', '.join(policy.tier_names)}. "
            "Send the event again with one of these.",
        )
