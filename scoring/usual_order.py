"""What the usual event does: an order, of a member of whom nothing else is known, where only thresholds and fixed days
count.

It comes to what the rules for all events come to. In pure Python a call costs as much as four comparisons, hence what
they ask step by step is asked here in one place: that takes 0.83 times as long, and compiled 0.96 times.
"""

from scoring.decision import APPLIED, DUPLICATE, NO_OUTCOMES, Decision, Position
from scoring.evaluation import evaluate
from scoring.events import OrderPaid
from scoring.ledger import APPENDED, CHANGED, PAID, UNCHANGED, record_sale
from scoring.lifecycle import stage_and_boundary
from scoring.news import report_usual
from scoring.origin import Origin
from scoring.policy import Policy
from scoring.rfm import add_purchase
from scoring.state import NO_DAY, ORDER, MemberState, fingerprint, unknown_member
from scoring.tiers import earned_tier
from scoring.vocabulary import ACTIVE, NEW, PROSPECT


def apply_usual(
    after: MemberState | None, event: OrderPaid, at: int, as_of: int, policy: Policy, position: Position
) -> Decision:
    """Apply an order bought ``at`` as of ``as_of``, the same instant or a later one (epoch ms). It changes the state
    itself.

    Most of the time it moves nothing, and there is nothing to compare but tier and stage.
    """
    tier, stage = -1, PROSPECT
    if after is None:
        after = unknown_member(as_of)
    else:
        tier, stage = after.tier, after.stage
    after.offset = position.offset
    zone = policy.zone
    bought = zone.day if zone.begins <= at < zone.ends else zone.turn_to(at)
    day = bought if as_of < zone.ends else zone.day_of(as_of)
    order = fingerprint(event.order_id)
    net_amount = event.net_amount
    done = APPENDED
    if after.amended or order in after.orders:
        done = record_sale(after, order, bought, (event.revision, PAID, at, net_amount))
        if done == UNCHANGED:
            return Decision(after, NO_OUTCOMES, DUPLICATE)
    else:
        after.orders += ORDER.pack(order, at, bought, net_amount, event.revision)
    after.as_of = as_of
    counted = done == APPENDED and (as_of < after.next_due or after.next_due == 0)
    if counted and add_purchase(after, day, at, bought, net_amount, policy):
        _settle(after, day, policy)
        if after.tier == tier and after.stage == stage:
            return Decision(after, NO_OUTCOMES, APPLIED)
    else:
        evaluate(after, policy, None, retest=done == CHANGED)
    reason = "revision" if done == CHANGED else "purchase"
    # By position, and at once: keywords cost as much again.
    origin = Origin(
        event.event_id,
        reason,
        position.log_time,
        position.imported,
        0,
        event.order_id,
        event.shop_id,
        event.channel,
    )
    told = report_usual(after, tier, stage, policy, origin)
    return Decision(after, told, APPLIED, moved=bool(told) or after.tier != tier or after.stage != stage)


def _settle(state: MemberState, day: int, policy: Policy) -> None:
    """Tier, stage and timer as of a local day, from the state's numbers."""
    due_day = state.exit_day
    stage = PROSPECT
    if state.purchase_days > 0:
        age = day - state.last_day
        if age < policy.near_churn_days:
            stage, boundary = NEW if state.purchase_days == 1 else ACTIVE, policy.near_churn_days
        else:
            stage, boundary = stage_and_boundary(policy, age, state.purchase_days)
        boundary += state.last_day
        if boundary < due_day:
            due_day = boundary
    zone = policy.zone
    state.next_due = 0
    if due_day < NO_DAY >> 1:
        start = zone.day_starts.get(due_day)
        state.next_due = zone.start_of_day(due_day) if start is None else start
    frequency, monetary = state.tier_frequency, state.tier_monetary
    least_orders, least_money, more_orders, more_money = policy.spans[state.tier]
    # Who is between a tier and what is above it need not be compared with every tier.
    if frequency >= more_orders or monetary >= more_money or not (frequency >= least_orders or monetary >= least_money):
        tier = earned_tier(policy, frequency, monetary)
        if tier != state.tier:
            state.tier = tier
            state.tier_since = state.as_of
    if stage != state.stage:
        state.stage = stage
        state.stage_since = state.as_of
