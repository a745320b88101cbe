"""The headers of outcomes: CloudEvents 1.0 in Kafka's binary mode.

Six of the eight are nearly the same for all outcomes of a kind. As bytes that are joined with what differs they cost
0.2 µs, where eight pairs cost 1.4 until they are in a batch.
"""

from typing import Final

from streams.engine.record_batches import encode_header, varint

Header = tuple[str, bytes]

_SPECIFICATION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_NUMBER: Final = varint(8)
#: Digits of ce_sequence, so that their order as text is that of the numbers, up to 2⁶⁴.
_DIGITS: Final = 20
#: Of members who have not been told much, as nearly all.
_SEQUENCES: Final = [b"%020d" % sequence for sequence in range(1000)]


def _begun(name: str, length: int) -> bytes:
    """A header up to its value, which has ``length`` bytes."""
    return encode_header(name, bytes(length))[:-length]


_ID: Final = _begun("ce_id", 36)
_TIME: Final = _begun("ce_time", 24)
_SUBJECT: Final = encode_header("ce_subject", b"")[:-1]
_SEQUENCE: Final = _begun("ce_sequence", _DIGITS)
_BEGIN: Final = _NUMBER + encode_header(*_SPECIFICATION) + _ID
_END: Final = encode_header(*_CONTENT_TYPE)


def _sequence(sequence: int) -> bytes:
    return _SEQUENCES[sequence] if sequence < 1000 else b"%020d" % sequence


class OutcomeHeaders:
    """Of the kinds that ``types`` names in a header each, written by ``source``."""

    def __init__(self, types: dict[str, Header], source: str) -> None:
        self._types = types
        self._source = ("ce_source", source.encode())
        #: What lies between the values of ce_id and ce_time, by kind.
        self._between = {
            kind: encode_header(*named) + encode_header(*self._source) + _TIME for kind, named in types.items()
        }

    def encoded(self, kind: str, ident: str, at: str, key: bytes, sequence: int) -> bytes:
        """As records have them."""
        return b"".join(
            (
                _BEGIN,
                ident.encode(),
                self._between[kind],
                at.encode(),
                _SUBJECT,
                varint(len(key)),
                key,
                _SEQUENCE,
                _sequence(sequence),
                _END,
            )
        )

    def pairs(self, kind: str, ident: str, at: str, key: bytes, sequence: int) -> list[Header]:
        """The same ones by name."""
        return [
            _SPECIFICATION,
            ("ce_id", ident.encode()),
            self._types[kind],
            self._source,
            ("ce_time", at.encode()),
            ("ce_subject", key),
            ("ce_sequence", _sequence(sequence)),
            _CONTENT_TYPE,
        ]
