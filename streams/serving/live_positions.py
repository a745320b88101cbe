"""Where is a client in the outcome topics? The text of ``Last-Event-ID``, and back.

A position is one number per partition of the outcome topics: the offset that comes next. It means the same to every
process, whatever the order in which each one met the records, so that a client may go on at another one. The stream of
one member needs the three partitions that the member's outcomes lie in, the stream of everybody needs all.

The text is a letter for the sort of stream, then the numbers as LEB128 in base64 (RFC 4648, section 5, without
padding): some 20 characters for a member, some 5 per partition of ``member-events`` and topic for everybody.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from streams.topics import OUTCOME_TOPICS

TOPICS: Final = len(OUTCOME_TOPICS)
OF_EVERYBODY: Final = "e"
OF_A_MEMBER: Final = "m"
#: No offset is larger.
_LARGEST: Final = (1 << 63) - 1


class NoPosition(ValueError):
    """A ``Last-Event-ID`` that this stream has never given out; the text says why."""


def index_of(topic: int, partition: int) -> int:
    """Where a partition's number stands in the position of everybody's stream; ``topic`` counts OUTCOME_TOPICS."""
    return partition * TOPICS + topic


def indices_of(partition: int) -> range:
    """Where the numbers of one member's partitions stand in it."""
    return range(partition * TOPICS, (partition + 1) * TOPICS)


def packed(number: int) -> bytes:
    """A number as LEB128."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text_of(sort: str, parts: Iterable[bytes]) -> str:
    """The text of a position whose numbers are packed already."""
    return sort + base64.urlsafe_b64encode(b"".join(parts)).decode().rstrip("=")


def position_of(text: str, sort: str, size: int) -> list[int]:
    """The ``size`` numbers of a position.

    Raises:
        NoPosition: it is none, or one of another sort of stream or of a log with other partitions.
    """
    if not text.startswith(sort):
        raise NoPosition("it is not an id of this stream")
    try:
        # Without validate=True everything that is not base64 would be skipped.
        found = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NoPosition("it is not an id of this stream") from None
    numbers = _unpacked(found)
    if len(numbers) != size:
        raise NoPosition(f"it has {len(numbers)} numbers and this stream has {size} partitions")
    return numbers


def _unpacked(found: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in found:
        number |= (byte & 0x7F) << shift
        if number > _LARGEST:
            raise NoPosition("a number in it is larger than any offset")
        if byte & 0x80:
            shift += 7
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise NoPosition("it is cut off")
    return numbers
