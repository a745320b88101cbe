"""One Faust event per partition per fetch, carrying the raw records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import faust
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
    inside may have
    holes (transaction markers), a chain of batches never has: a receiver whose position is not ``start`` has missed
    one.
    """

    tp: TP
    start: int
    end: int
    records: Sequence[Record]


class BatchSchema(faust.Schema[Any, Any]):
    """Hands the batch through undecoded: decoding happens where a dead letter is possible."""

    def compile(
        self,
        app: Any,
        *,
        on_key_decode_error: Any = None,
        on_value_decode_error: Any = None,
        default_propagate: bool = False,
    ) -> Any:
        """The decode function Faust calls once per delivered message, here once per batch."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust passes it
            return app.create_event(None, message.value, None, message)

        return decode
