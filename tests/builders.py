"""Makers of the things that tests about members talk about, with unremarkable values for all that a test leaves out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from inspect import signature
from typing import Final
from zoneinfo import ZoneInfo

from scoring.calendar import EPOCH, Zone, instant_of
from scoring.engine import Decision, Position, adopt, apply, fire
from scoring.evaluation import Evaluation, evaluate
from scoring.events import (
    MemberEvent,
    MemberJoined,
    OrderCancelled,
    OrderPaid,
    OrderReturned,
    TierOverridden,
    TierOverrideWithdrawn,
    Visit,
)
from scoring.further import Further
from scoring.holdout import NO_HOLDOUT, Holdout
from scoring.news import report
from scoring.origin import POLICY_CHANGED, Origin
from scoring.outcomes import Outcome
from scoring.policy import ROLLING, Action, Policy, SealRules
from scoring.rhythm import NO_QUIET_DAYS, QuietCalendar, Rhythm
from scoring.segment_rules import SegmentRules
from scoring.state import ORDER, MemberState
from scoring.tier_rules import HoldRules, TierRule

#: Noon UTC of the first day of most stories.
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: The names of a state's fields. (A compiled class has no ``__slots__``.)
FIELDS: Final = tuple(signature(MemberState).parameters)
FURTHER_FIELDS: Final = tuple(signature(Further).parameters)
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


def noon(day: int) -> datetime:
    """Noon UTC, ``day`` days after the story's first."""
    return NOON + timedelta(days=day)


def midnight(day: int) -> int:
    """The start (epoch ms) of the UTC day ``day`` days after the story's first."""
    return instant_of(noon(day)) - 12 * HOUR_MS


