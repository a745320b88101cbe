"""Records as they are fetched, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from faust.types import TP


class Record(Protocol):
    """What the engine and its partitions read of aiokafka's ``ConsumerRecord``."""

    @property
    def offset(self) -> int:
        """The place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """The broker's, in epoch milliseconds."""
        ...

    @property
    def key(self) -> bytes | None:
        """The raw key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The raw value."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """In the order they were written."""
        ...


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one partition.

    ``start`` is the offset that follows the batch before it, ``end`` the one that follows the last record. Offsets
    inside may have holes (transaction markers, which may be all there is), a chain of batches never has: a receiver
    whose position is not ``start`` has missed one.
    """

    tp: TP
    start: int
    end: int
    records: Sequence[Record]
