"""How many members fall due when, as workers publish it to ``due-counts`` for the ticker."""

from collections.abc import Iterable
from typing import Final

import msgspec

#: Due instants are counted in buckets of this width, in milliseconds; a bucket is named by its first instant.
BUCKET_MS: Final = 3_600_000


class DueCount(msgspec.Struct, frozen=True, gc=False):
    """One partition's members by the hour in which they fall due.

    ``as_of_ms`` is the last tick that the counting worker had absorbed in this partition (0 for none): members it moved
    are not counted any more. ``due`` holds (bucket start in epoch ms, members), ascending, members who are overdue
    included in the first bucket. ``members`` is how many the partition knows.
    """

    partition: int
    members: int
    as_of_ms: int
    due: tuple[tuple[int, int], ...]

    def key(self) -> bytes:
        """The record's key in ``due-counts``."""
        return str(self.partition).encode()


encode_due_count = msgspec.json.Encoder().encode
decode_due_count = msgspec.json.Decoder(DueCount).decode


def moved_by(at: int, last_tick: int | None, counts: Iterable[DueCount]) -> int:
    """How many members a tick at ``at`` would move.

    A bucket that began at or before ``at`` counts whole: too many rather than too few. In a count from before the last
    tick, buckets that began by that tick do not count: their members, due at the starts of days as a rule, are moved by
    the tick that is in the log already.
    """
    return sum(
        members
        for count in counts
        for start, members in count.due
        if start <= at and (last_tick is None or count.as_of_ms >= last_tick or start > last_tick)
    )
