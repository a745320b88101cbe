"""What the demonstration must come to: every member worked out straight from the file of orders.

This shares no code with the scorer and knows nothing of its state, its log or its timers: it is what the running
system is checked against. Purchases happen at 12:00 UTC of their date; days are local days of the policy's time zone;
instants are epoch milliseconds.
"""

import gzip
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOON_MS = 43_200_000
_DAY_MS = 86_400_000
_QUIET_STAGES = ("near_churn", "recently_lapsed", "mid_lapsed", "dormant")
_ALERTS = dict(zip(_QUIET_STAGES, ("near_churn", "lapsed_recently", "lapsed_mid", "dormant"), strict=True))


@dataclass(frozen=True, slots=True)
class CdnowRow:
    """One order: its row ``number`` counts from 1, ``amount`` is in cents, ``units`` are CDs."""

    number: int
    member_id: str
    ordered_on: date
    units: int
    amount: int

    @property
    def order_id(self) -> str:
        """The name under which import writes this row."""
        return f"cdnow-{self.number}"

    @property
    def purchased_at(self) -> int:
        """12:00 UTC of the order's date."""
        return (self.ordered_on - _EPOCH.date()).days * _DAY_MS + _NOON_MS


@dataclass(frozen=True, slots=True)
class RecomputedMember:
    """A member at the last tick. ``alerts`` are all (kind, instant) of the whole history, by instant.

    The instant of a quiet alert is when it was due, that of the others the purchase that caused them.
    ``last_purchase_at`` is None for a member who never paid anything.
    """

    frequency: int
    monetary: int
    last_purchase_at: int | None
    tier: str
    stage: str
    alerts: tuple[tuple[str, int], ...]


def read_cdnow() -> Iterator[CdnowRow]:
    """The packaged CDNOW orders in the order of the file, the header left out."""
    packed = (resources.files("streams.demo") / "cdnow_master.txt.gz").read_bytes()
    for number, line in enumerate(gzip.decompress(packed).decode("ascii").splitlines()[1:], start=1):
        customer, day, units, price = line.split()
        dollars, cents = price.split(".")
        ordered_on = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        yield CdnowRow(number, f"{int(customer):05d}", ordered_on, int(units), int(dollars) * 100 + int(cents))


def recompute(rows: Iterable[CdnowRow], policy: Mapping[str, Any], ticks: Sequence[int]) -> dict[str, RecomputedMember]:
    """Every member with an order before the last of ``ticks`` (rising epoch ms), as of that tick.

    Later orders do not count. Raises ValueError without a tick.
    """
    if not ticks:
        raise ValueError("no ticks: give at least the instant at which the members are wanted")
    members = {}
    past = sorted((row for row in rows if row.purchased_at < ticks[-1]), key=attrgetter("member_id", "purchased_at"))
    for member_id, orders in groupby(past, attrgetter("member_id")):
        members[member_id] = _member(list(orders), policy, ticks)
    return members


def _member(orders: list[CdnowRow], policy: Mapping[str, Any], ticks: Sequence[int]) -> RecomputedMember:
    zone = policy["time_zone"]
    kept = [order for order in orders if order.amount >= policy["min_order_amount"]]
    today = _day(ticks[-1], zone)
    reported = _inside(kept, today, policy["windows"]["reported_days"], zone)
    qualifying = _inside(kept, today, policy["tiers"]["window_days"], zone)
    return RecomputedMember(
        frequency=len(reported),
        monetary=sum(order.amount for order in reported),
        last_purchase_at=kept[-1].purchased_at if kept else None,
        tier=_tier(len(qualifying), sum(order.amount for order in qualifying), policy["tiers"]["levels"]),
        stage=_stage(kept, ticks[-1], policy),
        alerts=tuple(_alerts(orders, kept, policy, ticks)),
    )


def _inside(kept: list[CdnowRow], today: int, days: int, zone: str) -> list[CdnowRow]:
    return [order for order in kept if _day(order.purchased_at, zone) > today - days]


def _tier(frequency: int, monetary: int, levels: Sequence[Mapping[str, Any]]) -> str:
    for level in reversed(levels[1:]):
        met = [
            value >= level[name]
            for name, value in (("frequency", frequency), ("monetary", monetary))
            if level.get(name) is not None
        ]
        if all(met) if level.get("match", "any") == "all" else any(met):
            return str(level["name"])
    return str(levels[0]["name"])


def _stage(kept: list[CdnowRow], instant: int, policy: Mapping[str, Any]) -> str:
    """The stage of a member whose kept orders up to ``instant`` are these, oldest first."""
    if not kept:
        return "prospect"
    zone = policy["time_zone"]
    last_day = _day(kept[-1].purchased_at, zone)
    for stage in reversed(_QUIET_STAGES):
        if _day(instant, zone) - last_day >= policy["lifecycle"][f"{stage}_days"]:
            return stage
    return "new" if last_day == _day(kept[0].purchased_at, zone) else "active"


def _alerts(
    orders: list[CdnowRow], kept: list[CdnowRow], policy: Mapping[str, Any], ticks: Sequence[int]
) -> Iterator[tuple[str, int]]:
    """Walk from order to order: what each one changed, then what fell due by the last tick before the next."""
    stage, bought = "prospect", 0
    for place, order in enumerate(orders):
        bought += order in kept
        now = _stage(kept[:bought], order.purchased_at, policy)
        alert = _alert(stage, now)
        if alert in _ALERTS.values():
            yield f"lifecycle.{alert}", _boundary(kept[bought - 1], now, policy)
        elif alert:
            yield f"lifecycle.{alert}", order.purchased_at
        stage = now
        until = orders[place + 1].purchased_at if place + 1 < len(orders) else ticks[-1] + 1
        latest = bisect_left(ticks, until) - 1
        for quiet in _QUIET_STAGES if bought and latest >= 0 else ():
            due = _boundary(kept[bought - 1], quiet, policy)
            if order.purchased_at < due <= ticks[latest]:
                yield f"lifecycle.{_ALERTS[quiet]}", due
                stage = quiet


def _boundary(order: CdnowRow, stage: str, policy: Mapping[str, Any]) -> int:
    """When a member whose last purchase is ``order`` reaches a quiet stage."""
    zone = policy["time_zone"]
    return _start_of_day(_day(order.purchased_at, zone) + policy["lifecycle"][f"{stage}_days"], zone)


def _alert(before: str, after: str) -> str | None:
    if before == after or {before, after} == {"new", "active"}:
        return None
    if before == "prospect":
        return "first_purchase"
    if after in _ALERTS:
        return _ALERTS[after]
    return "recovered" if before == "near_churn" else "reactivated"


@cache
def _day(instant: int, zone: str) -> int:
    """The local calendar date, in days since 1970-01-01."""
    local = (_EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone))
    return (local.date() - _EPOCH.date()).days


@cache
def _start_of_day(day: int, zone: str) -> int:
    """The first instant of a local day, to the quarter of an hour at which zones change."""
    instant = (day - 1) * _DAY_MS
    while _day(instant, zone) < day:
        instant += 900_000
    return instant
