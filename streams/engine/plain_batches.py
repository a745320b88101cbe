"""Record batches of Kafka's format 2 that are not compressed, parsed here: compiled, 0.09 µs a record, its checksum and
its share of the batch included, and 0.01 to read it.

aiokafka's parser takes 0.17 and its records 0.1 to read, and it parses a batch of thousands at once, when they should
still be at hand when they are absorbed. Not compiled, this one takes 1.6: then, and for every other kind of batch,
aiokafka's is asked.
"""

from typing import Final, final

from mypy_extensions import i64

from streams.engine.batches import Record

#: A number has ten bytes of seven bits at most.
_MOST_BITS: Final[i64] = 63


class OddBatchError(Exception):
    """The bytes are not what the batch's head and the records' lengths say."""


def _varint(data: bytes, at: i64) -> tuple[i64, i64]:
    """A number in zigzag, and where it ends. Raises IndexError at the end of the data."""
    byte: i64 = data[at]
    at += 1
    number = byte & 127
    shift: i64 = 7
    while byte > 127:
        if shift > _MOST_BITS:
            raise OddBatchError
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
    return (number >> 1) ^ -(number & 1), at


@final
class PlainBatch:
    """The records of one batch, some at a time."""

    __slots__ = ("_at", "_begin", "_data", "_end", "_first", "_left", "_stamp", "_stamped")

    def __init__(
        self, data: bytes, at: int, end: int, first: int, begin: int, count: int, stamp: int, stamped: bool
    ) -> None:
        """``count`` records lie in ``data[at:end]``; their offsets count from ``first``, and those before ``begin`` are
        left out. ``stamp`` (epoch ms) is the time of them all when ``stamped``, else what theirs count from.
        """
        self._data = data
        self._at: i64 = at
        self._end: i64 = end
        self._first: i64 = first
        self._begin: i64 = begin
        self._left: i64 = count
        self._stamp: i64 = stamp
        self._stamped = stamped

    def take(self, most: int) -> list[Record]:
        """At most so many of the next records; none at the end. Raises :class:`OddBatchError`."""
        found: list[Record] = []
        room: i64 = most
        try:
            while room > 0 and self._left > 0:
                self._left -= 1
                if self._read(found):
                    room -= 1
        except (IndexError, OverflowError):
            raise OddBatchError from None
        if self._left == 0 and self._at != self._end:
            raise OddBatchError
        return found

    def _read(self, found: list[Record]) -> bool:
        """Parse the next record; False when it is left out."""
        data = self._data
        size, at = _varint(data, self._at)
        stop = at + size
        if size < 0 or stop > self._end:
            raise OddBatchError
        self._at = stop
        # Behind the attributes, which say nothing.
        delay, at = _varint(data, at + 1)
        number, at = _varint(data, at)
        offset = self._first + number
        if offset < self._begin:
            return False
        key: bytes | None = None
        size, at = _varint(data, at)
        if size >= 0:
            key = data[at : at + size]
            at += size
        value: bytes | None = None
        size, at = _varint(data, at)
        if size >= 0:
            value = data[at : at + size]
            at += size
        size, at = _varint(data, at)
        stamp = self._stamp if self._stamped else self._stamp + delay
        if size == 0 and at == stop:
            found.append(Record(offset, stamp, key, value))
        else:
            found.append(Record(offset, stamp, key, value, _headers(data, at, stop, size)))
        return True


def _headers(data: bytes, at: i64, stop: i64, count: i64) -> list[tuple[str, bytes]]:
    """The headers of a record, which end with it."""
    if count > stop - at:
        raise OddBatchError
    headers: list[tuple[str, bytes]] = []
    for _ in range(count):
        size, at = _varint(data, at)
        if size < 0:
            raise OddBatchError
        name = data[at : at + size].decode()
        at += size
        size, at = _varint(data, at)
        if size < 0:
            # Kafka knows headers without a value, and these are rare enough for the other parser. (Compiled, a slice
            # that ends before it begins is an error.)
            raise OddBatchError
        headers.append((name, data[at : at + size]))
        at += size
    if at != stop or count < 0:
        raise OddBatchError
    return headers
