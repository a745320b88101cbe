"""Records that could not be used: what is kept of them, and how many are too many."""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

Header = tuple[str, bytes]

#: The headers that name the original record; together these three are the dead letter's id.
TOPIC_HEADER: Final = "dl_topic"
PARTITION_HEADER: Final = "dl_partition"
OFFSET_HEADER: Final = "dl_offset"
REASON_HEADER: Final = "dl_reason"
DETAIL_HEADER: Final = "dl_detail"
OWN_HEADERS: Final = frozenset({TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, REASON_HEADER, DETAIL_HEADER})

#: Refusals that say nothing against the producer's format, so they never count towards the ceiling: above all, who
#: forges ticks shall not stop the scoring by it.
NOT_DEFECTS: Final = frozenset({"forged", "merge_refused", "too_late", "quarantined", "unknown_tier", "policy_refused"})

_WINDOW: Final = 1000
#: One per cent of the window.
_ALLOWED: Final = 10
_IN_A_ROW: Final = 20
_DETAIL_BYTES: Final = 2000
_REMEDY: Final = (
    "Nothing after the last commit was committed, so no record is lost. Repair what writes these records, then start "
    "the worker again: it resumes at the last commit. To let bad records that are in the log already go to the dead "
    "letters, start it once with MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT=false."
)


class RawRecord(Protocol):
    """What is read of a consumed record."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def headers(self) -> Sequence[Header]:
        """Its headers, in order."""


def dead_letter(record: RawRecord, topic: str, partition: int, reason: str, detail: str) -> list[Header]:
    """The headers of a dead letter, whose key and value are the original record's bytes unchanged.

    ``topic`` is the physical name. The original's headers are kept, except those of an earlier dead letter: a record
    that was replayed and failed again has the id of where it failed now. ``detail`` is cut at 2,000 bytes.
    """
    kept = [header for header in record.headers if header[0] not in OWN_HEADERS]
    # An id in a detail can hold half a surrogate pair, and a cut can halve a character: both must remain UTF-8.
    told = detail.encode("utf-8", "backslashreplace")[:_DETAIL_BYTES].decode("utf-8", "ignore").encode()
    return [
        *kept,
        (TOPIC_HEADER, topic.encode()),
        (PARTITION_HEADER, b"%d" % partition),
        (OFFSET_HEADER, b"%d" % record.offset),
        (REASON_HEADER, reason.encode()),
        (DETAIL_HEADER, told),
    ]


class Ceiling:
    """How many bad records one partition may have before its worker halts, instead of draining the topic.

    20 in a row, or, once 1,000 records were seen, more than 1 % of the last 1,000. Told in the order of the log; a run
    of good records costs one addition. Only a bad record asks for a halt: a producer that was repaired is not stopped.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._in_a_row = 0
        # Numbers, counted from 1, of the latest bad records: the oldest of one too many tells whether all are recent.
        self._bad: deque[int] = deque(maxlen=_ALLOWED + 1)

    def good(self, count: int) -> None:
        """``count`` records in a row were usable."""
        if count > 0:
            self._seen += count
            self._in_a_row = 0

    def bad(self, reason: str) -> str | None:
        """One record was not usable. Why to halt and how to resume, or ``None`` to go on."""
        if reason in NOT_DEFECTS:
            return None
        self._seen += 1
        self._in_a_row += 1
        self._bad.append(self._seen)
        if self._in_a_row >= _IN_A_ROW:
            return f"{_IN_A_ROW} records in a row could not be used (the last: {reason}). {_REMEDY}"
        if self._seen >= _WINDOW and len(self._bad) > _ALLOWED and self._bad[0] > self._seen - _WINDOW:
            many = f"more than {_ALLOWED} of the last {_WINDOW:,} records (1 %)"
            return f"{many} could not be used (the last: {reason}). {_REMEDY}"
        return None
