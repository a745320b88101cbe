"""How recently, how often and for how much a member bought: R, F and M from the ledger."""

from scoring.further import Bucket
from scoring.ledger import buckets_of, last_sealed_at, orders_of
from scoring.policy import ROLLING, Policy
from scoring.state import NO_DAY, MemberState, Order


def measure(state: MemberState, day: int, policy: Policy) -> None:
    """Count the whole ledger on a local day, into the state; windows by years are left to be counted for tiers."""
    orders = orders_of(state)
    _count(state, orders, day, policy)
    buckets = buckets_of(state)
    if buckets:
        _count_sealed(state, buckets, day, policy)
    if policy.tier_window == ROLLING and policy.tier_window_days != policy.window_days:
        _count_for_tiers(state, orders, buckets, day, policy)
    if state.gone_days > 0:
        if not state.gone_purchase_days:
            # A row of before these days were remembered has their number and the latest instant.
            state.gone_purchase_days = (policy.zone.day_of(state.gone_at),)
        # Once a policy has lengthened the horizon, late orders may be older than those that left, or of the same day.
        counted = 1 if state.purchase_days == 1 and state.gone_purchase_days == (state.last_day,) else 0
        if state.purchase_days == 0 or state.gone_at > state.last_at:
            state.last_at = state.gone_at
            state.last_day = policy.zone.day_of(state.gone_at)
        state.purchase_days = min(state.purchase_days + state.gone_days - counted, 2)


def add_purchase(state: MemberState, day: int, at: int, bought: int, value: int, policy: Policy) -> bool:
    """Count one more order on a local day, into a state in which all others are counted as of that day.

    It was bought at ``at`` (epoch ms), which is the local day ``bought``, and is worth ``value`` minor units. False
    when that cannot be told without the others: then nothing is counted.
    """
    oldest = state.oldest_day
    if bought < oldest:
        oldest = bought
    if oldest <= day - policy.horizon_days:
        return False
    if value >= policy.min_order_amount:
        window = policy.window_days
        if window != policy.tier_window_days or bought <= day - window:
            return False
        state.frequency += 1
        state.monetary += value
        state.tier_frequency = state.frequency
        state.tier_monetary = state.monetary
        if bought + window < state.exit_day:
            state.exit_day = bought + window
        if state.purchase_days == 0:
            state.purchase_days = 1
            state.last_at = at
            state.last_day = bought
        else:
            if bought != state.last_day:
                state.purchase_days = 2
            if at > state.last_at:
                state.last_at = at
                state.last_day = bought
    state.oldest_day = oldest
    return True


def _count(state: MemberState, orders: list[Order], day: int, policy: Policy) -> None:
    minimum = policy.min_order_amount
    since = day - policy.window_days
    oldest = first_day = inside = NO_DAY
    last_at = frequency = monetary = 0
    last_day = -NO_DAY
    # Comparisons and not min or max: a call for each would double the time of the loop.
    for _, at, bought, value, _ in orders:
        if bought < oldest:
            oldest = bought
        if value < minimum:
            continue
        if bought < first_day:
            first_day = bought
        if bought > last_day or (bought == last_day and at > last_at):
            last_day = bought
            last_at = at
        if bought > since:
            frequency += 1
            monetary += value
            if bought < inside:
                inside = bought
    state.oldest_day = oldest
    state.purchase_days = 0 if first_day == NO_DAY else 1 if first_day == last_day else 2
    state.last_at = last_at
    state.last_day = 0 if first_day == NO_DAY else last_day
    state.frequency = state.tier_frequency = frequency
    state.monetary = state.tier_monetary = monetary
    state.exit_day = NO_DAY if inside == NO_DAY else inside + policy.window_days


def _count_sealed(state: MemberState, buckets: tuple[Bucket, ...], day: int, policy: Policy) -> None:
    """Add the sealed orders to the numbers of the others."""
    days = {state.last_day} if state.purchase_days == 1 else set()
    last_day = -NO_DAY
    since = day - policy.window_days
    frequency = monetary = 0
    for bought, count, worth, _ in buckets:
        if count == 0:
            continue
        days.add(bought)
        last_day = max(last_day, bought)
        if bought > since:
            frequency += count
            monetary += worth
            state.exit_day = min(state.exit_day, bought + policy.window_days)
    state.frequency += frequency
    state.monetary += monetary
    state.tier_frequency = state.frequency
    state.tier_monetary = state.monetary
    if last_day == -NO_DAY:
        return
    last_at = last_sealed_at(state)
    if state.purchase_days == 0 or (last_day, last_at) > (state.last_day, state.last_at):
        state.last_day = last_day
        state.last_at = last_at
    if state.purchase_days < 2:
        state.purchase_days = min(len(days), 2)


def _count_for_tiers(
    state: MemberState, orders: list[Order], buckets: tuple[Bucket, ...], day: int, policy: Policy
) -> None:
    frequency = monetary = 0
    for _, _, bought, value, _ in orders:
        if value >= policy.min_order_amount and bought > day - policy.tier_window_days:
            frequency += 1
            monetary += value
            state.exit_day = min(state.exit_day, bought + policy.tier_window_days)
    for bought, count, worth, _ in buckets:
        if count > 0 and bought > day - policy.tier_window_days:
            frequency += count
            monetary += worth
            state.exit_day = min(state.exit_day, bought + policy.tier_window_days)
    state.tier_frequency = frequency
    state.tier_monetary = monetary
