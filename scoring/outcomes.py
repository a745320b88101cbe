"""The facts the scorer emits, before they become CloudEvents."""

from typing import Final, NamedTuple

from scoring.further import Override, Told
from scoring.policy import Action

TIER_JOINED: Final = "tier.joined"
TIER_UPGRADED: Final = "tier.upgraded"
TIER_DOWNGRADED: Final = "tier.downgraded"
OVERRIDE_SET: Final = "tier.override_set"
OVERRIDE_ENDED: Final = "tier.override_ended"
TIER_PROLONGED: Final = "tier.prolonged"
TIER_EXPIRING: Final = "tier.expiring"
TIER_CONFIRMED: Final = "tier.confirmed"
TIER_WITHDRAWN: Final = "tier.withdrawn"
TIER_CORRECTED: Final = "tier.corrected"
TIER_MERGED: Final = "tier.merged"
TIER_UNMERGED: Final = "tier.unmerged"
TIER_ERASED: Final = "tier.erased"
FIRST_PURCHASE: Final = "lifecycle.first_purchase"
NEAR_CHURN_ALERT: Final = "lifecycle.near_churn"
LAPSED_RECENTLY: Final = "lifecycle.lapsed_recently"
LAPSED_MID: Final = "lifecycle.lapsed_mid"
DORMANT_ALERT: Final = "lifecycle.dormant"
RECOVERED: Final = "lifecycle.recovered"
REACTIVATED: Final = "lifecycle.reactivated"
LIFECYCLE_CORRECTED: Final = "lifecycle.corrected"
SEGMENT_LEFT: Final = "segment.left"
SEGMENT_ENTERED: Final = "segment.entered"

#: What reached every member of a partition and moved some of them.
SWEPT_BY_POLICY: Final = "policy"
SWEPT_BY_CUTS: Final = "cuts"

#: There is nothing to reckon the spend from.
NO_SPEND: Final = -1


class Missing(NamedTuple):
    """What of a tier's thresholds a member has not: kept orders and minor units; None where a measure is not asked."""

    frequency: int | None
    monetary: int | None


class BelowCut(NamedTuple):
    """A tier's cut, None where nobody reaches it, and the rank value that a member has."""

    cut: int | None
    value: int


class TierFacts(NamedTuple):
    """What a tier outcome says where tiers are held, overridden or counted over another window than is reported.

    ``base``, ``floor`` and ``would_be`` (-1: not asked) are ranks, ``held_until`` and ``grace_until`` epoch ms (0:
    none). ``to_next`` is None at the top. ``keeps`` is what the base misses to stand as of ``held_until``, None without
    such an end. ``override`` is the one set or ended; ``override_reason`` and ``override_actor`` come from its event,
    ``detail`` says how it ended. ``provisional`` is None where the policy knows no provisional upgrades.
    ``superseded`` is what is corrected. ``value`` is the rank value where members rise and fall by percentile (-1:
    not asked); ``moved_by`` then says whether ``peers`` or the member's ``own`` purchases moved the tier. ``into`` is
    whom the member is, or was, merged into.
    """

    base: int
    floor: int
    held_until: int
    grace_until: int
    to_next: Missing | BelowCut | None
    keeps: Missing | BelowCut | None
    would_be: int = -1
    override: Override | None = None
    override_reason: str = ""
    override_actor: str = ""
    detail: str = ""
    provisional: bool | None = None
    superseded: Told | None = None
    value: int = -1
    moved_by: str = ""
    into: str = ""


class Silence(NamedTuple):
    """How a member used to buy, and what staying away costs.

    ``gaps`` are open days, oldest first; ``expected_gap`` is seconds, ``last_day`` a local day, ``quiet_days`` how many
    quiet days were left out since. ``spend_at_risk`` is minor units over one reported window, ``NO_SPEND`` without an
    order to reckon from.
    """

    gaps: list[int]
    expected_gap: int
    last_day: int
    quiet_days: int
    spend_at_risk: int


class SegmentFacts(NamedTuple):
    """Which group of names a segment is of (an index into ``GROUPS`` of :mod:`scoring.segment_rules`).

    ``age`` is how many local days ago the last purchase day was, -1 without a kept order.
    """

    group: int
    age: int


class Advice(NamedTuple):
    """What the policy recommends, good until ``valid_until`` (epoch ms, 0 where it is left out).

    ``left_out`` says why the outcome has no action all the same; empty where it has one. Whether the member gets it
    or is held out is not decided here: that hangs on the member's id.
    """

    action: Action
    valid_until: int
    left_out: str


class Superseded(NamedTuple):
    """The alert that is corrected, and the index of the told stage after the correction."""

    told: Told
    told_stage: int


#: What a kind says beside what all say. None on a tier kind: the base is the tier, there is no hold and no override,
#: and the reported numbers are those that earn the tier.
Facts = TierFacts | Silence | SegmentFacts | Superseded


class Outcome:
    """One tier change, lifecycle alert or change of segment of one member, with the numbers that decided it.

    Instants are epoch milliseconds (UTC), money is minor units. ``before``/``after`` are names of tiers, stages or
    segments (empty for none) and ``rank_before``/``rank_after`` their indices (-1 for none). ``cause`` is the causing
    event's id, ``timer:<ms>``, ``policy:<content hash>`` or ``cuts:<date>``; ``timer_at`` is that instant, 0 without a
    timer, and ``sweep`` is ``SWEPT_BY_POLICY`` or ``SWEPT_BY_CUTS``, empty for neither. ``due_at`` is 0 when the
    outcome was not due at a boundary. ``last_purchase_at`` is 0 without a kept order. ``order_id``, ``shop_id`` and
    ``channel`` are empty for timers. ``tier`` is the rank after the evaluation. ``advice`` is None where the policy
    recommends nothing.
    """

    __slots__ = (
        "advice",
        "after",
        "at",
        "before",
        "catch_up",
        "cause",
        "channel",
        "due_at",
        "facts",
        "frequency",
        "kind",
        "last_purchase_at",
        "monetary",
        "next_due_at",
        "offset",
        "order_id",
        "rank_after",
        "rank_before",
        "reason",
        "recorded_at",
        "sequence",
        "shop_id",
        "sweep",
        "tier",
        "timer_at",
    )

    def __init__(
        self,
        kind: str,
        sequence: int,
        cause: str,
        reason: str,
        before: str,
        after: str,
        rank_before: int,
        rank_after: int,
        at: int,
        due_at: int,
        recorded_at: int,
        catch_up: bool,
        frequency: int,
        monetary: int,
        last_purchase_at: int,
        next_due_at: int,
        tier: int,
        offset: int,
        order_id: str,
        shop_id: str,
        channel: str,
        timer_at: int,
        facts: Facts | None,
        sweep: str = "",
    ) -> None:
        self.kind = kind
        self.sequence = sequence
        self.cause = cause
        self.reason = reason
        self.before = before
        self.after = after
        self.rank_before = rank_before
        self.rank_after = rank_after
        self.at = at
        self.due_at = due_at
        self.recorded_at = recorded_at
        self.catch_up = catch_up
        self.frequency = frequency
        self.monetary = monetary
        self.last_purchase_at = last_purchase_at
        self.next_due_at = next_due_at
        self.tier = tier
        self.offset = offset
        self.order_id = order_id
        self.shop_id = shop_id
        self.channel = channel
        self.timer_at = timer_at
        self.facts = facts
        self.sweep = sweep
        self.advice: Advice | None = None
