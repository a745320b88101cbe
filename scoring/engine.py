"""The way into the rules: one event, or the passing of time, and what it does to one member."""

from collections.abc import Sequence
from typing import Final

from scoring.calendar import instant_of
from scoring.evaluation import evaluate
from scoring.events import MemberEvent, OrderCancelled, OrderPaid, OrderReturned, Visit
from scoring.ledger import CANCELLED, PAID, PURCHASED, UNCHANGED, record_return, record_sale
from scoring.news import Origin, report
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.refusals import refuse_untimely, refuse_unusable
from scoring.state import MemberState, Return, Sale, fingerprint, unknown_member
from scoring.vocabulary import PROSPECT, REMEMBERED_EVENT_IDS

APPLIED: Final = 0
DUPLICATE: Final = 1

_NOTHING: Final[tuple[Outcome, ...]] = ()


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

    after = unknown_member(as_of) if state is None else state.clone()
    after.offset = position.offset
    reason = _absorb(after, event, occurred_at, policy)
    if not reason:
        return Decision(after, _NOTHING, DUPLICATE, moved=False)
    after.as_of = as_of
    measures = evaluate(after, policy)
    if state is None:
        tier, stage = -1, PROSPECT
    else:
        tier, stage = state.tier, state.stage
        if after.tier == tier and after.stage == stage:
            return Decision(after, _NOTHING, APPLIED, moved=False)
    origin = Origin(cause=event.event_id, reason=reason, recorded_at=position.log_time, imported=position.imported)
    if isinstance(event, (OrderPaid, OrderReturned, OrderCancelled)):
        origin.order_id, origin.shop_id, origin.channel = event.order_id, event.shop_id, event.channel
    elif isinstance(event, Visit):
        origin.shop_id, origin.channel = event.shop_id, event.channel
    return Decision(after, report(after, measures, tier, stage, policy, origin), APPLIED, moved=True)


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
        measures = evaluate(after, policy)
        if after.tier != tier or after.stage != stage:
            moved = True
            origin = Origin(
                cause=f"timer:{due}",
                reason="window_exit",
                recorded_at=tick_at,
                imported=position.imported,
                tick_at=tick_at,
            )
            told += report(after, measures, tier, stage, policy, origin)
    after.as_of = tick_at
    return Decision(after, told, APPLIED, moved=moved)


def _absorb(state: MemberState, event: MemberEvent, at: int, policy: Policy) -> str:
    """Enter an event that occurred ``at`` (epoch ms); the reason it is for what follows, empty for a duplicate."""
    sale: Sale
    if isinstance(event, OrderPaid):
        sale = (event.revision, PAID, at, event.net_amount)
        done = record_sale(state, fingerprint(event.order_id), policy.zone.day_of(at), sale)
        reason = "purchase" if done == PURCHASED else "revision"
    elif isinstance(event, OrderReturned):
        offered: Return = (fingerprint(event.return_id), event.revision, at, event.returned_amount)
        done = record_return(state, fingerprint(event.order_id), policy.zone.day_of(at), offered)
        reason = "return"
    elif isinstance(event, OrderCancelled):
        sale = (event.revision, CANCELLED, at, 0)
        done = record_sale(state, fingerprint(event.order_id), policy.zone.day_of(at), sale)
        reason = "cancel"
    else:
        event_id = fingerprint(event.event_id)
        if event_id in state.remembered:
            return ""
        state.remembered = (*state.remembered, event_id)[-REMEMBERED_EVENT_IDS:]
        return "other"
    return "" if done == UNCHANGED else reason
