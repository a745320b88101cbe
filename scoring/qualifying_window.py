"""Which orders count for tiers: the windows of a member as of an instant, and what lies in them.

Docs/rules.md, sections 5.2 and 6.2. By years there are two windows, the year that runs and the one before it.
"""

from scoring.calendar import month_and_day, start_of_year, year_of
from scoring.ledger import buckets_of, orders_of
from scoring.policy import CALENDAR_YEAR, ROLLING, Policy
from scoring.state import NO_DAY, MemberState

#: Kept orders and their worth in minor units.
Counts = tuple[int, int]


def counts_at(state: MemberState, policy: Policy, instant: int, last_day: int = NO_DAY) -> list[Counts]:
    """What each window holds as of ``instant`` (epoch ms) by the ledger of now, the present window first.

    Orders of a local day after ``last_day`` are left out.
    """
    day = policy.zone.day_of(instant)
    minimum = policy.min_order_amount
    begin = first_day(state, policy, day)
    turn = begin if policy.tier_window == ROLLING else year_start(state, policy, day, 0)
    frequency = monetary = earlier_frequency = earlier_monetary = 0
    for _, at, bought, value, _ in orders_of(state):
        if value < minimum or bought < begin or at > instant or bought > last_day:
            continue
        if bought >= turn:
            frequency += 1
            monetary += value
        else:
            earlier_frequency += 1
            earlier_monetary += value
    for bought, count, worth, _ in buckets_of(state):
        if bought < begin or bought > last_day or not _was_known(state, policy, bought, instant):
            continue
        if bought >= turn:
            frequency += count
            monetary += worth
        else:
            earlier_frequency += count
            earlier_monetary += worth
    if policy.tier_window == ROLLING:
        return [(frequency, monetary)]
    return [(frequency, monetary), (earlier_frequency, earlier_monetary)]


def first_day_after(state: MemberState, policy: Policy, instant: int, last_day: int) -> int:
    """The first local day after ``last_day`` with an order that the windows as of ``instant`` (epoch ms) count.

    ``NO_DAY`` without one.
    """
    begin = max(first_day(state, policy, policy.zone.day_of(instant)), last_day + 1)
    minimum = policy.min_order_amount
    days = [b for _, at, b, value, _ in orders_of(state) if value >= minimum and b >= begin and at <= instant]
    for bought, count, _, _ in buckets_of(state):
        if count > 0 and bought >= begin and _was_known(state, policy, bought, instant):
            days.append(bought)
    return min(days, default=NO_DAY)


def is_whole(state: MemberState, policy: Policy, instant: int) -> bool:
    """Whether the ledger of as_of still has all of the windows as of ``instant`` (epoch ms)."""
    begin = first_day(state, policy, policy.zone.day_of(instant))
    return begin > policy.zone.day_of(state.as_of) - policy.horizon_days


def first_day(state: MemberState, policy: Policy, day: int) -> int:
    """The first local day of the windows on a local day."""
    if policy.tier_window == ROLLING:
        return day - policy.tier_window_days + 1
    return year_start(state, policy, day, -1)


def year_start(state: MemberState, policy: Policy, day: int, further: int) -> int:
    """The first local day of the year that lies ``further`` years after the one with the local day ``day``."""
    if policy.tier_window == CALENDAR_YEAR:
        month, month_day = 1, 1
    else:
        month, month_day = month_and_day(policy.zone.day_of(state.joined_at))
    return start_of_year(year_of(day, month, month_day) + further, month, month_day)


def _was_known(state: MemberState, policy: Policy, bought: int, instant: int) -> bool:
    """Whether sealed orders of the local day ``bought`` count as of ``instant`` (epoch ms).

    The day alone is known of them: they count when it began before the instant, and all of them as of now and later.
    """
    return instant >= state.as_of or policy.zone.start_of_day(bought) < instant
