"""What an alert says about a member who has become quiet (docs/rules.md, section 7.4)."""

from scoring.ledger import buckets_of, orders_of
from scoring.outcomes import NO_SPEND, Silence
from scoring.pace import expected_after
from scoring.policy import Policy
from scoring.rhythm import DAY_S, gaps
from scoring.state import MemberState


def silence_of(state: MemberState, policy: Policy) -> Silence:
    """The silence, at the state's as_of, of a member with a kept order."""
    last_day = state.last_day
    since = last_day - policy.window_days
    minimum = policy.min_order_amount
    days = list(state.gone_purchase_days)
    frequency = monetary = 0
    for _, _, bought, value, _ in orders_of(state):
        if value >= minimum:
            days.append(bought)
            if since < bought <= last_day:
                frequency += 1
                monetary += value
    for bought, count, worth, _ in buckets_of(state):
        if count > 0:
            days.append(bought)
            if since < bought <= last_day:
                frequency += count
                monetary += worth
    found = gaps(days, policy.quiet)
    gap = expected_after(found, policy)
    at_risk = monetary * policy.window_days * DAY_S // (frequency * gap) if frequency > 0 else NO_SPEND
    day = policy.zone.day_of(state.as_of)
    quiet_days = policy.quiet.quiet_days_between(last_day, day)
    return Silence(found, gap, last_day, quiet_days, at_risk)
