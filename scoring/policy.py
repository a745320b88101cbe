"""Every threshold the rules use, resolved and frozen in spirit: built once per published version, never changed."""

from scoring.calendar import Zone


class TierRule:
    """One tier: its name and what qualifies a member for it (``None`` where a measure is not asked for).

    ``frequency`` is a number of kept orders, ``monetary`` minor units, both inclusive; ``match_all`` asks for both,
    otherwise either suffices.
    The lowest tier has neither.
    """

    def __init__(self, name: str, frequency: int | None, monetary: int | None, match_all: bool) -> None:
        self.name = name
        self.frequency = frequency
        self.monetary = monetary
        self.match_all = match_all


class Policy:
    """A published policy. Days are local days of ``zone``; money is minor units of ``currency``."""

    def __init__(
        self,
        version: int,
        content_hash: str,
        currency: str,
        zone: Zone,
        window_days: int,
        tier_window_days: int,
        return_window_days: int,
        min_order_amount: int,
        tiers: list[TierRule],
        near_churn_days: int,
        recently_lapsed_days: int,
        mid_lapsed_days: int,
        dormant_days: int,
    ) -> None:
        self.version = version
        self.content_hash = content_hash
        self.currency = currency
        self.zone = zone
        self.window_days = window_days
        self.tier_window_days = tier_window_days
        self.return_window_days = return_window_days
        #: Orders older than this are gone from the ledger and news about them is too late.
        self.horizon_days = max(window_days, tier_window_days, dormant_days) + return_window_days + 5
        self.min_order_amount = min_order_amount
        self.tiers = tiers
        self.tier_names = [rule.name for rule in tiers]
        self.near_churn_days = near_churn_days
        self.recently_lapsed_days = recently_lapsed_days
        self.mid_lapsed_days = mid_lapsed_days
        self.dormant_days = dormant_days
