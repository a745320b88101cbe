"""Which ledger does an event enter, and what does it change there?"""

from typing import Final

from scoring.absorbed_parts import ledger_of, part_of, put_part, with_ledger
from scoring.calendar import instant_of
from scoring.errors import Refused
from scoring.events import (
    MemberEvent,
    OrderCancelled,
    OrderEvent,
    OrderPaid,
    OrderReturned,
    TierOverridden,
    TierOverrideWithdrawn,
)
from scoring.further import Override
from scoring.ledger import CANCELLED, CHANGED, PAID, UNCHANGED, record_return, record_sale
from scoring.overrides import record_override
from scoring.policy import Policy
from scoring.state import FINGERPRINT_BYTES, MemberState, Return, Sale, fingerprint, place_of, unknown_member
from scoring.vocabulary import REMEMBERED_EVENT_IDS

#: Why an evaluation followed, for events that are no ``order.paid``; "other" for all others.
_REASONS: Final[dict[type, str]] = {OrderReturned: "return", OrderCancelled: "cancel"}


def ledger_entered(state: MemberState, event: OrderEvent, as_of: int) -> MemberState:
    """Which ledger an order event enters: the member's own (``state`` itself), or that of a part.

    After the unmerge time of a merged member it is one that nobody keeps. Raises ``Refused`` for an order that came by
    a merge which does not hold.
    """
    via = event.via
    if via and via not in state.absorbed:
        raise Refused(
            "merge_refused",
            f"{event.event_id}: it came by a merge of {via} into {event.member_id}, which is not known or was taken "
            "back. Leave the field via out of your own events.",
        )
    merge = state.merge
    if merge is not None and as_of >= merge.until:
        return unknown_member(as_of)
    part = part_of(state, via) if via else None
    return state if part is None else ledger_of(part)


def enter(state: MemberState, event: MemberEvent, at: int, policy: Policy) -> tuple[int, str]:
    """Enter an event that occurred ``at`` (epoch ms); say what it did, and the reason of what follows from it."""
    if not isinstance(event, OrderPaid):
        return _absorb(state, event, at, policy), _REASONS.get(type(event), "other")
    sale: Sale = (event.revision, PAID, at, event.net_amount)
    done = record_sale(state, fingerprint(event.order_id), policy.zone.day_of(at), sale)
    return done, "revision" if done == CHANGED else "purchase"


def enter_part(state: MemberState, via: str, ledger: MemberState) -> None:
    """Keep the ledger of :func:`ledger_entered` after an order has entered it."""
    merge = state.merge
    part = part_of(state, via)
    if part is not None and (merge is None or state.as_of < merge.until):
        put_part(state, with_ledger(part, ledger))


def _absorb(state: MemberState, event: MemberEvent, at: int, policy: Policy) -> int:
    """Enter an event that is no ``order.paid`` and occurred ``at`` (epoch ms); say what it did."""
    if isinstance(event, OrderReturned):
        offered: Return = (fingerprint(event.return_id), event.revision, at, event.returned_amount)
        return record_return(state, fingerprint(event.order_id), policy.zone.day_of(at), offered)
    if isinstance(event, OrderCancelled):
        sale: Sale = (event.revision, CANCELLED, at, 0)
        return record_sale(state, fingerprint(event.order_id), policy.zone.day_of(at), sale)
    event_id = fingerprint(event.event_id)
    if place_of(state.remembered, event_id, FINGERPRINT_BYTES) >= 0:
        return UNCHANGED
    state.remembered = (state.remembered + event_id)[-REMEMBERED_EVENT_IDS * FINGERPRINT_BYTES :]
    if isinstance(event, TierOverridden):
        record_override(state, Override(at, event.event_id, event.tier, instant_of(event.until)))
    elif isinstance(event, TierOverrideWithdrawn):
        record_override(state, Override(at, event.event_id, "", 0))
    return CHANGED
