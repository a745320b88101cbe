"""Where a member stands at an instant: the one place that combines numbers, tier, stage and the next timer."""

from scoring.ledger import retire
from scoring.lifecycle import next_boundary, stage_of
from scoring.policy import Policy
from scoring.rfm import NO_DAY, Measures
from scoring.state import MemberState
from scoring.tiers import earned_tier


def evaluate(state: MemberState, policy: Policy) -> Measures:
    """Bring numbers, tier, stage and the next timer up to the state's as_of."""
    at = state.as_of
    day = policy.zone.day_of(at)
    measures = Measures(state, day, policy)
    if measures.outdated:
        retire(state, day - policy.horizon_days, policy.min_order_amount)
        measures = Measures(state, day, policy)
    state.frequency = measures.frequency
    state.monetary = measures.monetary
    state.last_at = measures.last_at
    due_day = measures.exit_day
    age = 0
    if measures.days > 0:
        age = day - measures.last_day
        due_day = min(due_day, measures.last_day + next_boundary(policy, age))
    state.next_due = policy.zone.start_of_day(due_day) if due_day < NO_DAY >> 1 else 0
    tier = earned_tier(policy, measures.tier_frequency, measures.tier_monetary)
    if tier != state.tier:
        state.tier = tier
        state.tier_since = at
    stage = stage_of(policy, age, measures.days)
    if stage != state.stage:
        state.stage = stage
        state.stage_since = at
    return measures
