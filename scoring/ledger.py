"""Which orders a member has: registers that end up the same in whatever order, and however often, events arrive."""

from typing import Final

from scoring.further import NEVER_FORGOTTEN, Bucket, Sealed
from scoring.state import NO_DAY, ORDER, ORDER_BYTES, Amended, MemberState, Order, Return, Sale, place_of

#: Status ranks of the sale register: at an equal revision the cancel wins.
PAID: Final = 0
CANCELLED: Final = 1
#: Below every sale, for an order of which only returns are known.
_NO_SALE: Final[Sale] = (-1, -1, 0, 0)
_NO_REVISION: Final = -1
#: In the registers of an order that is not there: equal to those of none that is.
_UNKNOWN: Final = -2
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
    """Every unsealed order of the ledger, stubs included, as far as its worth and its day go."""
    orders: list[Order] = list(ORDER.iter_unpack(state.orders))
    orders += [amended[:5] for amended in state.amended]
    return orders


def entries_of(state: MemberState) -> list[Amended]:
    """Every unsealed order of the ledger, stubs included, in the longer form."""
    plain: list[Amended] = [
        (order, at, day, net, revision, net, PAID, revision, at, ())
        for order, at, day, net, revision in ORDER.iter_unpack(state.orders)
    ]
    return plain + list(state.amended)


def buckets_of(state: MemberState) -> tuple[Bucket, ...]:
    """The day buckets of the sealed orders (docs/rules.md, section 4.7), which count wherever orders count."""
    sealed = state.sealed
    return () if sealed is None else sealed.buckets


def last_sealed_at(state: MemberState) -> int:
    """The latest purchase instant of a sealed kept order (epoch ms), 0 without one."""
    sealed = state.sealed
    return 0 if sealed is None else sealed.last_at


def stub_of(order: bytes, at: int, day: int) -> Amended:
    """An order of which nothing is known but that it is of an instant (epoch ms) and a local day."""
    revision, status, sold_at, net = _NO_SALE
    return (order, at, day, _NOT_SOLD, revision, net, status, _NO_REVISION, sold_at, ())


def oldest_day_of(state: MemberState) -> int:
    """The local day of the oldest unsealed order or stub; ``NO_DAY`` without one."""
    return min([entry[2] for entry in orders_of(state)], default=NO_DAY)


def knows(state: MemberState, order: bytes) -> bool:
    """Whether the ledger has an order, or a stub, whose registers can still change."""
    return _find(state, order) is not None


def record_sale(state: MemberState, order: bytes, day: int, offered: Sale) -> int:
    """Enter an ``order.paid``, or an ``order.cancelled`` (of net 0), of local day ``day``; say what it did."""
    revision, status, at, net = offered
    # Not "in", which first takes the bytes for a number and drops the exception: 95 ns of a compiled program, this 45.
    if status == PAID and not state.amended and state.orders.find(order) < 0:
        # Nearly always. What is found may still lie across two entries.
        state.orders += ORDER.pack(order, at, day, net, revision)
        return APPENDED
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


def record_entry(state: MemberState, offered: Amended) -> bool:
    """Enter all registers of an order at once, as another ledger has them; whether that changed any.

    The same as entering each of its events.
    """
    known = _find(state, offered[0])
    if known is None:
        order, at, day, _, revision, net, status, first_revision, sold_at, returns = offered
        known = (order, at, day, _NOT_SOLD, _UNKNOWN, 0, _UNKNOWN, _UNKNOWN, 0, ())
        return _replace(state, known, at, day, (revision, status, sold_at, net), first_revision, returns)
    _, at, day, _, revision, net, status, first_revision, sold_at, returns = known
    _, other_at, other_day, _, other_revision, other_net, other_status, other_first, other_sold_at, others = offered
    if _NO_REVISION in (first_revision, other_first):
        # An order.paid that one of the two knows is the purchase, else the earliest of any events.
        if other_first > first_revision or (other_first == first_revision and other_at < at):
            at, day, first_revision = other_at, other_day, other_first
    elif (other_first, other_at) < (first_revision, at):
        at, day, first_revision = other_at, other_day, other_first
    sale = max((revision, status, sold_at, net), (other_revision, other_status, other_sold_at, other_net))
    united: dict[bytes, Return] = {each[0]: each for each in returns}
    for each in others:
        united[each[0]] = max(each, united.get(each[0], each))
    return _replace(state, known, at, day, sale, first_revision, tuple(sorted(united.values())))


def worth(net: int, status: int, returns: tuple[Return, ...]) -> int:
    """What an order still counts for, in minor units; -1 unless its sale register is a paid one."""
    if status != PAID:
        return _NOT_SOLD
    returned = 0
    for entry in returns:
        returned += entry[3]
    return max(net - returned, 0)


def retire(state: MemberState, last_day: int, minimum: int) -> None:
    """Let the orders and buckets of ``last_day`` and before leave.

    The latest purchase and the days of kept ones, those worth ``minimum`` when they are not sealed, are remembered.
    """
    days: set[int] = set()
    left_at = 0
    for _, at, day, value, _ in orders_of(state):
        if day <= last_day and value >= minimum:
            left_at = at if not days else max(left_at, at)
            days.add(day)
    sealed = state.sealed
    if sealed is not None:
        for day, frequency, _, _ in sealed.buckets:
            if day <= last_day and frequency > 0:
                # Of a bucket no instant is known; a later sealed purchase than those that leave is true as well.
                left_at = sealed.last_at if not days else max(left_at, sealed.last_at)
                days.add(day)
        state.own_further().sealed = _after_leaving(sealed, last_day)
    if days:
        state.gone_at = left_at if state.gone_days == 0 else max(state.gone_at, left_at)
        # A day leaves twice only where a policy has lengthened the horizon in between.
        state.gone_days += len(days.difference(state.gone_purchase_days))
        state.gone_purchase_days = tuple(sorted({*state.gone_purchase_days, *days})[-REMEMBERED_DAYS:])
    state.orders = b"".join([ORDER.pack(*e) for e in ORDER.iter_unpack(state.orders) if e[2] > last_day])
    state.amended = tuple([e for e in state.amended if e[2] > last_day])
    state.oldest_day = oldest_day_of(state)


def _after_leaving(sealed: Sealed, last_day: int) -> Sealed | None:
    """What stays sealed when the buckets of ``last_day`` and before leave."""
    buckets = tuple([bucket for bucket in sealed.buckets if bucket.day > last_day])
    if not buckets:
        return None
    frequency = sum([bucket.frequency for bucket in buckets])
    last_at = sealed.last_at if frequency > 0 else 0
    forgotten_day = sealed.forgotten_day if sealed.forgotten_day > last_day else NEVER_FORGOTTEN
    return Sealed(buckets, last_at, forgotten_day)


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
