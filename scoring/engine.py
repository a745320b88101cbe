"""The way into the rules: one event, or the passing of time, and what it does to one member."""

from typing import Final

from scoring.absorbed_parts import (
    Apart,
    come_together,
    has_sealed_parts,
    keep_all_up,
    seal_all_after_event,
    take_apart,
)
from scoring.calendar import EPOCH
from scoring.corrections import can_correct, remember
from scoring.decision import APPLIED, DUPLICATE, NO_OUTCOMES, Decision, Position, compared_with, passed_over
from scoring.entering import enter, enter_part, ledger_entered
from scoring.evaluation import Evaluation, evaluate, evaluate_purchase
from scoring.events import MemberEvent, OrderCancelled, OrderPaid, OrderReturned, TierOverridden, Visit
from scoring.ledger import APPENDED, UNCHANGED, knows
from scoring.merges import MERGING, apply_merging, carry_over_merged, end_unmerge_time, pass_order_on
from scoring.news import report
from scoring.origin import POLICY_CHANGED, Origin
from scoring.outcomes import SWEPT_BY_CUTS, SWEPT_BY_POLICY, Outcome
from scoring.policy import Policy
from scoring.policy_change import carry_over, forget_what_cuts_decided, is_same
from scoring.refusals import refuse_sealed, refuse_untimely, refuse_unusable
from scoring.state import NO_DAY, MemberState, fingerprint, unknown_member
from scoring.usual_order import apply_usual
from scoring.vocabulary import DAY_MS

__all__ = ["APPLIED", "DUPLICATE", "Decision", "Position", "adopt", "apply", "fire"]

# A name of another module is looked up each time; one's own constant is not, when it is compiled.
_EPOCH: Final = EPOCH
_ORDERS: Final = (OrderPaid, OrderReturned, OrderCancelled)
#: What may take back an earlier qualification.
_RETESTING: Final = ("revision", "cancel", "return")


def apply(
    state: MemberState | None, event: MemberEvent, policy: Policy, position: Position, given: bool = False
) -> Decision:
    """Apply an event to its member (``None``: not known yet). The state is left as it is unless it is ``given`` away:
    then nobody else may look at it again, and what becomes of it need not be a copy.

    Raises ``Refused`` for an event that must not change anything. Skipping records at or below ``state.offset`` is up
    to the caller.
    """
    if state is not None and state.further is not None and state.further.erased:
        return passed_over(state, position.offset)
    # As instant_of does, without a call.
    since = event.occurred_at - _EPOCH
    occurred_at = since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000
    as_of = occurred_at
    if as_of < position.last_tick != 0:
        as_of = position.last_tick
    if state is not None and as_of < state.as_of:
        as_of = state.as_of
    timely_ms = policy.timely_ms
    if not 0 <= position.log_time - occurred_at <= timely_ms or as_of - occurred_at > timely_ms:
        refuse_untimely(event, occurred_at, as_of, position.log_time, policy)
    if policy.plain and type(event) is OrderPaid and (state is None or state.further is None) and not event.via:
        if event.currency != policy.currency:
            refuse_unusable(event, policy)
        if given or state is None:
            return apply_usual(state, event, occurred_at, as_of, policy, position)
        return apply_usual(state.clone(), event, occurred_at, as_of, policy, position)
    refuse_unusable(event, policy)
    after = unknown_member(as_of) if state is None else state.clone()
    after.offset = position.offset
    return _apply_with_care(state, after, event, occurred_at, as_of, policy, position)


def _apply_with_care(
    state: MemberState | None,
    after: MemberState,
    event: MemberEvent,
    at: int,
    as_of: int,
    policy: Policy,
    position: Position,
) -> Decision:
    """The same for all that is not the usual; ``after`` is a copy of the state, ``at`` when it occurred (epoch ms)."""
    seals = policy.seal is not None or after.sealed is not None or has_sealed_parts(after)
    if seals:
        keep_all_up(after, policy.zone.day_of(as_of), policy)
    into = after
    if isinstance(event, MERGING):
        return apply_merging(state, after, as_of, event, policy, position)
    if isinstance(event, _ORDERS):
        into = ledger_entered(after, event, as_of)
        refuse_sealed(event, into, at, policy)
    elif state is not None and after.merge is not None:
        return passed_over(state, position.offset)
    done, reason = enter(into, event, at, policy)
    if done == UNCHANGED and state is not None:
        # Not even into a bucket does a duplicate move anything.
        return passed_over(state, position.offset)
    late_at = _late_at(after, into, event, reason, at, policy)
    after.as_of = as_of
    bought = policy.zone.day_of(at)
    appended = done == APPENDED and (as_of < after.next_due or after.next_due == 0)
    enter_part(after, event.via, into)
    new_day = bought if done == APPENDED and into is after else NO_DAY
    if seals and seal_all_after_event(after, event.via, policy, new_day):
        appended = False
    if after.merge is not None:
        return pass_order_on(after, event, after.merge)
    evaluation = compared_with(state)
    apart: Apart | None = None
    if after.parts:
        apart = come_together(after, policy)
        late_at = _late_at_in_all(after, event, late_at, policy)
    evaluation.late_at = late_at
    if appended and apart is None and isinstance(event, OrderPaid):
        evaluate_purchase(after, at, bought, event.net_amount, policy, evaluation)
    else:
        evaluate(after, policy, evaluation, retest=reason in _RETESTING)
    return _decided(state, after, evaluation, reason, event, policy, position, apart)


