"""What each rule costs: the same orders and days under policies that differ by one rule from the shipped one."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, Final

import msgspec

from bench.tables import Table
from bench.workload import paid
from scoring.engine import Decision, Position, apply, fire
from scoring.events import OrderPaid
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import DAY_MS
from streams import rows
from streams.commands.output import notes
from streams.cuts_document import DatedCuts, with_cuts
from streams.policy_file import PolicyDocument, source_text

_HOLDS: Final = {"tiers": {"downgrade": "at_hold_end"}}
_SEGMENTS: Final = {"segments": {"high_monetary": 20_000, "told": ["champion", "at_risk"]}}
#: What is added to the shipped policy ``absolute``, or taken away (None), by what the page calls it.
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "the shipped policy: thresholds, at once, fixed days": {},
    "tiers held, with grace and notice": {"tiers": {"downgrade": "at_hold_end", "grace_days": 30}},
    "tiers by calendar year": {"tiers": {"downgrade": "at_hold_end", "window": "calendar_year", "window_days": None}},
    "tiers counted over 730 days": {"tiers": {"window_days": 730}},
    "lifecycle by the member's rhythm": {"lifecycle": {"mode": "rhythm"}},
    "alerts held back for 48 hours": {"lifecycle": {"allowed_lateness_hours": 48}},
    "ten quiet days": {"lifecycle": {"quiet_days": ["2025-12-24/2026-01-02"]}},
    "segments": _SEGMENTS,
    "upgrades provisional until the return window ends": {"tiers": {"upgrade": "provisional"}},
    "late news corrects outcomes": {"corrections": {"enabled": True}},
    "orders sealed after the return window": {"ledger": {"seal": True}},
    "held, rhythm and segments together": {**_HOLDS, "lifecycle": {"mode": "rhythm"}, **_SEGMENTS},
    "all of these together": {
        "tiers": {"downgrade": "at_hold_end", "grace_days": 30, "upgrade": "provisional"},
        "lifecycle": {"mode": "rhythm", "allowed_lateness_hours": 48, "quiet_days": ["2025-12-24/2026-01-02"]},
        "corrections": {"enabled": True},
        "ledger": {"seal": True},
        **_SEGMENTS,
    },
}
#: Tiers by the cuts of a pyramid, which thresholds stand in for where there are none.
_PYRAMID: Final = "tiers by percentile, without the census"
_CUTS: Final = {
    "ranked": 1_500,
    "fallback": False,
    "tiers": {
        "C": {"enter": 40_000, "leave": 36_000},
        "B": {"enter": 400_000, "leave": 360_000},
        "A": {"enter": 4_000_000, "leave": 3_600_000},
    },
    "medians": None,
    "quantiles": None,
}
_MEMBERS: Final = 1_500
_DAYS: Final = 730
#: Orders per member and year: some buy weekly, most a few times a year.
_PER_YEAR: Final = (2, 3, 4, 6, 12, 40)
_ENDS_AT: Final = 1_772_323_200_000
_SEED: Final = 20_240_301


@dataclass(frozen=True, slots=True)
class RuleCost:
    """Microseconds of processor time per order and per timer, how many of what there were, and bytes per row."""

    rule: str
    per_order: float
    per_timer: float
    timers_per_order: float
    outcomes_per_order: float
    row_bytes: float

    @property
    def together(self) -> float:
        """Microseconds per order, the timers that it leads to included."""
        return self.per_order + self.per_timer * self.timers_per_order


def measure_in(folder: Path) -> list[RuleCost]:
    """:func:`measure` in a process of its own, over the build in ``folder``."""
    notes().print(f"Rules: {len(VARIANTS) + 1} policies over {_DAYS} days of {_MEMBERS:,} members", highlight=False)
    command = [sys.executable, "-m", "bench.rule_costs"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return [RuleCost(*cost) for cost in json.loads(done.stdout)]


def measure() -> list[RuleCost]:
    """Every variant, the best of three in turns (noise only adds)."""
    days = list(_days())
    policies = {rule: _policy(added) for rule, added in VARIANTS.items()}
    cuts = DatedCuts("2024-01-01", msgspec.Raw(msgspec.json.encode(_CUTS))).encode()
    policies[_PYRAMID] = with_cuts(_policy({"tiers": {"basis": "percentile"}}), cuts)
    costs = [[_fold(rule, policy, days) for rule, policy in policies.items()] for _ in range(3)]
    return [min(each, key=lambda cost: cost.together) for each in zip(*costs, strict=True)]


def _policy(added: dict[str, Any]) -> Policy:
    content = tomllib.loads(source_text("absolute"))
    for name, section in added.items():
        both = {**content.get(name, {}), **section}
        content[name] = {key: value for key, value in both.items() if value is not None}
    return PolicyDocument.model_validate(content).to_policy()


def _days() -> Iterator[list[OrderPaid]]:
    """The orders of each day, as decoded."""
    chance = Random(_SEED)
    pace = [chance.choice(_PER_YEAR) for _ in range(_MEMBERS)]
    decode = msgspec.json.Decoder(OrderPaid).decode
    event = 0
    for day in range(_DAYS):
        begin = _ENDS_AT - (_DAYS - day) * DAY_MS
        orders = []
        for member, per_year in enumerate(pace):
            if chance.random() < per_year / 365:
                event += 1
                at = begin + chance.randrange(DAY_MS)
                orders.append(decode(paid(event, member, at, chance.randrange(500, 9_001))))
        yield sorted(orders, key=lambda order: order.occurred_at)


def _fold(rule: str, policy: Policy, days: list[list[OrderPaid]]) -> RuleCost:
    members: dict[str, MemberState] = {}
    due: list[tuple[int, str]] = []
    position = Position(0, 0, 0, imported=False)
    orders = timers = outcomes = 0
    order_seconds = timer_seconds = 0.0

    def keep(member: str, before: int, decision: Decision) -> None:
        nonlocal outcomes
        members[member] = decision.state
        outcomes += len(decision.outcomes)
        if decision.state.next_due not in (0, before):
            heappush(due, (decision.state.next_due, member))

    for number, today in enumerate(days):
        begin = process_time()
        for order in today:
            position.offset += 1
            known = members.get(order.member_id)
            position.log_time = int(order.occurred_at.timestamp()) * 1000 + 1000
            keep(order.member_id, known.next_due if known else 0, apply(known, order, policy, position))
        order_seconds += process_time() - begin
        orders += len(today)
        tick = _ENDS_AT - (_DAYS - number - 1) * DAY_MS
        position.offset += 1
        begin = process_time()
        while due and due[0][0] <= tick:
            at, member = heappop(due)
            if members[member].next_due == at:
                timers += 1
                keep(member, at, fire(members[member], tick, policy, position))
        timer_seconds += process_time() - begin
        position.last_tick = position.log_time = tick
    return RuleCost(
        rule,
        order_seconds / orders * 1e6,
        timer_seconds / timers * 1e6,
        timers / orders,
        outcomes / orders,
        sum(len(rows.encode(state)) for state in members.values()) / len(members),
    )


def table(costs: Sequence[RuleCost]) -> Table:
    """A line for each policy."""
    lines = [
        (
            cost.rule,
            f"{cost.per_order:.1f}",
            f"{cost.per_timer:.1f}",
            f"{cost.timers_per_order:.2f}",
            f"{cost.together:.1f}",
            f"{cost.outcomes_per_order:.2f}",
            f"{cost.row_bytes:,.0f}",
        )
        for cost in costs
    ]
    how = (
        "The rules alone, in microseconds of processor time, over two years of a shop whose members buy 2 to 40 times "
        "a year, with a tick a day; each policy is the shipped one with one thing changed. Rows hold up to 460 days of "
        "orders (more where a rule looks further back)."
    )
    columns = ("", "an order", "a timer", "timers per order", "together", "outcomes per order", "row, bytes")
    return Table("What each rule costs", columns, lines, how)


if __name__ == "__main__":
    print(json.dumps([astuple(cost) for cost in measure()]))
