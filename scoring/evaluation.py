"""Where a member stands at an instant: the one place that combines numbers, tier, stage and the next timer."""

from scoring.ledger import retire
from scoring.lifecycle import next_boundary, stage_of
from scoring.policy import Policy
from scoring.rfm import add_purchase, measure
from scoring.state import NO_DAY, MemberState
from scoring.tiers import earned_tier


def evaluate(state: MemberState, policy: Policy) -> None:
    """Bring numbers, tier, stage and the next timer up to the state's as_of, from the whole ledger."""
    day = policy.zone.day_of(state.as_of)
    measure(state, day, policy)
    if state.oldest_day <= day - policy.horizon_days:
        retire(state, day - policy.horizon_days, policy.min_order_amount)
        measure(state, day, policy)
    _settle(state, day, policy)


def evaluate_purchase(state: MemberState, at: int, bought: int, value: int, policy: Policy) -> None:
    """The same, after nothing but a new order: bought ``at`` (epoch ms, local day ``bought``) for ``value``.

    The state's other numbers must hold at as_of already, which they do when no timer lies between their evaluation and
    as_of.
    """
    day = policy.zone.day_of(state.as_of)
    if add_purchase(state, day, at, bought, value, policy):
        _settle(state, day, policy)
    else:
        evaluate(state, policy)


def _settle(state: MemberState, day: int, policy: Policy) -> None:
    due_day = state.exit_day
    age = 0
    if state.purchase_days > 0:
        age = day - state.last_day
        boundary = state.last_day + next_boundary(policy, age)
        if boundary < due_day:
            due_day = boundary
    state.next_due = policy.zone.start_of_day(due_day) if due_day < NO_DAY >> 1 else 0
    tier = earned_tier(policy, state.tier_frequency, state.tier_monetary)
    if tier != state.tier:
        state.tier = tier
        state.tier_since = state.as_of
    stage = stage_of(policy, age, state.purchase_days)
    if stage != state.stage:
        state.stage = stage
        state.stage_since = state.as_of
