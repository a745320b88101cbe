"""The way into the rules: one event, or the passing of time, and what it does to one member."""

from collections.abc import Sequence
from typing import Final

from scoring.calendar import instant_of
from scoring.evaluation import Evaluation, evaluate, evaluate_purchase
from scoring.events import (
    MemberEvent,
    OrderCancelled,
    OrderPaid,
    OrderReturned,
    TierOverridden,
    TierOverrideWithdrawn,
    Visit,
)
from scoring.further import Override
from scoring.ledger import APPENDED, CANCELLED, CHANGED, PAID, UNCHANGED, record_return, record_sale
from scoring.news import Origin, report
from scoring.outcomes import Outcome
from scoring.overrides import record_override
from scoring.policy import Policy
from scoring.refusals import refuse_untimely, refuse_unusable
from scoring.state import FINGERPRINT_BYTES, MemberState, Return, Sale, fingerprint, place_of, unknown_member
from scoring.vocabulary import PROSPECT, REMEMBERED_EVENT_IDS

APPLIED: Final = 0
DUPLICATE: Final = 1

_NOTHING: Final[tuple[Outcome, ...]] = ()
#: Why an evaluation followed, for events that are no ``order.paid``; "other" for all others.
_REASONS: Final[dict[type, str]] = {OrderReturned: "return", OrderCancelled: "cancel"}
#: What may take back an earlier qualification.
_RETESTING: Final = ("revision", "cancel", "return")


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

    ``verdict`` is ``APPLIED`` or ``DUPLICATE`` (only the offset moved). ``moved`` says that tier or stage changed, that
    the member is new, or that there are outcomes. ``outcomes`` is shared when it is empty: read it, never add to it.
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
    appended = done == APPENDED and (as_of < after.next_due or after.next_due == 0)
    if appended and isinstance(event, OrderPaid):
        if state is not None and policy.plain:
            # The usual event: most of the time it moves nothing, and there is nothing to compare but these two.
            evaluate_purchase(after, occurred_at, bought, event.net_amount, policy)
            if after.tier == state.tier and after.stage == state.stage:
                return Decision(after, _NOTHING, APPLIED, moved=False)
            evaluation = _before(state)
        else:
            evaluation = _before(state)
            evaluate_purchase(after, occurred_at, bought, event.net_amount, policy, evaluation)
    else:
        evaluation = _before(state)
        evaluate(after, policy, evaluation, retest=reason in _RETESTING)
    told = report(after, evaluation, policy, _origin_of(event, reason, position))
    moved = bool(told) or state is None or after.tier != state.tier or after.stage != state.stage
    return Decision(after, told, APPLIED, moved=moved)


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
        evaluation = _before(after)
        after.as_of = due
        evaluate(after, policy, evaluation)
        if after.tier == tier and after.stage == stage and after.further is None and policy.plain:
            continue
        origin = Origin(
            cause=f"timer:{due}",
            reason="window_exit",
            recorded_at=tick_at,
            imported=position.imported,
            tick_at=tick_at,
        )
        news = report(after, evaluation, policy, origin)
        told += news
        moved = moved or bool(news) or after.tier != tier or after.stage != stage
    after.as_of = tick_at
    return Decision(after, told, APPLIED, moved=moved)


def _origin_of(event: MemberEvent, reason: str, position: Position) -> Origin:
    origin = Origin(cause=event.event_id, reason=reason, recorded_at=position.log_time, imported=position.imported)
    if isinstance(event, (OrderPaid, OrderReturned, OrderCancelled)):
        origin.order_id, origin.shop_id, origin.channel = event.order_id, event.shop_id, event.channel
    elif isinstance(event, Visit):
        origin.shop_id, origin.channel = event.shop_id, event.channel
    elif isinstance(event, TierOverridden):
        origin.override_reason, origin.override_actor = event.reason, event.actor
    return origin


def _before(state: MemberState | None) -> Evaluation:
    """What an evaluation is compared with."""
    if state is None:
        return Evaluation(-1, PROSPECT)
    if state.further is None:
        return Evaluation(state.tier, state.stage)
    own = state.further
    segments = (own.rf_segment, own.quadrant, own.kind_of_eight)
    return Evaluation(state.tier, own.told_stage, segments, own.override, own.grace_until > 0)


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
