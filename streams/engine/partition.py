"""What an application does with one source partition: fold records into rows, and say what must be remembered."""

import struct
from abc import ABC, abstractmethod
from collections.abc import MutableMapping, Sequence

from faust.types import TP
from mypy_extensions import mypyc_attr

from streams.engine.batches import Record, Remembered
from streams.engine.disk_rows import DiskRows

#: Key of the partition row in the changelog; no row key of an application may be equal to it.
PARTITION_ROW_KEY = b"\x00partition"

_PARTITION_ROW = struct.Struct(">BqI")
_PARTITION_ROW_VERSION = 1


class PartitionRow:
    """What the changelog says of a whole partition: it holds the effects of every source record below ``position``."""

    __slots__ = ("partitions", "payload", "position")

    def __init__(self, position: int, partitions: int, payload: bytes) -> None:
        self.position = position
        self.partitions = partitions
        self.payload = payload

    def encode(self) -> bytes:
        """Version, position, the source topic's partition count, then the application's bytes as of ``position``."""
        return _PARTITION_ROW.pack(_PARTITION_ROW_VERSION, self.position, self.partitions) + self.payload

    @classmethod
    def decode(cls, row: bytes) -> "PartitionRow":
        """Raises ValueError for a row version this program does not know."""
        version, position, partitions = _PARTITION_ROW.unpack_from(row)
        if version != _PARTITION_ROW_VERSION:
            raise ValueError(
                f"partition row version {version} is newer than this program, which knows {_PARTITION_ROW_VERSION}"
            )
        return cls(position, partitions, row[_PARTITION_ROW.size :])


@mypyc_attr(allow_interpreted_subclasses=True)
class Partition(ABC):
    """One assigned source partition. Records are absorbed without an await, so nothing sees a half-absorbed one."""

    def __init__(self, tp: TP) -> None:
        self.tp = tp
        #: The source offset to absorb next.
        self.position = 0

    @abstractmethod
    def absorb(self, records: Sequence[Record]) -> None:
        """Take in consecutive records. Must not raise for anything a record contains."""

    @property
    def committable(self) -> int:
        """P: the first source record whose effects are not all in the rows (taken or dirty) yet."""
        return self.position

    @property
    def dirty_count(self) -> int:
        """Rows changed since the last cut."""
        return 0

    @property
    def sweeping(self) -> bool:
        """Work that concerns many rows is unfinished."""
        return False

    def sweep(self, budget: int) -> int:
        """Do at most ``budget`` rows of it; how many were done."""
        return 0


@mypyc_attr(allow_interpreted_subclasses=True)
class RowPartition(Partition):
    """A partition whose rows (bytes, by record key) are remembered in a changelog and restored from it."""

    def __init__(self, tp: TP) -> None:
        super().__init__(tp)
        #: Whoever wants them elsewhere puts another empty mapping here before anything is restored.
        self.rows: MutableMapping[bytes, bytes] = {}
        self.partition_row: PartitionRow | None = None
        self.regressions = 0
        self._regressed: set[bytes] = set()

    @abstractmethod
    def offset_of(self, row: bytes) -> int:
        """The source offset a row has absorbed."""

    @abstractmethod
    def take_dirty(self, most: int) -> list[tuple[bytes, bytes]]:
        """At most ``most`` of the changed rows, encoded; from here on they count as unchanged. May queue last outcomes
        first.

        Rows come in the order in which they became changed: the first ``n`` are those that were it when there were
        ``n``.
        """

    @abstractmethod
    def payload(self) -> bytes:
        """What the application wants remembered of the whole partition, as of :attr:`committable`."""

    @abstractmethod
    async def restored(self) -> None:
        """Rows and partition row are complete: build what derives from them. May yield to the event loop, and should
        when it takes long.
        """

    def restore(self, records: Sequence[Remembered]) -> None:
        """Apply changelog records. The row with the highest source offset wins, whatever its place in the log.

        A fenced worker's late write can follow its successor's: that is a regression, counted and rewritten at the next
        cut.
        """
        rows, offset_of = self.rows, self.offset_of
        for record in records:
            key, row = record.key, record.value
            assert key is not None
            if key == PARTITION_ROW_KEY:
                assert row is not None
                restored = PartitionRow.decode(row)
                if self.partition_row is None or restored.position >= self.partition_row.position:
                    self.partition_row = restored
                else:
                    self.regressions += 1
                continue
            if row is None:
                rows.pop(key, None)
                continue
            known = rows.get(key)
            if known is None or offset_of(known) <= offset_of(row):
                rows[key] = row
                if self._regressed:
                    self._regressed.discard(key)
            else:
                self.regressions += 1
                self._regressed.add(key)

    def close(self) -> None:
        """The partition is no longer ours: rows that are on disk are removed from it."""
        if isinstance(self.rows, DiskRows):
            self.rows.close()

    def take_regressed(self) -> set[bytes]:
        """Keys whose last changelog record is not the one that won; these rows have to be written again."""
        keys, self._regressed = self._regressed, set()
        return keys
