"""What a ``member-events`` record says: bytes to events, and back for the records that we write ourselves.

A good record costs one decode and one comparison of its key. What explains a bad one is in
:mod:`streams.bad_records` and runs only for those.
"""

import re
from datetime import datetime
from typing import Final

import msgspec

from scoring.events import CutsPublished, Event, MemberEvent, PartitionEvent, PolicyPublished
from streams.bad_records import MAX_BYTES, MAX_DEPTH, BadRecord, explain, shown_key
from streams.instant_texts import InstantTexts
from streams.instants import floored, instant_text
from streams.topics import PARTITION_KEY

__all__ = ["BadRecord", "check_envelope", "decode", "encode_event", "encode_policy", "encode_tick"]

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
#: Only fractions that read .xxx9995 or later are rounded into the next millisecond. (Finding b"999" takes twice that.)
_may_carry: Final = re.compile(rb"999[5-9]").search
# A name of another module is looked up each time; one's own constant is not, when it is compiled.
_PARTITION_KEY: Final = PARTITION_KEY
_LIST_BEGINS: Final = ord("[")
_NOT_A_BRACKET: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")

_decode_member_event: Final = msgspec.json.Decoder(MemberEvent).decode
_decode_partition_event: Final = msgspec.json.Decoder(PartitionEvent).decode
_decode_instant_texts: Final = msgspec.json.Decoder(InstantTexts).decode


def decode(key: bytes | None, value: bytes | None) -> Event:
    """The event of one record.

    Raises :class:`BadRecord` for everything that is none; no other exception leaves here. Whether a partition event
    names the partition that it lies in is the caller's to check: the number is not in these bytes.
    """
    if key is None:
        raise BadRecord("null_key", "the record has no key; the key must be the member id in UTF-8")
    if value is None:
        raise BadRecord("null_value", "the record has no value; a deletion marker means nothing in a log of events")
    # The usual value is one flat object of plain ASCII: then there is nothing to check.
    if len(value) > MAX_BYTES or not value.isascii() or _LIST_BEGINS in value or value.find(b"{", 1) >= 0:
        check_envelope(value)
    event: Event
    try:
        if key == _PARTITION_KEY:
            event = _decode_partition_event(value)
        else:
            event = member_event = _decode_member_event(value)
            if member_event.member_id.encode() != key:
                raise _key_mismatch(key, member_event.member_id)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise explain(key, value, error) from error
    if _may_carry(value):
        _cut_off_fine_fractions(event, value)
    return event


def _key_mismatch(key: bytes, member_id: str) -> BadRecord:
    return BadRecord(
        "key_mismatch",
        f"the record's key is {shown_key(key)} but its member_id is {member_id!r}; "
        "the key must be the member id in UTF-8, so that all of a member's events lie in one partition",
    )


def check_envelope(value: bytes) -> None:
    """Size, encoding and nesting, which must hold for every JSON that we read. Raises :class:`BadRecord`."""
    if len(value) > MAX_BYTES:
        raise BadRecord("too_large", f"the value has {len(value):,} bytes; at most {MAX_BYTES:,} are allowed")
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError as error:
            where = f"byte 0x{value[error.start]:02x} at position {error.start}"
            raise BadRecord("not_utf8", f"the value is not UTF-8: {where}") from None
    # Most events are one flat object. Finding one byte is a memchr and count() a slow loop: it is for the others.
    if (_LIST_BEGINS in value or value.find(b"{", 1) >= 0) and value.count(b"{") + value.count(b"[") > MAX_DEPTH:
        _check_depth(value)


def _check_depth(value: bytes) -> None:
    """The exact nesting, brackets inside texts left out; never by recursion, whose limit is not ours."""
    depth = 0
    for bracket in _STRING.sub(b"", value).translate(None, _NOT_A_BRACKET):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadRecord("too_deep", f"objects and lists are nested more than {MAX_DEPTH} deep")


def _cut_off_fine_fractions(event: Event, value: bytes) -> None:
    """Undo msgspec's rounding of a seventh digit where it crossed into the next millisecond: the rules say floor.

    Only fractions that read .xxx9995 or later are touched, hence the cheap test before.
    """
    texts = _decode_instant_texts(value)
    for name in ("occurred_at", "until", "at"):
        moment = getattr(event, name, None)
        # member.absorbed has milliseconds under the same name.
        if isinstance(moment, datetime):
            setattr(event, name, floored(getattr(texts, name), moment))


def encode_event(event: MemberEvent) -> tuple[bytes, bytes]:
    """Key and value of an event about a member; fields that say no more than the default are left out."""
    return event.member_id.encode(), msgspec.json.encode(event)


def encode_tick(at_ms: int, partition: int) -> bytes:
    """The value of a tick, whose key is ``PARTITION_KEY``; ``at_ms`` is epoch milliseconds."""
    return b'{"type":"tick","at":"%s","partition":%d}' % (instant_text(at_ms).encode(), partition)


def encode_policy(partition: int, version: int, content_hash: str, canonical: bytes) -> bytes:
    """The value of a ``policy.published``, whose key is ``PARTITION_KEY``; ``canonical`` is the document's own JSON.

    The same policy always has the same id in a partition.
    """
    return msgspec.json.encode(
        PolicyPublished(
            event_id=f"policy-{version}-{content_hash[:16]}-{partition}",
            partition=partition,
            version=version,
            content_hash=content_hash,
            policy=msgspec.Raw(canonical),
        )
    )


def encode_cuts(partition: int, date: str, cuts: bytes) -> bytes:
    """The value of a ``cuts.published``, whose key is ``PARTITION_KEY``; ``date`` is ISO, ``cuts`` JSON.

    The cuts of a date always have the same id in a partition.
    """
    return msgspec.json.encode(
        CutsPublished(event_id=f"cuts-{date}-{partition}", partition=partition, date=date, cuts=msgspec.Raw(cuts))
    )
