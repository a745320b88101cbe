"""How a member's state is written into a table row: a fixed header, then packed arrays.

All numbers are little-endian. First the header (121 bytes, beginning with the format's version, the log offset and the
next due instant, as every version has to), then orders paid once (32 bytes each), remembered event ids (8), amended
orders (49) and, in the order of those, their returns (28).

Two flags in the header's byte of purchase days say what stands between header and orders: up to 12 local days that left
by the horizon (a count, then 4 bytes each), and what few members have (:class:`scoring.further.Further`), as a length
and that many bytes of MessagePack.

Rows are written in the newest version and read in every known one: a row of an older version becomes one of the newest
when its member is touched, and stays as it is until then.
"""

from struct import Struct, error
from typing import Final

from scoring.further import Further
from scoring.ledger import worth
from scoring.state import FINGERPRINT_BYTES, ORDER_BYTES, Amended, MemberState, Return
from streams.further_rows import decode_further, encode_further

#: The version that is written. Version 1 had two bytes for the length of what few members have, too few for buckets.
VERSION: Final = 2
_SHORT_LENGTHS: Final = 1

# The version; the numbers of a MemberState in the order of its constructor, offset to gone_days; how many orders,
# remembered ids and amended orders follow.
_HEADER: Final = Struct("<BqqqIBBqqqqIqIqiiiBqIIBI")
_HEADER_BYTES: Final = 121
# fingerprint, instant, day, sale revision, net, status, first revision, winning sale's instant, number of returns
_AMENDED: Final = Struct("<8sqiiqbiqI")
_RETURN: Final = Struct("<8sIqq")
_INSTANT: Final = Struct("<q")
_OFFSET_AT: Final = 1
_NEXT_DUE_AT: Final = 9
# In the byte of purchase days, which are 2 at most.
_HAS_FURTHER: Final = 0x80
_HAS_GONE_DAYS: Final = 0x40
_COUNTED: Final = 0x3F
_LENGTH: Final = Struct("<I")
_SHORT_LENGTH: Final = Struct("<H")
#: How a row of each known version says how long it is what few members have.
_LENGTHS: Final = {_SHORT_LENGTHS: _SHORT_LENGTH, VERSION: _LENGTH}


class UnknownRowVersionError(Exception):
    """A row written by a version of the program that this one does not know."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"a member's row has format version {version}; this program reads versions {_SHORT_LENGTHS} to {VERSION}. "
            "Run the program that wrote the table, or a later one."
        )
        self.version = version


def encode(state: MemberState) -> bytes:
    """The state as bytes."""
    orders = state.orders
    remembered = state.remembered
    amended = state.amended
    counted = state.purchase_days
    between = b""
    if state.gone_purchase_days:
        counted |= _HAS_GONE_DAYS
        days = state.gone_purchase_days
        between = Struct(f"<B{len(days)}i").pack(len(days), *days)
    if state.further is not None:
        counted |= _HAS_FURTHER
        more = encode_further(state.further)
        between += _LENGTH.pack(len(more)) + more
    row = _HEADER.pack(
        VERSION,
        state.offset,
        state.next_due,
        state.as_of,
        state.sequence,
        state.tier,
        state.stage,
        state.tier_since,
        state.stage_since,
        state.joined_at,
        state.last_at,
        state.frequency,
        state.monetary,
        state.tier_frequency,
        state.tier_monetary,
        state.last_day,
        state.exit_day,
        state.oldest_day,
        counted,
        state.gone_at,
        state.gone_days,
        len(orders) // ORDER_BYTES,
        len(remembered) // FINGERPRINT_BYTES,
        len(amended),
    ) + (between + orders if between else orders)
    if remembered:
        row += remembered
    return row + _encode_amended(amended) if amended else row


def decode(row: bytes) -> MemberState:
    """The state that was encoded, by this version or an older one.

    Raises ``UnknownRowVersionError``, or ``struct.error`` for a row cut short.
    """
    if row[0] not in _LENGTHS:
        raise UnknownRowVersionError(row[0])
    (
        version,
        offset,
        next_due,
        as_of,
        sequence,
        tier,
        stage,
        tier_since,
        stage_since,
        joined_at,
        last_at,
        frequency,
        monetary,
        tier_frequency,
        tier_monetary,
        last_day,
        exit_day,
        oldest_day,
        counted,
        gone_at,
        gone_days,
        order_count,
        remembered_count,
        amended_count,
    ) = _HEADER.unpack_from(row)
    begin = _HEADER_BYTES
    gone_purchase_days: tuple[int, ...] = ()
    further: Further | None = None
    if counted > _COUNTED:
        if counted & _HAS_GONE_DAYS:
            days = row[begin]
            gone_purchase_days = Struct(f"<{days}i").unpack_from(row, begin + 1)
            begin += 1 + 4 * days
        if counted & _HAS_FURTHER:
            length_of_more = _LENGTHS[version]
            length: int = length_of_more.unpack_from(row, begin)[0]
            begin += length_of_more.size + length
            if len(row) < begin:
                raise error(f"a row of {len(row)} bytes ends before its last entry")
            further = decode_further(row[begin - length : begin])
    orders_end = begin + order_count * ORDER_BYTES
    end = orders_end + remembered_count * FINGERPRINT_BYTES
    if len(row) < end + amended_count * _AMENDED.size:
        raise error(f"a row of {len(row)} bytes ends before its last entry")
    return MemberState(
        offset,
        next_due,
        as_of,
        sequence,
        tier,
        stage,
        tier_since,
        stage_since,
        joined_at,
        last_at,
        frequency,
        monetary,
        tier_frequency,
        tier_monetary,
        last_day,
        exit_day,
        oldest_day,
        counted & _COUNTED,
        gone_at,
        gone_days,
        row[begin:orders_end],
        _decode_amended(row, end, amended_count) if amended_count else (),
        row[orders_end:end],
        gone_purchase_days,
        further,
    )


def offset_of(row: bytes) -> int:
    """The log offset that a row has absorbed, without decoding the rest."""
    if row[0] not in _LENGTHS:
        raise UnknownRowVersionError(row[0])
    offset: int = _INSTANT.unpack_from(row, _OFFSET_AT)[0]
    return offset


def next_due_of(row: bytes) -> int:
    """The next due instant of a row (epoch ms, 0 for none), without decoding the rest."""
    if row[0] not in _LENGTHS:
        raise UnknownRowVersionError(row[0])
    next_due: int = _INSTANT.unpack_from(row, _NEXT_DUE_AT)[0]
    return next_due


def _encode_amended(amended: tuple[Amended, ...]) -> bytes:
    parts: list[bytes] = []
    returned: list[bytes] = []
    for order, at, day, _, revision, net, status, first_revision, sold_at, returns in amended:
        parts.append(_AMENDED.pack(order, at, day, revision, net, status, first_revision, sold_at, len(returns)))
        returned += [_RETURN.pack(*entry) for entry in returns]
    return b"".join(parts + returned)


def _decode_amended(row: bytes, start: int, count: int) -> tuple[Amended, ...]:
    end = start + count * _AMENDED.size
    returned: list[Return] = list(_RETURN.iter_unpack(row[end:]))
    amended: list[Amended] = []
    used = 0
    for order, at, day, revision, net, status, first, sold_at, n in _AMENDED.iter_unpack(row[start:end]):
        returns = tuple(returned[used : used + n])
        used += n
        amended.append((order, at, day, worth(net, status, returns), revision, net, status, first, sold_at, returns))
    return tuple(amended)
