"""The real orders folded through the engine, member by member and without a log: as import and its ticks would do it.

Orders happen at 12:00 UTC of their date. A tick follows at every midnight (UTC) after the first date, and reaches those
who are due.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from scoring.engine import Position, apply, fire
from scoring.events import OrderPaid
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.vocabulary import DAY_MS
from streams.demo.recompute import CdnowRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: An instant (epoch ms) and the order that happens then; without one somebody looks.
_Stop = tuple[int, CdnowRow | None]


@dataclass
class Fold:
    """``states`` are as of each instant that was asked for, ``alerts`` (kind, when due or else when it happened)."""

    states: dict[int, dict[str, MemberState]]
    alerts: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


def fold(rows: Iterable[CdnowRow], policy: Policy, looked_at: Sequence[int]) -> Fold:
    """Every member as of each of these midnights (UTC, epoch ms, rising)."""
    found = Fold({instant: {} for instant in looked_at})
    for member_id, orders in groupby(sorted(rows, key=attrgetter("member_id")), attrgetter("member_id")):
        _live(member_id, list(orders), policy, found)
    return found


def _live(member_id: str, orders: list[CdnowRow], policy: Policy, found: Fold) -> None:
    """One member's story; sorting is stable, so that orders of a day keep the order of the file."""
    stops: list[_Stop] = [(order.purchased_at, order) for order in orders]
    stops += [(instant, None) for instant in found.states]
    state: MemberState | None = None
    for offset, (instant, order) in enumerate(sorted(stops, key=lambda stop: stop[0])):
        midnight = instant // DAY_MS * DAY_MS
        if state is not None:
            for fired, told in _pass_time(state, midnight, policy, offset):
                state = fired
                _tell(member_id, told, found)
        if order is None:
            if state is not None:
                found.states[instant][member_id] = state
            continue
        decision = apply(state, _paid(order, policy), policy, Position(offset, instant, midnight, imported=True))
        state = decision.state
        _tell(member_id, decision.outcomes, found)


def _pass_time(
    state: MemberState, until: int, policy: Policy, offset: int
) -> Iterator[tuple[MemberState, Sequence[Outcome]]]:
    """The ticks up to ``until`` that find the member due."""
    while 0 < state.next_due <= until:
        tick = -(-state.next_due // DAY_MS) * DAY_MS
        decision = fire(state, tick, policy, Position(offset, tick, tick - DAY_MS, imported=True))
        state = decision.state
        yield state, decision.outcomes


def _paid(order: CdnowRow, policy: Policy) -> OrderPaid:
    return OrderPaid(
        event_id=order.order_id,
        member_id=order.member_id,
        occurred_at=_EPOCH + timedelta(milliseconds=order.purchased_at),
        order_id=order.order_id,
        net_amount=order.amount,
        currency=policy.currency,
    )


def _tell(member_id: str, outcomes: Sequence[Outcome], found: Fold) -> None:
    told = [(one.kind, one.due_at or one.at) for one in outcomes if one.kind.startswith("lifecycle.")]
    if told:
        found.alerts.setdefault(member_id, []).extend(told)
