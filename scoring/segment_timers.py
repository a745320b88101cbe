"""Which segments a member is in under a policy, and when that may next change by itself."""

from typing import Final

from scoring.ledger import buckets_of, orders_of
from scoring.policy import Policy
from scoring.segment_rules import Medians, SegmentRules
from scoring.segments import NO_MEMBERSHIPS, f_score, memberships, next_segment_change, next_type_change
from scoring.state import NO_DAY, MemberState

#: Places of the groups in a member's memberships.
GRID: Final = 0
TYPES: Final = 2
#: The part of a type's index that says that R is low.
_RECENCY: Final = 2


def medians_of(policy: Policy) -> Medians | None:
    """The medians in force, None before the first ones."""
    return None if policy.cuts is None else policy.cuts.medians


def segments_at(state: MemberState, policy: Policy, day: int) -> tuple[int, int, int]:
    """RF segment, quadrant and type on a local day, from the numbers that the state has as of that day.

    All -1 where the policy scores no segments; quadrant and type are -1 for members without any kept order.
    """
    rules = policy.segments
    if rules is None:
        return NO_MEMBERSHIPS
    medians = medians_of(policy)
    return memberships(state.purchase_days, state.last_day, day, state.frequency, state.monetary, rules, medians)


def next_segment_timer(state: MemberState, policy: Policy, day: int) -> int:
    """The start (epoch ms) of the next local day after ``day`` on which R falls; 0 when it cannot fall any further.

    Orders that leave the window move segments as well: that day is ``exit_day`` of the state.
    """
    rules = policy.segments
    if rules is None or state.purchase_days == 0:
        return 0
    due = next_segment_change(state.last_day, day, rules)
    due = min(due, next_type_change(state.last_day, day, rules, medians_of(policy)))
    return 0 if due == NO_DAY else policy.zone.start_of_day(due)


def only_recency_moved(
    state: MemberState, policy: Policy, rules: SegmentRules, group: int, before: int, after: int
) -> bool:
    """Whether a timer at the state's as_of moved a segment by R alone, and by no order that left the window.

    Nothing changes between timers, so F was until now what it was on the day of the instant before.
    """
    if group == TYPES:
        return before ^ after == _RECENCY
    if group != GRID:
        return False
    since = policy.zone.day_of(state.as_of - 1) - policy.window_days
    frequency = 0
    for _, _, bought, value, _ in orders_of(state):
        if value >= policy.min_order_amount and bought > since:
            frequency += 1
    for bucket in buckets_of(state):
        if bucket.day > since:
            frequency += bucket.frequency
    return f_score(frequency, rules) == f_score(state.frequency, rules)
