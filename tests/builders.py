"""Makers of the things that tests about members talk about, with unremarkable values for all that a test leaves out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from inspect import signature
from typing import Final
from zoneinfo import ZoneInfo

from scoring.calendar import Zone, instant_of
from scoring.engine import Decision, Position, apply, fire
from scoring.events import MemberEvent, MemberJoined, OrderCancelled, OrderPaid, OrderReturned, Visit
from scoring.outcomes import Outcome
from scoring.policy import Policy, TierRule
from scoring.state import ORDER, MemberState

#: Noon UTC of the first day of most stories.
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: The names of a state's fields. (A compiled class has no ``__slots__``.)
FIELDS: Final = tuple(signature(MemberState).parameters)
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
    tier_window_days: int = 365,
    return_window_days: int = 90,
    min_order_amount: int = 1,
    tiers: Sequence[TierRule] = TIERS,
) -> Policy:
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
        near_churn_days=60,
        recently_lapsed_days=90,
        mid_lapsed_days=180,
        dormant_days=365,
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

    def _goes_on(self, decision: Decision) -> None:
        self.state = decision.state
        self.told += decision.outcomes


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def contents(state: MemberState, *, but: Sequence[str] = ()) -> dict[str, object]:
    """All that a state says, with its orders in a fixed sequence, for comparison; without the fields ``but``."""
    fields: dict[str, object] = {name: getattr(state, name) for name in FIELDS if name not in but}
    return fields | {"orders": sorted(ORDER.iter_unpack(state.orders)), "amended": sorted(state.amended)}
