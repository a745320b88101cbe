"""Records as they are fetched, and batches of them."""

from collections.abc import Sequence
from typing import Protocol, final

from faust.types import TP
from mypy_extensions import mypyc_attr


class Remembered(Protocol):
    """What is read of a changelog's record, which aiokafka parses."""

    @property
    def offset(self) -> int:
        """The place in the partition."""
        ...

    @property
    def key(self) -> bytes | None:
        """The raw key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The raw value."""
        ...


@final
@mypyc_attr(acyclic=True)
class Record:
    """One record of a source.

    A class and no protocol: what is compiled reads its fields in a nanosecond, and those of anything else in thirty.
    """

    __slots__ = ("headers", "key", "offset", "timestamp", "value")

    def __init__(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        #: The place in the partition.
        self.offset = offset
        #: The broker's, in epoch milliseconds; -1 where the oldest format of the log has none.
        self.timestamp = timestamp
        self.key = key
        self.value = value
        #: In the order they were written.
        self.headers = headers


@final
class RecordBatch:
    """Consecutive records of one partition.

    ``start`` is the offset that follows the batch before it, ``end`` the one that follows the last record. Offsets
    inside may have holes (transaction markers, which may be all there is), a chain of batches never has: a receiver
    whose position is not ``start`` has missed one.
    """

    __slots__ = ("end", "records", "start", "tp")

    def __init__(self, tp: TP, start: int, end: int, records: Sequence[Record]) -> None:
        self.tp = tp
        self.start = start
        self.end = end
        self.records = records
