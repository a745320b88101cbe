"""How a member's state is written into a table row: a fixed header, then packed arrays.

All numbers are little-endian. First the header (121 bytes, beginning with the format's version, the log offset and the
next due instant), then orders paid once (32 bytes each), remembered event ids (8), amended orders (49) and, in the
order of those, their returns (28).
"""

from struct import Struct, error
from typing import Final

from scoring.ledger import worth
from scoring.state import FINGERPRINT_BYTES, ORDER_BYTES, Amended, MemberState, Return

VERSION: Final = 1

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


class UnknownRowVersionError(Exception):
    """A row written by a version of the program that this one does not know."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"a member's row has format version {version}; this program reads version {VERSION} only. "
            "Run the program that wrote the table, or a later one."
        )
        self.version = version


def encode(state: MemberState) -> bytes:
    """The state as bytes."""
    orders = state.orders
    remembered = state.remembered
    amended = state.amended
    row = (
        _HEADER.pack(
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
            state.purchase_days,
            state.gone_at,
            state.gone_days,
            len(orders) // ORDER_BYTES,
            len(remembered) // FINGERPRINT_BYTES,
            len(amended),
        )
        + orders
    )
    if remembered:
        row += remembered
    return row + _encode_amended(amended) if amended else row


def decode(row: bytes) -> MemberState:
    """The state that ``encode`` wrote. Raises ``UnknownRowVersionError``, or ``struct.error`` for a row cut short."""
    if row[0] != VERSION:
        raise UnknownRowVersionError(row[0])
    (
        _,
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
        purchase_days,
        gone_at,
        gone_days,
        order_count,
        remembered_count,
        amended_count,
    ) = _HEADER.unpack_from(row)
    orders_end = _HEADER_BYTES + order_count * ORDER_BYTES
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
        purchase_days,
        gone_at,
        gone_days,
        row[_HEADER_BYTES:orders_end],
        _decode_amended(row, end, amended_count) if amended_count else (),
        row[orders_end:end],
    )


def offset_of(row: bytes) -> int:
    """The log offset that a row has absorbed, without decoding the rest."""
    if row[0] != VERSION:
        raise UnknownRowVersionError(row[0])
    offset: int = _INSTANT.unpack_from(row, _OFFSET_AT)[0]
    return offset


def next_due_of(row: bytes) -> int:
    """The next due instant of a row (epoch ms, 0 for none), without decoding the rest."""
    if row[0] != VERSION:
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
