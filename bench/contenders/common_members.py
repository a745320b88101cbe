"""The common job's members of one partition: what the application of our engine is here, compiled with it."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, final

from faust.types import TP
from mypy_extensions import mypyc_attr

from bench.common_job import CHANGE, TIERS, tier_of
from bench.contenders.common_order import decode_paid
from streams.engine.batches import Record
from streams.engine.outbox import Put
from streams.engine.partition import RowPartition
from streams.engine.sending import NO_HEADERS
from streams.topics import PARTITION_KEY

# Offset, count, sum, tier; the last time follows as text.
_HEAD: Final = Struct("<qqqB")
_OFFSET: Final = Struct("<q")
# A name of another module is looked up each time; one's own constant is not, when it is compiled.
_PARTITION_KEY: Final = PARTITION_KEY
_decode: Final = decode_paid
_pack: Final = _HEAD.pack


@final
@mypyc_attr(acyclic=True)
class Count:
    """A member."""

    __slots__ = ("changed", "count", "key", "last", "offset", "spent", "tier")

    def __init__(self, key: bytes, offset: int, count: int, spent: int, tier: int, last: str) -> None:
        self.key = key
        self.offset = offset
        self.count = count
        self.spent = spent
        self.tier = tier
        self.last = last
        #: Since the last cut.
        self.changed = False


class CommonPartition(RowPartition):
    """Counts every order. Members stay as they are counted, not as rows: the whole of one is hardly larger."""

    def __init__(self, tp: TP, put: Put, changes: str) -> None:
        """``changes`` is the topic of the changes of tier."""
        super().__init__(tp)
        self._put = put
        self._changes = changes
        self._members: dict[bytes, Count] = {}
        self._changed: list[Count] = []

    def absorb(self, records: Sequence[Record]) -> None:
        """Count every order."""
        members = self._members
        for record in records:
            key = record.key
            value = record.value
            if key is None or value is None or key == _PARTITION_KEY:
                continue
            member = members.get(key)
            if member is None:
                member = members[key] = Count(key, -1, 0, 0, 0, "")
            offset = record.offset
            if offset <= member.offset:
                continue
            order = _decode(value)
            member.offset = offset
            member.count += 1
            spent = member.spent = member.spent + order.net_amount
            member.last = order.occurred_at
            if not member.changed:
                member.changed = True
                self._changed.append(member)
            tier = tier_of(spent)
            if tier != member.tier:
                change = CHANGE % (key, ord(TIERS[member.tier]), ord(TIERS[tier]), spent)
                self._put(self._changes, self.tp.partition, key, change, NO_HEADERS)
                member.tier = tier

    @property
    def dirty_count(self) -> int:
        """Members changed since the last cut."""
        return len(self._changed)

    def take_dirty(self, most: int) -> list[tuple[bytes, bytes]]:
        """Changed members as rows."""
        dirty: list[tuple[bytes, bytes]] = []
        for member in self._changed[:most]:
            member.changed = False
            head: bytes = _pack(member.offset, member.count, member.spent, member.tier)
            dirty.append((member.key, head + member.last.encode()))
        del self._changed[:most]
        return dirty

    def payload(self) -> bytes:
        """Nothing belongs to the whole partition."""
        return b""

    def offset_of(self, row: bytes) -> int:
        """The source offset a row has absorbed."""
        offset: int = _OFFSET.unpack_from(row)[0]
        return offset

    async def restored(self) -> None:
        """Take up the rows, and have those written again whose last record is not the one that counts."""
        self._members = {key: read(key, row) for key, row in self.rows.items()}
        self.rows.clear()
        for key in self.take_regressed():
            member = self._members[key]
            member.changed = True
            self._changed.append(member)


def read(key: bytes, row: bytes) -> Count:
    """The member that a row says."""
    offset, count, spent, tier = _HEAD.unpack_from(row)
    return Count(key, offset, count, spent, tier, row[_HEAD.size :].decode())
