"""Every threshold the rules use, resolved and frozen in spirit: built once per published version, never changed."""

from typing import Final

from scoring.calendar import Zone
from scoring.holdout import NO_HOLDOUT, Holdout
from scoring.rhythm import NO_QUIET_DAYS, QuietCalendar, Rhythm
from scoring.segment_rules import Medians, SegmentRules
from scoring.tier_rules import HoldRules, TierRule, span_of
from scoring.vocabulary import DAY_MS

#: How the tiers' qualifying window is cut: the last so many days, years from 1 January, years from joining.
ROLLING: Final = 0
CALENDAR_YEAR: Final = 1
MEMBERSHIP_YEAR: Final = 2
#: Local days differ from days of 24 hours by less than this: an offset is less than a day, and days are begun, not
#: full.
_LOCAL_SLACK_DAYS: Final = 3
#: More days than any policy's dates span.
_EVER: Final = 1 << 30


class SealRules:
    """When orders leave the ledger for day buckets (docs/rules.md, section 4.7): caps on unsealed orders and stubs,
    and on fingerprints of sealed ones.
    """

    def __init__(self, max_orders: int, max_fingerprints: int) -> None:
        self.max_orders = max_orders
        self.max_fingerprints = max_fingerprints


class Cuts:
    """The cuts of one local date in force (docs/rules.md, section 6.8).

    ``date`` is an ISO date. ``enter`` and ``leave`` are by tier rank: orders times minor units, None where nobody
    passes; ``ranks`` are the ranks that the cuts know. With ``fallback`` the thresholds decide. ``medians`` are None
    where nobody bought.
    """

    def __init__(
        self,
        date: str,
        fallback: bool,
        ranks: frozenset[int],
        enter: dict[int, int | None],
        leave: dict[int, int | None],
        medians: Medians | None = None,
    ) -> None:
        self.date = date
        self.fallback = fallback
        self.ranks = ranks
        self.enter = enter
        self.leave = leave
        self.medians = medians


class Action:
    """What is recommended for a member of one tier and stage; ``valid_days`` and ``cap_days`` are local days.

    ``cap`` is how often a member may have the offer within ``cap_days``; with 0 of these it is passed on, not counted.
    ``channel`` may be empty.
    """

    def __init__(
        self, offer: str, message_key: str, valid_days: int, cap: int, cap_days: int = 0, channel: str = ""
    ) -> None:
        self.offer = offer
        self.message_key = message_key
        self.valid_days = valid_days
        self.cap = cap
        self.cap_days = cap_days
        self.channel = channel


class Cap:
    """How many ``times`` a member may have an offer within so many local ``days``."""

    def __init__(self, times: int, days: int) -> None:
        self.times = times
        self.days = days


