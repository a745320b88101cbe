"""What earns a tier, and how long it is held."""

from typing import Final

#: More orders and minor units than anybody has.
_NEVER: Final = 1 << 60


class TierRule:
    """One tier: its name and what qualifies a member for it (``None`` where a measure is not asked for).

    ``frequency`` is a number of kept orders, ``monetary`` minor units, both inclusive; ``match_all`` asks for both,
    otherwise either suffices. The lowest tier has neither. ``never_downgrade`` protects against time. By percentile the
    best ``enter_percent`` of the ranked members reach the tier and the best ``leave_percent`` keep it; 0 is not asked.
    """

    def __init__(
        self,
        name: str,
        frequency: int | None,
        monetary: int | None,
        match_all: bool,
        never_downgrade: bool = False,
        enter_percent: int = 0,
        leave_percent: int = 0,
    ) -> None:
        self.name = name
        self.frequency = frequency
        self.monetary = monetary
        self.match_all = match_all
        self.never_downgrade = never_downgrade
        self.enter_percent = enter_percent
        self.leave_percent = leave_percent


class HoldRules:
    """How long a tier is held (docs/rules.md, section 6.3). Days are local days.

    ``hold_days`` is used with rolling windows only; ``one_level`` says whether a fall by time is one level or to the
    matching tier; ``expiring_days`` is 0 where no notice is wanted. ``kept_on_change``: a new policy lets nobody fall
    before the end of their hold.
    """

    def __init__(
        self, hold_days: int, grace_days: int, one_level: bool, expiring_days: int, kept_on_change: bool = True
    ) -> None:
        self.hold_days = hold_days
        self.grace_days = grace_days
        self.one_level = one_level
        self.expiring_days = expiring_days
        self.kept_on_change = kept_on_change


def span_of(tiers: list[TierRule], rank: int) -> tuple[int, int, int, int]:
    """Where a member is in the tier of a rank for sure: from so many kept orders or minor units on, and below what any
    tier above it asks for. Nobody is for sure where a tier asks for both.
    """
    rule = tiers[rank]
    least = (_NEVER if rule.frequency is None else rule.frequency, _NEVER if rule.monetary is None else rule.monetary)
    if rank == 0 or (rule.frequency is None and rule.monetary is None):
        least = (0, 0)
    elif rule.match_all:
        least = (_NEVER, _NEVER)
    orders = money = _NEVER
    for above in tiers[rank + 1 :]:
        if above.frequency is None and above.monetary is None:
            return _NEVER, _NEVER, 0, 0
        orders = min(orders, _NEVER if above.frequency is None else above.frequency)
        money = min(money, _NEVER if above.monetary is None else above.monetary)
    return (*least, orders, money)
