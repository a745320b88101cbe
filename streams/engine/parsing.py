"""Records out of the bytes of a fetch: by our own parser where it can and is faster, else by aiokafka's."""

from struct import Struct
from types import FunctionType
from typing import Any, Final

from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

from streams.engine.batches import Record
from streams.engine.plain_batches import OddBatchError, PlainBatch

# Of a record batch: first offset, length of the rest, leader's epoch, format, checksum of what follows.
_BATCH: Final = Struct(">qiibI")
# What follows: attributes, last offset, first and last timestamp, producer id, epoch and sequence, number of records.
_HEAD: Final = Struct(">hiqqqhii")
_BEFORE_THE_REST: Final = 12
_NEWEST_FORMAT: Final = 2
_COMPRESSION: Final = 0b111
_STAMPED_BY_THE_BROKER: Final = 0b1000
#: As Kafka's own client says it.
_NO_TIME: Final = -1
_OURS: Final = not isinstance(PlainBatch.take, FunctionType)


def fetched_batches(data: bytes, begin: int) -> list["FetchedBatch"]:
    """The batches that lie in ``data`` whole and have an offset from ``begin`` on."""
    found: list[FetchedBatch] = []
    reader = MemoryRecords(data)
    at = 0
    while reader.has_next():
        batch: Any = reader.next_batch()
        if batch.next_offset > begin:
            found.append(FetchedBatch(data, at, batch, begin))
        at += _BEFORE_THE_REST + _BATCH.unpack_from(data, at)[1]
    return found


class FetchedBatch:
    """One record batch; ``end`` is the offset that follows it."""

    __slots__ = ("_at", "_batch", "_begin", "_data", "_others", "_plain", "end")

    def __init__(self, data: bytes, at: int, batch: Any, begin: int) -> None:
        """It lies in ``data`` from ``at`` on and is aiokafka's ``batch``. A batch comes whole, also to who asked for
        its middle: records before ``begin`` are left out.
        """
        self.end: int = batch.next_offset
        self._data = data
        self._at = at
        self._batch = batch
        self._begin = begin
        self._others: list[Record] | None = None
        self._plain = _plain(data, at, begin) if _OURS else None

    def is_sound(self) -> bool:
        """Whether the checksum is right: by the processor's own instruction, 0.1 µs less an order than by aiokafka."""
        _, length, _, form, checksum = _BATCH.unpack_from(self._data, self._at)
        if form != _NEWEST_FORMAT:
            sound: bool = self._batch.validate_crc()
            return sound
        checked = memoryview(self._data)[self._at + _BATCH.size : self._at + _BEFORE_THE_REST + length]
        return bool(crc32c(checked) == checksum)

    def take(self, most: int) -> list[Record]:
        """At most so many of the next records; none at the end. Transaction markers are no records."""
        if self._batch.is_control_batch:
            return []
        if self._plain is not None:
            try:
                taken = self._plain.take(most)
            except OddBatchError:
                # The other parser reads it, or says what is wrong.
                self._plain = None
            else:
                if taken:
                    self._begin = taken[-1].offset + 1
                return taken
        if self._others is None:
            self._others = _others(self._batch, self._begin)
        taken, self._others = self._others[:most], self._others[most:]
        return taken


def _plain(data: bytes, at: int, begin: int) -> PlainBatch | None:
    """The batch for our parser, if it is one."""
    first, length, _, form, _ = _BATCH.unpack_from(data, at)
    if form != _NEWEST_FORMAT:
        return None
    attributes, _, first_at, last_at, _, _, _, count = _HEAD.unpack_from(data, at + _BATCH.size)
    if attributes & _COMPRESSION:
        return None
    stamped = bool(attributes & _STAMPED_BY_THE_BROKER)
    return PlainBatch(
        data,
        at + _BATCH.size + _HEAD.size,
        at + _BEFORE_THE_REST + length,
        first,
        begin,
        count,
        last_at if stamped else first_at,
        stamped,
    )


def _others(batch: Any, begin: int) -> list[Record]:
    """The records of a batch from ``begin`` on, by aiokafka's parser."""
    records: list[Any] = list(batch)
    if records and records[0].offset < begin:
        records = [record for record in records if record.offset >= begin]
    # The oldest format has no times.
    untimed = bool(records) and records[0].timestamp is None
    if _OURS or untimed:
        # What is compiled takes records of our class only.
        return [
            Record(each.offset, _NO_TIME if untimed else each.timestamp, each.key, each.value, each.headers)
            for each in records
        ]
    return records
