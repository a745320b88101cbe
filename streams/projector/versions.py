"""Which of two scores of a member is newer, in a form that Redis can compare.

A score's version is (epoch, offset): the epoch of the rebuild and the offset in ``member-events`` that the member had
absorbed. In Redis a member is one string: the version in decimal digits of fixed width, a space, the score as it stands
in ``member-scores``. Digits of fixed width compare as text the way the numbers do, in every locale, and people can read
them. A deleted member leaves the bare version for a while, so that an older score cannot bring it back.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

_EPOCH_DIGITS: Final = 10
_OFFSET_DIGITS: Final = 19
#: Characters of a version: ten digits of epoch, a dot, nineteen of offset (Kafka's offsets are 63 bits wide).
VERSION_WIDTH: Final = _EPOCH_DIGITS + 1 + _OFFSET_DIGITS
#: Deletes whatever is stored: a deletion that names no version, as a person writes it by hand.
DELETE_ALWAYS: Final = b""


class UnusableScoreError(Exception):
    """A record of ``member-scores`` that is no score and no deletion; the text says why."""


class _Version(msgspec.Struct, gc=False):
    epoch: int
    offset: int


_decode_version = msgspec.json.Decoder(_Version).decode


def version_text(epoch: int, offset: int) -> bytes:
    """The version as it is stored and compared."""
    return b"%010d.%019d" % (epoch, offset)


def stored_form(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """What Redis is to hold for a record's value: version and score, the bare version, or DELETE_ALWAYS.

    A deletion (no value) names its version in the headers ``epoch`` and ``offset``, in decimal ASCII.

    Raises:
        UnusableScoreError: the value is no JSON object with whole numbers ``epoch`` and ``offset``, or a header is not
            a number.
    """
    try:
        if value is not None:
            version = _decode_version(value)
            return b"%010d.%019d %b" % (version.epoch, version.offset, value)
        named = dict(headers)
        if "epoch" not in named or "offset" not in named:
            return DELETE_ALWAYS
        return version_text(int(named["epoch"]), int(named["offset"]))
    except (msgspec.DecodeError, ValueError) as error:
        raise UnusableScoreError(str(error)) from error


def score_of(stored: bytes | None) -> bytes | None:
    """The score in what Redis holds, or None for a member that is unknown or deleted."""
    return stored[VERSION_WIDTH + 1 :] or None if stored else None
