"""How is a ledger put into events for another member, and read from them?

A long ledger goes in several events, since each has to fit into a record.
"""

from collections.abc import Sequence
from typing import Final

from scoring.events import AbsorbedLedger, AmendedOrder, KnownReturn, PlainOrder, SealedDay
from scoring.further import NEVER_FORGOTTEN, Bucket, Part, Sealed
from scoring.ledger import worth
from scoring.policy import Policy
from scoring.state import FINGERPRINT_BYTES, ORDER, ORDER_BYTES, Amended, MemberState, Return, unknown_member

#: Orders and returns of one record. In JSON an order has at most 100 bytes and a return 55, a record at most 1 MiB.
_MOST_ENTRIES: Final = 8_000
#: Fingerprints of sealed orders that weigh as much as one entry.
_FINGERPRINTS_PER_ENTRY: Final = 4


def pieces_of(part: Part) -> list[AbsorbedLedger]:
    """The ledger in pieces of which each fits into a record; their join is the whole."""
    first = AbsorbedLedger(
        gone_at=part.gone_at, gone_days=part.gone_days, gone_purchase_days=list(part.gone_purchase_days)
    )
    pieces = [first]
    room = _MOST_ENTRIES
    sealed = part.sealed
    buckets: Sequence[Bucket] = () if sealed is None else sealed.buckets
    for bucket in buckets:
        weight = 1 + len(bucket.fingerprints) // FINGERPRINT_BYTES // _FINGERPRINTS_PER_ENTRY
        if weight > room:
            pieces.append(AbsorbedLedger())
            room = _MOST_ENTRIES
        room -= weight
        piece = pieces[-1]
        piece.days.append(SealedDay(bucket.day, bucket.frequency, bucket.monetary, bucket.fingerprints))
        if sealed is not None:
            piece.sealed_at = sealed.last_at
            piece.forgotten_day = None if sealed.forgotten_day == NEVER_FORGOTTEN else sealed.forgotten_day
    for place in range(0, len(part.orders), ORDER_BYTES):
        if room == 0:
            pieces.append(AbsorbedLedger())
            room = _MOST_ENTRIES
        room -= 1
        order, at, _, net, revision = ORDER.unpack_from(part.orders, place)
        pieces[-1].orders.append(PlainOrder(order, at, net, revision))
    for order, at, _, _, revision, net, status, first_revision, sold_at, returns in part.amended:
        entries = [KnownReturn(*each) for each in returns]
        begin = 0
        while begin == 0 or begin < len(entries):
            if room < 2:
                pieces.append(AbsorbedLedger())
                room = _MOST_ENTRIES
            some = entries[begin : begin + room - 1]
            room -= 1 + len(some)
            pieces[-1].amended.append(AmendedOrder(order, at, first_revision, revision, status, sold_at, net, some))
            begin += max(len(some), 1)
    return pieces


def ledger_told(told: AbsorbedLedger | None, policy: Policy) -> MemberState:
    """What was told of a ledger, as a ledger that the functions on ledgers take."""
    ledger = unknown_member(0)
    if told is None:
        return ledger
    zone = policy.zone
    ledger.orders = b"".join(
        [ORDER.pack(each.order, each.at, zone.day_of(each.at), each.net, each.revision) for each in told.orders]
    )
    ledger.amended = tuple([_amended(each, policy) for each in told.amended])
    if told.days:
        days = {each.day: each for each in told.days}
        buckets = [_bucket(days[day]) for day in sorted(days)]
        forgotten = NEVER_FORGOTTEN if told.forgotten_day is None else told.forgotten_day
        ledger.own_further().sealed = Sealed(tuple(buckets), told.sealed_at, forgotten)
    ledger.gone_purchase_days = tuple(sorted(set(told.gone_purchase_days)))
    ledger.gone_days = told.gone_days
    ledger.gone_at = told.gone_at
    return ledger


def _amended(told: AmendedOrder, policy: Policy) -> Amended:
    returns: dict[bytes, Return] = {}
    for each in told.returns:
        entry: Return = (each.return_id, each.revision, each.at, each.amount)
        returns[each.return_id] = max(entry, returns.get(each.return_id, entry))
    known = tuple(sorted(returns.values()))
    value = worth(told.net, told.status, known)
    day = policy.zone.day_of(told.at)
    return (
        told.order,
        told.at,
        day,
        value,
        told.revision,
        told.net,
        told.status,
        told.first_revision,
        told.sold_at,
        known,
    )


def _bucket(told: SealedDay) -> Bucket:
    whole = len(told.fingerprints) // FINGERPRINT_BYTES * FINGERPRINT_BYTES
    return Bucket(told.day, told.frequency, told.monetary, told.fingerprints[:whole])
