"""How recently, how often and for how much a member bought: R, F and M from the ledger."""

from typing import Final

from scoring.policy import Policy
from scoring.state import MemberState, Order

#: Later than every local day that can occur; stands for "no such day".
NO_DAY: Final = 1 << 40


class Measures:
    """What one pass over the ledger finds on a local day. Money is minor units, instants epoch ms, days local days.

    ``frequency`` and ``monetary`` are those of the reported window, ``tier_...`` of the tiers' window. ``days`` counts
    distinct purchase days, those of orders that left included, but no further than 2. Without any kept order it is 0,
    as is ``last_at``. ``exit_day`` is the next day on which an order leaves a window; ``NO_DAY`` or later when none
    will. ``outdated`` says that orders have reached the horizon; the rest is then not to be used.
    """

    __slots__ = (
        "days",
        "exit_day",
        "frequency",
        "last_at",
        "last_day",
        "monetary",
        "outdated",
        "tier_frequency",
        "tier_monetary",
    )

    days: int

    def __init__(self, state: MemberState, day: int, policy: Policy) -> None:
        orders: list[Order] = state.orders
        if state.amended:
            orders = orders + [(e[0], e[1], e[2], e[3], e[4]) for e in state.amended]
        self._count(orders, day, policy)
        if policy.tier_window_days != policy.window_days:
            self._count_for_tiers(orders, day, policy)
        if state.gone_days > 0:
            if self.days == 0:
                self.last_at = state.gone_at
                self.last_day = policy.zone.day_of(state.gone_at)
            self.days = min(self.days + state.gone_days, 2)

    def _count(self, orders: list[Order], day: int, policy: Policy) -> None:
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
        self.outdated = oldest <= day - policy.horizon_days
        self.days = 0 if first_day == NO_DAY else 1 if first_day == last_day else 2
        self.last_at = last_at
        self.last_day = last_day
        self.frequency = self.tier_frequency = frequency
        self.monetary = self.tier_monetary = monetary
        self.exit_day = inside + policy.window_days

    def _count_for_tiers(self, orders: list[Order], day: int, policy: Policy) -> None:
        self.tier_frequency = 0
        self.tier_monetary = 0
        for _, _, bought, value, _ in orders:
            if value >= policy.min_order_amount and bought > day - policy.tier_window_days:
                self.tier_frequency += 1
                self.tier_monetary += value
                self.exit_day = min(self.exit_day, bought + policy.tier_window_days)
