"""What is known of one order, worked out anew from all its accepted events (docs/rules.md, sections 4.1 to 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle.calendar import day_of
from tests.oracle.log import Fact
from tests.oracle.policy import Rules

PAID, CANCELLED, RETURNED = "order.paid", "order.cancelled", "order.returned"


@dataclass(frozen=True)
class Order:
    """``sale`` and each of ``returns`` are the winning entries.

    ``first_paid`` is the (revision, occurred_at) that dates the purchase. A change of its revision alone moves nothing
    yet, but decides what a later payment can move, so it is news. ``placed_at`` is None for a stub, ``stub_at`` for
    all others; ``day`` is the local day of whichever there is.
    """

    sale: tuple[int, int, int, int] | None
    returns: tuple[tuple[str, tuple[int, int, int]], ...]
    first_paid: tuple[int, int] | None
    placed_at: int | None
    stub_at: int | None
    day: int
    net: int
    is_kept: bool
    is_sealed: bool = False


def order_of(facts: Sequence[Fact], rules: Rules) -> Order:
    """Sort and group: the largest entry wins each register, the smallest paid one dates the purchase."""
    paid = [(f.revision, 0, f.occurred_at, f.amount) for f in facts if f.type == PAID]
    cancelled = [(f.revision, 1, f.occurred_at, 0) for f in facts if f.type == CANCELLED]
    given_back = [(f.return_id, (f.revision, f.occurred_at, f.amount)) for f in facts if f.type == RETURNED]
    # Of a sorted list of pairs, dict keeps the last per return id, which is the largest.
    returns = tuple(dict(sorted(given_back)).items())
    sale = max(paid + cancelled, default=None)
    first_paid = min(((revision, occurred_at) for revision, _, occurred_at, _ in paid), default=None)
    placed_at = first_paid[1] if first_paid else None
    first = min(f.occurred_at for f in facts)
    paid_amount = sale[3] if sale else 0
    net = paid_amount - min(paid_amount, sum(entry[2] for _, entry in returns))
    return Order(
        sale=sale,
        returns=returns,
        first_paid=first_paid,
        placed_at=placed_at,
        stub_at=first if placed_at is None else None,
        day=day_of(first if placed_at is None else placed_at, rules.zone),
        net=net,
        is_kept=sale is not None and sale[1] == 0 and net >= rules.min_order_amount,
    )