def _decided(
    state: MemberState | None,
    after: MemberState,
    evaluation: Evaluation,
    reason: str,
    event: MemberEvent,
    policy: Policy,
    position: Position,
    apart: Apart | None,
) -> Decision:
    told = report(after, evaluation, policy, _origin_of(event, reason, position))
    if apart is not None:
        take_apart(after, apart)
    moved = bool(told) or state is None or after.tier != state.tier or after.stage != state.stage
    return Decision(after, told, APPLIED, moved=moved)


def _late_at(state: MemberState, ledger: MemberState, event: MemberEvent, reason: str, at: int, policy: Policy) -> int:
    """When a new order was bought (epoch ms) that may show outcomes to have been wrong; 0 for all else.

    ``ledger`` is the one that it entered.
    """
    if not policy.corrects or reason != "purchase" or not isinstance(event, OrderPaid) or not state.told:
        return 0
    looked_at = ledger
    if ledger is not state:
        looked_at = ledger.clone()
        looked_at.own_further().remembered = state.told
    return at if can_correct(looked_at, fingerprint(event.order_id), at, policy) else 0


def _late_at_in_all(state: MemberState, event: MemberEvent, late_at: int, policy: Policy) -> int:
    """The same when all ledgers are laid together: another one may have the order as cancelled."""
    if not late_at or not isinstance(event, OrderPaid):
        return 0
    order = fingerprint(event.order_id)
    return 0 if knows(state, order) and not can_correct(state, order, late_at, policy) else late_at


def fire(state: MemberState, tick_at: int, policy: Policy, position: Position) -> Decision:
    """Fire every timer of a member that is due by ``tick_at`` (epoch ms), in due order, each at its own instant.

    The given state is left as it is; a member who is not due is handed back untouched, offset included.
    """
    if state.next_due == 0 or state.next_due > tick_at:
        return Decision(state, NO_OUTCOMES, APPLIED, moved=False)
    if state.merge is not None:
        return end_unmerge_time(state, position.offset, tick_at)
    after = state.clone()
    after.offset = position.offset
    told: list[Outcome] = []
    moved = False
    while after.next_due != 0 and after.next_due <= tick_at:
        due, tier, stage = after.next_due, after.tier, after.stage
        evaluation = compared_with(after)
        after.as_of = due
        apart = come_together(after, policy) if after.parts else None
        evaluate(after, policy, evaluation)
        if apart is None and after.tier == tier and after.stage == stage and after.further is None and policy.plain:
            continue
        origin = Origin(
            cause=f"timer:{due}",
            reason="window_exit",
            recorded_at=tick_at,
            imported=position.imported,
            tick_at=tick_at,
        )
        news = report(after, evaluation, policy, origin)
        if policy.corrects:
            remember(after, news)
        if apart is not None:
            take_apart(after, apart)
        told += news
        moved = moved or bool(news) or after.tier != tier or after.stage != stage
    after.as_of = tick_at
    return Decision(after, told, APPLIED, moved=moved)


def adopt(state: MemberState, before: Policy, after: Policy, reason: str, cause: str, position: Position) -> Decision:
    """Bring a member under another policy, or under other cuts of the same one, by one evaluation.

    ``reason`` is ``policy_changed`` with the cause ``policy:<content hash>``, or ``cut_moved`` with ``cuts:<date>``;
    then the policies differ by their cuts alone. The member must have absorbed everything that lies before
    ``position``. The given state is left as it is; a member whom cuts change in nothing but as_of and offset is handed
    back untouched. (A new policy touches everybody: what is missing to the next tier is told by scores.)
    """
    if state.erased or (state.merge is not None and reason != POLICY_CHANGED):
        return Decision(state, NO_OUTCOMES, APPLIED, moved=False)
    changed = state.clone()
    changed.offset = position.offset
    changed.as_of = max(state.as_of, position.last_tick)
    if state.merge is not None:
        carry_over_merged(changed, before, after)
        return Decision(state if is_same(state, changed) else changed, NO_OUTCOMES, APPLIED, moved=False)
    evaluation = compared_with(state)
    if reason == POLICY_CHANGED:
        evaluation.new_policy = True
        evaluation.still_held = carry_over(changed, before, after)
        evaluation.tier_before = changed.tier
    else:
        forget_what_cuts_decided(changed, after)
    apart = come_together(changed, after) if state.parts else None
    evaluate(changed, after, evaluation)
    origin = Origin(cause=cause, reason=reason, recorded_at=position.log_time, imported=position.imported)
    told = report(changed, evaluation, after, origin)
    if apart is not None:
        take_apart(changed, apart)
    if reason != POLICY_CHANGED and is_same(state, changed):
        return Decision(state, NO_OUTCOMES, APPLIED, moved=False)
    for outcome in told:
        outcome.sweep = SWEPT_BY_POLICY if reason == POLICY_CHANGED else SWEPT_BY_CUTS
    renamed = after.tier_names[changed.tier] != before.tier_names[state.tier]
    moved = bool(told) or renamed or changed.tier != state.tier or changed.stage != state.stage
    return Decision(changed, told, APPLIED, moved=moved)


def _origin_of(event: MemberEvent, reason: str, position: Position) -> Origin:
    origin = Origin(cause=event.event_id, reason=reason, recorded_at=position.log_time, imported=position.imported)
    if isinstance(event, (OrderPaid, OrderReturned, OrderCancelled)):
        origin.order_id, origin.shop_id, origin.channel = event.order_id, event.shop_id, event.channel
    elif isinstance(event, Visit):
        origin.shop_id, origin.channel = event.shop_id, event.channel
    elif isinstance(event, TierOverridden):
        origin.override_reason, origin.override_actor = event.reason, event.actor
    return origin