class Policy:
    """A published policy. Days are local days of ``zone``; money is minor units of ``currency``.

    ``holds`` is None where tiers fall at once, ``rhythm`` is None in the lifecycle's fixed mode, ``segments`` is None
    where none is scored. ``allowed_lateness_ms`` holds alerts back. ``actions`` is by tier rank and stage index;
    ``holdout`` says who gets none.
    ``provisional``: upgrades wait for the return window. ``by_percentile``: tiers go by ``cuts``, which are None before
    the first ones. ``seal`` is None where orders are never sealed. ``corrects``: late news corrects outcomes. A merge
    can be taken back for ``unmerge_days``.
    """

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
        tier_window: int = ROLLING,
        holds: HoldRules | None = None,
        rhythm: Rhythm | None = None,
        quiet: QuietCalendar = NO_QUIET_DAYS,
        allowed_lateness_ms: int = 0,
        segments: SegmentRules | None = None,
        actions: dict[tuple[int, int], Action] | None = None,
        pace: Rhythm | None = None,
        provisional: bool = False,
        by_percentile: bool = False,
        cuts: Cuts | None = None,
        seal: SealRules | None = None,
        corrects: bool = False,
        unmerge_days: int = 30,
        holdout: Holdout = NO_HOLDOUT,
    ) -> None:
        self.version = version
        self.content_hash = content_hash
        self.currency = currency
        self.zone = zone
        self.window_days = window_days
        self.tier_window = tier_window
        self.tier_window_days = tier_window_days
        self.return_window_days = return_window_days
        # A year window looks at the year before as well: 2 * 365 days and a leap day.
        tier_span = tier_window_days if tier_window == ROLLING else 731
        # In rhythm mode the last purchase and the latest purchase days are remembered beyond the horizon.
        quiet_span = dormant_days if rhythm is None else 0
        #: Orders older than this are gone from the ledger and news about them is too late.
        self.horizon_days = max(window_days, tier_span, quiet_span) + return_window_days + 5
        #: News that lies no further back than this (milliseconds) is not too late, whatever the zone's days are.
        self.timely_ms = (self.horizon_days - _LOCAL_SLACK_DAYS) * DAY_MS
        self.min_order_amount = min_order_amount
        self.tiers = tiers
        self.tier_names = [rule.name for rule in tiers]
        self.holds = holds
        self.near_churn_days = near_churn_days
        self.recently_lapsed_days = recently_lapsed_days
        self.mid_lapsed_days = mid_lapsed_days
        self.dormant_days = dormant_days
        self.rhythm = rhythm
        #: By which a member's expected gap is told, in both modes.
        self.pace = pace if pace is not None else rhythm if rhythm is not None else Rhythm()
        self.quiet = quiet
        self.allowed_lateness_ms = allowed_lateness_ms
        self.segments = segments
        self.actions = actions if actions is not None else {}
        self.holdout = holdout
        #: Of the offers that have one; all actions of an offer have the same.
        self.caps = {each.offer: Cap(each.cap, each.cap_days) for each in self.actions.values() if each.cap_days}
        self.provisional = provisional
        self.by_percentile = by_percentile
        self.cuts = cuts
        self.seal = seal
        self.corrects = corrects
        self.unmerge_days = unmerge_days
        #: Nothing but fixed boundaries and tiers by a rolling window that rise and fall at once.
        self.plain = (
            holds is None
            and tier_window == ROLLING
            and rhythm is None
            and allowed_lateness_ms == 0
            and segments is None
            and not provisional
            and not by_percentile
            and seal is None
            and not corrects
            and quiet.quiet_days_between(-_EVER, _EVER) == 0
        )
        #: Whether the reported numbers are those that earn the tier, of whoever has no override.
        self.earned_as_reported = (
            holds is None
            and tier_window == ROLLING
            and tier_window_days == window_days
            and not provisional
            and not by_percentile
        )
        #: By rank, who is surely in this tier: from so many orders, or so many minor units on, with less than so many
        #: orders and less than so many minor units.
        self.spans = [span_of(tiers, rank) for rank in range(len(tiers))]
        #: Whether members have to be compared with each other, once a day.
        self.needs_cuts = by_percentile or (segments is not None and (segments.by_median or segments.by_quantile))

    def with_cuts(self, cuts: Cuts, segments: SegmentRules | None) -> "Policy":
        """The same policy under other cuts, with the segments' rules as of the same day."""
        return Policy(
            self.version,
            self.content_hash,
            self.currency,
            self.zone,
            self.window_days,
            self.tier_window_days,
            self.return_window_days,
            self.min_order_amount,
            self.tiers,
            self.near_churn_days,
            self.recently_lapsed_days,
            self.mid_lapsed_days,
            self.dormant_days,
            self.tier_window,
            self.holds,
            self.rhythm,
            self.quiet,
            self.allowed_lateness_ms,
            segments,
            self.actions,
            self.pace,
            self.provisional,
            self.by_percentile,
            cuts,
            self.seal,
            self.corrects,
            self.unmerge_days,
            self.holdout,
        )
