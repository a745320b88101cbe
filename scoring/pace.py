"""How often a member used to buy: purchase days, the gaps between them, and the gap that may be expected."""

from scoring.ledger import orders_of
from scoring.policy import Policy
from scoring.rhythm import gaps, typical_gap
from scoring.state import MemberState


def purchase_days_of(state: MemberState, policy: Policy) -> list[int]:
    """The local days of kept purchases, the latest of those that left the ledger included; in no order, with repeats.

    See docs/rules.md, section 4.6.
    """
    minimum = policy.min_order_amount
    days = list(state.gone_purchase_days)
    for _, _, bought, value, _ in orders_of(state):
        if value >= minimum:
            days.append(bought)
    return days


def expected_gap(state: MemberState, policy: Policy) -> int:
    """The member's typical gap in seconds (docs/rules.md, section 7.2)."""
    return expected_after(gaps(purchase_days_of(state, policy), policy.quiet), policy)


def expected_after(found: list[int], policy: Policy) -> int:
    """The same from the gaps in open days."""
    return typical_gap(found, policy.pace)
