"""Where a member stands at one instant, and what changed between two standings (docs/rules.md, sections 5 to 9)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.orders import Order
from tests.oracle.policy import QUIET_STAGES, Rules

_QUIETNESS = {"new": 0, "active": 0, "near_churn": 1, "recently_lapsed": 2, "mid_lapsed": 3, "dormant": 4}
_QUIET_ALERTS = dict(QUIET_STAGES)


@dataclass(frozen=True)
class Standing:
    """``rank`` is -1 and ``stage`` prospect for somebody who is not a member yet. Instants are epoch milliseconds."""

    rank: int
    stage: str
    frequency: int
    monetary: int
    last_purchase_at: int | None
    last_day: int | None
    next_due_at: int | None


NOBODY = Standing(-1, "prospect", 0, 0, None, None, None)


@dataclass(frozen=True)
class Change:
    """An outcome without its place in the member's story; ``due_at`` is None where nothing was due."""

    kind: str
    before: str
    after: str
    due_at: int | None


def standing_at(instant: int, orders: Sequence[Order], departed: Sequence[Order], rules: Rules) -> Standing:
    """Work everything out from the kept orders of the ledger and the kept ones that left it."""
    today = day_of(instant, rules.zone)
    kept = [order for order in orders if order.is_kept]
    reported = [order for order in kept if order.day > today - rules.reported_days]
    qualifying = [order for order in kept if order.day > today - rules.tier_days]
    placed = [order.placed_at for order in (*kept, *departed) if order.placed_at is not None]
    last_purchase_at = max(placed) if placed else None
    last_day = None if last_purchase_at is None else day_of(last_purchase_at, rules.zone)
    due_days = [order.day + rules.reported_days for order in reported]
    due_days += [order.day + rules.tier_days for order in qualifying]
    if last_day is not None:
        due_days += [last_day + days for days in rules.stage_days.values() if last_day + days > today]
    return Standing(
        rank=rules.rank(len(qualifying), sum(order.net for order in qualifying)),
        stage=_stage(today, last_day, len({order.day for order in (*kept, *departed)}), rules),
        frequency=len(reported),
        monetary=sum(order.net for order in reported),
        last_purchase_at=last_purchase_at,
        last_day=last_day,
        next_due_at=start_of_day(min(due_days), rules.zone) if due_days else None,
    )


def _stage(today: int, last_day: int | None, purchase_days: int, rules: Rules) -> str:
    if last_day is None:
        return "prospect"
    for stage, _ in QUIET_STAGES:
        if today - last_day >= rules.stage_days[stage]:
            return stage
    return "new" if purchase_days == 1 else "active"


def changes(before: Standing, after: Standing, rules: Rules) -> list[Change]:
    """The outcomes of one evaluation, in the order in which they are emitted."""
    found = []
    rank = before.rank
    if rank < 0:
        rank = 0
        found.append(Change("tier.joined", "", rules.levels[0].name, None))
    if after.rank != rank:
        kind = "tier.upgraded" if after.rank > rank else "tier.downgraded"
        found.append(Change(kind, rules.levels[rank].name, rules.levels[after.rank].name, None))
    alert = _alert(before.stage, after.stage)
    if alert is not None:
        due_at = None
        if alert in _QUIET_ALERTS.values() and after.last_day is not None:
            due_at = start_of_day(after.last_day + rules.stage_days[after.stage], rules.zone)
        found.append(Change(alert, before.stage, after.stage, due_at))
    return found


def _alert(before: str, after: str) -> str | None:
    if after in (before, "prospect"):
        return None
    if before == "prospect":
        return "lifecycle.first_purchase"
    if _QUIETNESS[after] > _QUIETNESS[before]:
        return _QUIET_ALERTS[after]
    if _QUIETNESS[after] == _QUIETNESS[before]:
        return None
    return "lifecycle.recovered" if before == "near_churn" else "lifecycle.reactivated"
