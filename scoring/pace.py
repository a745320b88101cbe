"""How often a member used to buy: purchase days, the gaps between them, and the gap that may be expected."""

from scoring.ledger import buckets_of, orders_of
from scoring.policy import Policy
from scoring.rhythm import gaps, typical_gap
from scoring.state import MemberState


def purchase_days_of(state: MemberState, policy: Policy) -> list[int]:
    """The local days of kept purchases, in no order and with repeats: unsealed, sealed, and the latest that left.

    See docs/rules.md, section 4.6.
    """
    return purchase_days_until(state, policy, state.as_of)


def purchase_days_until(state: MemberState, policy: Policy, instant: int) -> list[int]:
    """The same as of ``instant`` (epoch ms): later orders of the ledger are left out (section 5.2)."""
    minimum = policy.min_order_amount
    days = list(state.gone_purchase_days)
    for _, at, bought, value, _ in orders_of(state):
        if value >= minimum and at <= instant:
            days.append(bought)
    for bucket in buckets_of(state):
        # Of sealed orders the day alone is known.
        known = instant >= state.as_of or policy.zone.start_of_day(bucket.day) < instant
        if bucket.frequency > 0 and known:
            days.append(bucket.day)
    return days


def expected_gap(state: MemberState, policy: Policy) -> int:
    """The member's typical gap in seconds (docs/rules.md, section 7.2)."""
    return expected_after(gaps(purchase_days_of(state, policy), policy.quiet), policy)


def expected_after(found: list[int], policy: Policy) -> int:
    """The same from the gaps in open days."""
    return typical_gap(found, policy.pace)
