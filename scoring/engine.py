"""The way into the rules: one event, or the passing of time, and what it does to one member."""

from collections.abc import Sequence
from typing import Final

from scoring.calendar import instant_of
from scoring.evaluation import evaluate, evaluate_purchase
from scoring.events import MemberEvent, OrderCancelled, OrderPaid, OrderReturned, Visit
from scoring.ledger import APPENDED, CANCELLED, CHANGED, PAID, UNCHANGED, record_return, record_sale
from scoring.news import Origin, report
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.refusals import refuse_untimely, refuse_unusable
from scoring.state import FINGERPRINT_BYTES, MemberState, Return, Sale, fingerprint, place_of, unknown_member
from scoring.vocabulary import PROSPECT, REMEMBERED_EVENT_IDS

APPLIED: Final = 0
DUPLICATE: Final = 1

_NOTHING: Final[tuple[Outcome, ...]] = ()
#: Why an evaluation followed, for events that are no ``order.paid``; "other" for all others.
_REASONS: Final[dict[type, str]] = {OrderReturned: "return", OrderCancelled: "cancel"}


class Position:
    """Where in the log an event or tick stands. One object per partition, moved by the caller.

    ``log_time`` is epoch ms; ``last_tick`` is the ``at`` of the last accepted tick before it (epoch ms, 0 before the
    first); ``imported`` says that the record brought its log time along in a header (history).
    """

    __slots__ = ("imported", "last_tick", "log_time", "offset")

    def __init__(self, offset: int, log_time: int, last_tick: int, imported: bool) -> None:
        self.offset = offset
        self.log_time = log_time
        self.last_tick = last_tick
        self.imported = imported


class Decision:
    """The member's new state and what there is to tell.

    ``verdict`` is ``APPLIED`` or ``DUPLICATE`` (only the offset moved). ``moved`` says that tier or stage changed, or
    that the member is new. ``outcomes`` is shared when it is empty: read it, never add to it.
    """

    __slots__ = ("moved", "outcomes", "state", "verdict")

    def __init__(self, state: MemberState, outcomes: Sequence[Outcome], verdict: int, *, moved: bool) -> None:
        self.state = state
        self.outcomes = outcomes
        self.verdict = verdict
        self.moved = moved


def apply(state: MemberState | None, event: MemberEvent, policy: Policy, position: Position) -> Decision:
    """Apply an event to its member (``None``: not known yet). The given state is left as it is.

    Raises ``Refused`` for an event that must not change anything. Skipping records at or below ``state.offset`` is up
    to the caller.
    """
    occurred_at = instant_of(event.occurred_at)
    as_of = occurred_at
    if as_of < position.last_tick != 0:
        as_of = position.last_tick
    if state is not None and as_of < state.as_of:
        as_of = state.as_of
    refuse_untimely(event, occurred_at, as_of, position.log_time, policy)
    refuse_unusable(event, policy)

    if state is None:
        after = unknown_member(as_of)
        tier, stage = -1, PROSPECT
    else:
        after = state.clone()
        tier, stage = state.tier, state.stage
    after.offset = position.offset
    if isinstance(event, OrderPaid):
        bought = policy.zone.day_of(occurred_at)
        sale: Sale = (event.revision, PAID, occurred_at, event.net_amount)
        done = record_sale(after, fingerprint(event.order_id), bought, sale)
        reason = "revision" if done == CHANGED else "purchase"
    else:
        bought = 0
        done = _absorb(after, event, occurred_at, policy)
        reason = _REASONS.get(type(event), "other")
    if done == UNCHANGED:
        return Decision(after, _NOTHING, DUPLICATE, moved=False)
    after.as_of = as_of
    if done == APPENDED and isinstance(event, OrderPaid) and (as_of < after.next_due or after.next_due == 0):
        evaluate_purchase(after, occurred_at, bought, event.net_amount, policy)
    else:
        evaluate(after, policy)
    if after.tier == tier and after.stage == stage:
        return Decision(after, _NOTHING, APPLIED, moved=False)
    origin = Origin(cause=event.event_id, reason=reason, recorded_at=position.log_time, imported=position.imported)
    if isinstance(event, (OrderPaid, OrderReturned, OrderCancelled)):
        origin.order_id, origin.shop_id, origin.channel = event.order_id, event.shop_id, event.channel
    elif isinstance(event, Visit):
        origin.shop_id, origin.channel = event.shop_id, event.channel
    return Decision(after, report(after, tier, stage, policy, origin), APPLIED, moved=True)


def fire(state: MemberState, tick_at: int, policy: Policy, position: Position) -> Decision:
    """Fire every timer of a member that is due by ``tick_at`` (epoch ms), in due order, each at its own instant.

    The given state is left as it is; a member who is not due is handed back untouched, offset included.
    """
    if state.next_due == 0 or state.next_due > tick_at:
        return Decision(state, _NOTHING, APPLIED, moved=False)
    after = state.clone()
    after.offset = position.offset
    told: list[Outcome] = []
    moved = False
    while after.next_due != 0 and after.next_due <= tick_at:
        due, tier, stage = after.next_due, after.tier, after.stage
        after.as_of = due
        evaluate(after, policy)
        if after.tier != tier or after.stage != stage:
            moved = True
            origin = Origin(
                cause=f"timer:{due}",
                reason="window_exit",
                recorded_at=tick_at,
                imported=position.imported,
                tick_at=tick_at,
            )
            told += report(after, tier, stage, policy, origin)
    after.as_of = tick_at
    return Decision(after, told, APPLIED, moved=moved)


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
    return CHANGED
