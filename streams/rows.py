"""How a member's state is written into a table row: a fixed header, then packed arrays.

All numbers are little-endian. First the header (96 bytes, beginning with the format's version, the log offset and the
next due instant), then orders paid once (32 bytes each), remembered event ids (8), amended orders (49) and, in the
order of those, their returns (28).
"""

from itertools import chain
from struct import Struct
from typing import Final

from scoring.ledger import worth
from scoring.state import Amended, MemberState, Return

VERSION: Final = 1

# The version; the numbers of a MemberState in the order of its constructor, offset to gone_days; how many orders,
# remembered ids and amended orders follow.
_HEADER_FORMAT: Final = "<BqqqIBBqqqqIqqIIBI"
_Header = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int]
_ORDER_FORMAT: Final = "QqiqI"
_HEADER: Final = Struct(_HEADER_FORMAT)
_ORDER: Final = Struct("<" + _ORDER_FORMAT)
# fingerprint, instant, day, sale revision, net, status, first revision, winning sale's instant, number of returns
_AMENDED: Final = Struct("<QqiiqbiqI")
_RETURN: Final = Struct("<QIqq")
_INSTANT: Final = Struct("<q")
_OFFSET_AT: Final = 1
_NEXT_DUE_AT: Final = 9

# Packers for a header with n orders behind it, by n: one call in C instead of one per order.
_PACKERS: Final = [Struct(_HEADER_FORMAT + _ORDER_FORMAT * n) for n in range(64)]


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
    count = len(orders)
    packer = _PACKERS[count] if count < len(_PACKERS) else Struct(_HEADER_FORMAT + _ORDER_FORMAT * count)
    row = packer.pack(
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
        state.gone_at,
        state.gone_days,
        count,
        len(state.remembered),
        len(state.amended),
        *chain.from_iterable(orders),
    )
    if state.remembered:
        row += Struct(f"<{len(state.remembered)}Q").pack(*state.remembered)
    if state.amended:
        row += _encode_amended(state.amended)
    return row


def decode(row: bytes) -> MemberState:
    """The state that ``encode`` wrote. Raises ``UnknownRowVersionError``, or ``struct.error`` for a row cut short."""
    if row[0] != VERSION:
        raise UnknownRowVersionError(row[0])
    header: _Header = _HEADER.unpack_from(row)
    order_count, remembered_count, amended_count = header[15:]
    end = _HEADER.size + order_count * _ORDER.size
    orders = list(_ORDER.iter_unpack(row[_HEADER.size : end]))
    remembered: tuple[int, ...] = ()
    if remembered_count:
        remembered = Struct(f"<{remembered_count}Q").unpack_from(row, end)
        end += remembered_count * 8
    amended = _decode_amended(row, end, amended_count) if amended_count else []
    return MemberState(*header[1:15], orders, amended, remembered)


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


def _encode_amended(amended: list[Amended]) -> bytes:
    parts: list[bytes] = []
    returned: list[bytes] = []
    for order, at, day, _, revision, net, status, first_revision, sold_at, returns in amended:
        parts.append(_AMENDED.pack(order, at, day, revision, net, status, first_revision, sold_at, len(returns)))
        returned += [_RETURN.pack(*entry) for entry in returns]
    return b"".join(parts + returned)


def _decode_amended(row: bytes, start: int, count: int) -> list[Amended]:
    end = start + count * _AMENDED.size
    returned: list[Return] = list(_RETURN.iter_unpack(row[end:]))
    amended: list[Amended] = []
    used = 0
    for order, at, day, revision, net, status, first, sold_at, n in _AMENDED.iter_unpack(row[start:end]):
        returns = tuple(returned[used : used + n])
        used += n
        amended.append((order, at, day, worth(net, status, returns), revision, net, status, first, sold_at, returns))
    return amended
