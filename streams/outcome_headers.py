"""The headers of outcomes: CloudEvents 1.0 in Kafka's binary mode.

Six of the eight are nearly the same for all outcomes of a kind. As text that is joined with what differs, the id's
digits included, they cost 0.25 µs beside these digits, where eight pairs cost 1.4 until they are in a batch.
"""

from typing import Final

from streams.engine.record_batches import encode_header, encode_headers, varint
from streams.outcome_ids import VARIANT, IdDigits, outcome_id

Header = tuple[str, bytes]

_SPECIFICATION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_NUMBER: Final = varint(8)
#: Digits of ce_sequence, so that their order as text is that of the numbers, up to 2⁶⁴.
_DIGITS: Final = 20


def _begun(name: str, length: int) -> bytes:
    """A header up to its value, which has ``length`` bytes."""
    return encode_header(name, bytes(length))[:-length]


# A name of another module is looked up each time; one's own constant is not, when it is compiled.
_VARIANT: Final = VARIANT
# Lengths up to 63 are one byte below 128, so the whole is text.
_BEGIN: Final = (_NUMBER + encode_header(*_SPECIFICATION) + _begun("ce_id", 36)).decode()
_TIME: Final = _begun("ce_time", 24)
_SUBJECT: Final = encode_header("ce_subject", b"")[:-1].decode()
_LENGTHS: Final = [varint(length).decode() for length in range(64)]
_LONGEST: Final = len(_LENGTHS) - 1
#: ce_sequence and what follows, for members who have not been told much, as nearly all.
_ENDS: Final = [
    (encode_header("ce_sequence", b"%020d" % sequence) + encode_header(*_CONTENT_TYPE)).decode()
    for sequence in range(1000)
]
_NUMBERED: Final = len(_ENDS)


class OutcomeHeaders:
    """Of the kinds that ``types`` names in a header each, written by ``source`` under the settings' ``epoch``."""

    def __init__(self, types: dict[str, Header], source: str, epoch: int) -> None:
        self._types = types
        self._source = ("ce_source", source.encode())
        self._epoch = epoch
        self._digits = IdDigits(epoch)
        between = {kind: encode_header(*named) + encode_header(*self._source) + _TIME for kind, named in types.items()}
        #: What lies between the values of ce_id and ce_time, by kind; nothing where that is no plain text.
        self._between = {kind: each.decode() for kind, each in between.items() if each.isascii()}

    def encoded(self, kind: str, cause: str, at: str, member_id: str, key: bytes, sequence: int) -> bytes:
        """As records have them; ``key`` is the member id."""
        length = len(key)
        between = self._between.get(kind)
        if length > _LONGEST or sequence >= _NUMBERED or between is None:
            return encode_headers(self.pairs(kind, cause, at, member_id, key, sequence))
        digits = self._digits.of(member_id, kind, cause, sequence)
        # The id as outcome_id() writes it: as text of its own it would cost as much again as its digits do.
        return (
            f"{_BEGIN}{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
            f"{between}{at}{_SUBJECT}{_LENGTHS[length]}{member_id}{_ENDS[sequence]}"
        ).encode()

    def pairs(self, kind: str, cause: str, at: str, member_id: str, key: bytes, sequence: int) -> list[Header]:
        """The same ones by name."""
        return [
            _SPECIFICATION,
            ("ce_id", outcome_id(self._epoch, member_id, kind, cause, sequence).encode()),
            self._types[kind],
            self._source,
            ("ce_time", at.encode()),
            ("ce_subject", key),
            ("ce_sequence", b"%020d" % sequence),
            _CONTENT_TYPE,
        ]