@cache
def _offset_changes(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    zone = ZoneInfo(name)

    def offset_at(second: int) -> int:
        return (datetime.fromtimestamp(second, zone).utcoffset() or timedelta()) // timedelta(milliseconds=1)

    first = int(datetime(1985, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(2036, 1, 1, tzinfo=UTC).timestamp())
    starts, offsets = [-(1 << 60)], [offset_at(first)]
    for noon_or_midnight in range(first, last, 43_200):
        if offset_at(noon_or_midnight) != offsets[-1]:
            halves = range(noon_or_midnight - 43_200, noon_or_midnight + 1, 1800)
            starts.append(1000 * next(second for second in halves if offset_at(second) != offsets[-1]))
            offsets.append(offset_at(noon_or_midnight))
    return tuple(starts), tuple(offsets)


def a_zone(name: str = "UTC") -> Zone:
    """The table of a named zone, good from 1985 to 2035."""
    starts, offsets = _offset_changes(name)
    return Zone(name, list(starts), list(offsets))


#: Tiers with a threshold on F alone, on either, and on both.
TIERS: Final = (
    TierRule("Basic", None, None, match_all=False),
    TierRule("Silver", 3, None, match_all=False),
    TierRule("Gold", 5, 100_000, match_all=False),
    TierRule("Black", 10, 500_000, match_all=True),
)


def a_policy(
    *,
    zone: Zone | None = None,
    window_days: int = 365,
    tier_window: int = ROLLING,
    tier_window_days: int = 365,
    return_window_days: int = 90,
    min_order_amount: int = 1,
    tiers: Sequence[TierRule] = TIERS,
    holds: HoldRules | None = None,
    stages: tuple[int, int, int, int] = (60, 90, 180, 365),
    rhythm: Rhythm | None = None,
    quiet: QuietCalendar = NO_QUIET_DAYS,
    allowed_lateness_ms: int = 0,
    segments: SegmentRules | None = None,
    actions: dict[tuple[int, int], Action] | None = None,
    holdout: Holdout = NO_HOLDOUT,
    seal: SealRules | None = None,
    provisional: bool = False,
    corrects: bool = False,
    by_percentile: bool = False,
) -> Policy:
    """``stages`` are the days at which near-churn, recently lapsed, mid lapsed and dormant begin."""
    return Policy(
        version=1,
        content_hash="0" * 64,
        currency="EUR",
        zone=zone or a_zone(),
        window_days=window_days,
        tier_window_days=tier_window_days,
        return_window_days=return_window_days,
        min_order_amount=min_order_amount,
        tiers=list(tiers),
        near_churn_days=stages[0],
        recently_lapsed_days=stages[1],
        mid_lapsed_days=stages[2],
        dormant_days=stages[3],
        tier_window=tier_window,
        holds=holds,
        rhythm=rhythm,
        quiet=quiet,
        allowed_lateness_ms=allowed_lateness_ms,
        segments=segments,
        actions=actions,
        holdout=holdout,
        seal=seal,
        provisional=provisional,
        corrects=corrects,
        by_percentile=by_percentile,
    )


#: Silver from two orders or 20.00, gold from four or 40.00, black from eight or 80.00.
HELD_TIERS: Final = (
    TierRule("Basic", None, None, match_all=False),
    TierRule("Silver", 2, 2_000, match_all=False),
    TierRule("Gold", 4, 4_000, match_all=False),
    TierRule("Black", 8, 8_000, match_all=False),
)
BASIC: Final = 0
SILVER: Final = 1
GOLD: Final = 2
BLACK: Final = 3


def holding(
    *,
    hold_days: int = 100,
    grace_days: int = 0,
    one_level: bool = True,
    expiring_days: int = 0,
    tiers: Sequence[TierRule] = HELD_TIERS,
    tier_window: int = ROLLING,
    tier_window_days: int = 100,
    zone: Zone | None = None,
    return_window_days: int = 90,
    provisional: bool = False,
    corrects: bool = False,
    by_percentile: bool = False,
) -> Policy:
    """A policy under which tiers are held."""
    return a_policy(
        zone=zone,
        tiers=tiers,
        tier_window=tier_window,
        tier_window_days=tier_window_days,
        return_window_days=return_window_days,
        holds=HoldRules(hold_days, grace_days, one_level, expiring_days),
        provisional=provisional,
        corrects=corrects,
        by_percentile=by_percentile,
    )


def an_order(
    order_id: str = "order-1",
    *,
    at: datetime = NOON,
    net: int = 1000,
    revision: int = 1,
    event_id: str = "",
    currency: str = "EUR",
    shop_id: str = "",
    channel: str = "",
) -> OrderPaid:
    return OrderPaid(
        event_id=event_id or f"paid-{order_id}-{revision}-{net}",
        member_id="ann",
        occurred_at=at,
        order_id=order_id,
        net_amount=net,
        currency=currency,
        revision=revision,
        shop_id=shop_id,
        channel=channel,
    )


def a_return(
    order_id: str = "order-1",
    *,
    at: datetime = NOON,
    amount: int = 1000,
    return_id: str = "total",
    revision: int = 1,
    event_id: str = "",
) -> OrderReturned:
    return OrderReturned(
        event_id=event_id or f"returned-{order_id}-{return_id}-{revision}-{amount}",
        member_id="ann",
        occurred_at=at,
        order_id=order_id,
        return_id=return_id,
        returned_amount=amount,
        revision=revision,
    )


def a_cancel(
    order_id: str = "order-1", *, at: datetime = NOON, revision: int = 1, event_id: str = ""
) -> OrderCancelled:
    return OrderCancelled(
        event_id=event_id or f"cancelled-{order_id}-{revision}",
        member_id="ann",
        occurred_at=at,
        order_id=order_id,
        revision=revision,
    )


def a_visit(event_id: str = "visit-1", *, at: datetime = NOON, shop_id: str = "", channel: str = "") -> Visit:
    return Visit(event_id=event_id, member_id="ann", occurred_at=at, shop_id=shop_id, channel=channel)


def a_joining(event_id: str = "joined-1", *, at: datetime = NOON) -> MemberJoined:
    return MemberJoined(event_id=event_id, member_id="ann", occurred_at=at)


def an_override(tier: str = "Gold", *, until: int, at: datetime = NOON, event_id: str = "override-1") -> TierOverridden:
    """Until an instant in epoch ms."""
    end = EPOCH + timedelta(milliseconds=until)
    return TierOverridden(
        event_id=event_id, member_id="ann", occurred_at=at, tier=tier, until=end, reason="kindness", actor="eve"
    )


def a_withdrawal(*, at: datetime = NOON, event_id: str = "withdrawn-1") -> TierOverrideWithdrawn:
    return TierOverrideWithdrawn(event_id=event_id, member_id="ann", occurred_at=at, reason="over", actor="eve")


class Story:
    """One member and her log: every record gets the next offset, and the event's own instant as its log time."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or a_policy()
        self.position = Position(-1, 0, 0, imported=False)
        self.state: MemberState | None = None
        self.told: list[Outcome] = []

    @property
    def member(self) -> MemberState:
        assert self.state is not None, "the story has no member yet"
        return self.state

    def has(self, *events: MemberEvent, log_time: int | None = None) -> Decision:
        """The decision about the last of the events, which are applied one after the other."""
        decision: Decision | None = None
        for event in events:
            moment = instant_of(event.occurred_at) if log_time is None else log_time
            self.position.offset += 1
            self.position.log_time = max(self.position.log_time, moment)
            decision = apply(self.state, event, self.policy, self.position)
            self._goes_on(decision)
        assert decision is not None, "name at least one event"
        return decision

    def tick(self, at: int) -> Decision:
        """Let time pass to ``at`` (epoch ms)."""
        self.position.offset += 1
        self.position.log_time = max(self.position.log_time, at)
        decision = fire(self.member, at, self.policy, self.position)
        self.position.last_tick = at
        self._goes_on(decision)
        return decision

    def adopts(self, policy: Policy, at: int) -> Decision:
        """Another policy comes, logged ``at`` (epoch ms)."""
        self.position.offset += 1
        self.position.log_time = max(self.position.log_time, at)
        before, self.policy = self.policy, policy
        cause = f"policy:{policy.content_hash}"
        decision = adopt(self.member, before, policy, POLICY_CHANGED, cause, self.position)
        self._goes_on(decision)
        return decision

    def evaluated(self, at: int) -> list[Outcome]:
        """What an evaluation at ``at`` (epoch ms) tells that nothing led to; the story goes on from it."""
        before, self.state = self.member, self.member.clone()
        self.state.as_of = at
        segments = (before.rf_segment, before.quadrant, before.kind_of_eight)
        evaluation = Evaluation(
            before.tier, before.told_stage, segments, before.override, in_grace_before=before.grace_until > 0
        )
        evaluate(self.state, self.policy, evaluation)
        origin = Origin(cause="nothing", reason="other", recorded_at=at, imported=False)
        return report(self.state, evaluation, self.policy, origin)

    def _goes_on(self, decision: Decision) -> None:
        self.state = decision.state
        self.told += decision.outcomes


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def contents(state: MemberState, *, but: Sequence[str] = ()) -> dict[str, object]:
    """All that a state says, with its orders in a fixed sequence, for comparison; without the fields ``but``."""
    fields: dict[str, object] = {name: getattr(state, name) for name in (*FIELDS, *FURTHER_FIELDS) if name not in but}
    ordered: dict[str, object] = {
        "further": state.further is not None,
        "orders": sorted(ORDER.iter_unpack(state.orders)),
        "amended": sorted(state.amended),
    }
    return fields | {name: value for name, value in ordered.items() if name not in but}
