"""Which orders a member has: registers that end up the same in whatever order, and however often, events arrive."""

from typing import Final

from scoring.state import ORDER, ORDER_BYTES, Amended, MemberState, Order, Return, Sale, place_of

#: Status ranks of the sale register: at an equal revision the cancel wins.
PAID: Final = 0
CANCELLED: Final = 1
#: Below every sale, for an order of which only returns are known.
_NO_SALE: Final[Sale] = (-1, -1, 0, 0)
_NO_REVISION: Final = -1
#: The worth of an order whose sale register is not a paid one: below every possible minimum.
_NOT_SOLD: Final = -1

#: How many of the days that left by the horizon are remembered: as many as the gaps of a rhythm need.
REMEMBERED_DAYS: Final = 12

#: What an order event did: nothing (a duplicate), some change, the first ``order.paid`` of an order of which other news
#: had come before, or an order that is new altogether.
UNCHANGED: Final = 0
CHANGED: Final = 1
PURCHASED: Final = 2
APPENDED: Final = 3


def orders_of(state: MemberState) -> list[Order]:
    """Every order of the ledger, stubs included, as far as its worth and its day go."""
    orders: list[Order] = list(ORDER.iter_unpack(state.orders))
    orders += [amended[:5] for amended in state.amended]
    return orders


def record_sale(state: MemberState, order: bytes, day: int, offered: Sale) -> int:
    """Enter an ``order.paid``, or an ``order.cancelled`` (of net 0), of local day ``day``; say what it did."""
    revision, status, at, net = offered
    entry = _find(state, order)
    if entry is None:
        if status == PAID:
            state.orders += ORDER.pack(order, at, day, net, revision)
            return APPENDED
        cancelled: Amended = (order, at, day, _NOT_SOLD, revision, net, status, _NO_REVISION, at, ())
        state.amended = (*state.amended, cancelled)
        return CHANGED
    _, since, since_day, _, sale_revision, sale_net, sale_status, first_revision, sold_at, returns = entry
    stub = first_revision == _NO_REVISION
    if status == PAID:
        if stub or (revision, at) < (first_revision, since):
            first_revision, since, since_day = revision, at, day
    elif stub and at < since:
        since, since_day = at, day
    winner = max((sale_revision, sale_status, sold_at, sale_net), offered)
    if not _replace(state, entry, since, since_day, winner, first_revision, returns):
        return UNCHANGED
    return PURCHASED if stub and status == PAID else CHANGED


def record_return(state: MemberState, order: bytes, day: int, offered: Return) -> int:
    """Enter an ``order.returned`` of local day ``day``; say what it did."""
    at = offered[2]
    entry = _find(state, order)
    if entry is None:
        revision, status, sold_at, net = _NO_SALE
        stub: Amended = (order, at, day, _NOT_SOLD, revision, net, status, _NO_REVISION, sold_at, (offered,))
        state.amended = (*state.amended, stub)
        return CHANGED
    _, since, since_day, _, sale_revision, sale_net, sale_status, first_revision, sold_at, returns = entry
    if first_revision == _NO_REVISION and at < since:
        since, since_day = at, day
    merged: list[Return] = []
    for known in returns:
        if known[0] == offered[0]:
            offered = max(known, offered)
        else:
            merged.append(known)
    merged.append(offered)
    merged.sort()
    winner = (sale_revision, sale_status, sold_at, sale_net)
    changed = _replace(state, entry, since, since_day, winner, first_revision, tuple(merged))
    return CHANGED if changed else UNCHANGED


def worth(net: int, status: int, returns: tuple[Return, ...]) -> int:
    """What an order still counts for, in minor units; -1 unless its sale register is a paid one."""
    if status != PAID:
        return _NOT_SOLD
    returned = 0
    for entry in returns:
        returned += entry[3]
    return max(net - returned, 0)


def retire(state: MemberState, last_day: int, minimum: int) -> None:
    """Let the orders of ``last_day`` and before leave; remember the latest and the days of those worth ``minimum``."""
    days: set[int] = set()
    left_at = 0
    for _, at, day, value, _ in orders_of(state):
        if day <= last_day and value >= minimum:
            left_at = at if not days else max(left_at, at)
            days.add(day)
    if days:
        state.gone_purchase_days = tuple(sorted({*state.gone_purchase_days, *days})[-REMEMBERED_DAYS:])
        state.gone_at = left_at if state.gone_days == 0 else max(state.gone_at, left_at)
        # Later news of these days is too late for the log, so that no day leaves twice.
        state.gone_days += len(days)
    state.orders = b"".join([ORDER.pack(*e) for e in ORDER.iter_unpack(state.orders) if e[2] > last_day])
    state.amended = tuple([e for e in state.amended if e[2] > last_day])


def _find(state: MemberState, order: bytes) -> Amended | None:
    """The order in its longer form."""
    place = place_of(state.orders, order, ORDER_BYTES)
    if place >= 0:
        plain: Order = ORDER.unpack_from(state.orders, place)
        _, at, day, net, revision = plain
        return (order, at, day, net, revision, net, PAID, revision, at, ())
    for amended in state.amended:
        if amended[0] == order:
            return amended
    return None


def _replace(
    state: MemberState,
    before: Amended,
    at: int,
    day: int,
    sale: Sale,
    first_revision: int,
    returns: tuple[Return, ...],
) -> bool:
    """Put an order with these registers in the place of ``before``; False when they are the same."""
    order = before[0]
    revision, status, sold_at, net = sale
    value = worth(net, status, returns)
    after: Amended = (order, at, day, value, revision, net, status, first_revision, sold_at, returns)
    if after == before:
        return False
    _remove(state, order)
    if status == PAID and revision == first_revision and sold_at == at and not returns:
        state.orders += ORDER.pack(order, at, day, net, revision)
    else:
        state.amended = (*state.amended, after)
    return True


def _remove(state: MemberState, order: bytes) -> None:
    place = place_of(state.orders, order, ORDER_BYTES)
    if place >= 0:
        state.orders = state.orders[:place] + state.orders[place + ORDER_BYTES :]
    else:
        state.amended = tuple([amended for amended in state.amended if amended[0] != order])
