"""Is what somebody posts an event that the scorer can read, and may it come this way?"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from scoring.events import MemberEvent
from streams.bad_records import MAX_BYTES, PARTITION_TYPES, BadRecord
from streams.codecs import decode, encode_event
from streams.pseudonyms import Pseudonyms

#: Key and value of the largest record that the topic accepts, less what is around them.
_LARGEST: Final = MAX_BYTES - 1024
#: Types that only Memberpulse itself writes.
_RESERVED: Final = (*PARTITION_TYPES, "member.absorbed")
#: Types that are decided by hand, and how: with a right of their own, a reason, and a record for the audit.
_BY_HAND: Final = {
    "tier.overridden": "send PUT /v1/members/{id}/tier-override",
    "tier.override_withdrawn": "send DELETE /v1/members/{id}/tier-override",
    "member.erased": "send DELETE /v1/members/{id}",
    "member.merged": "run 'memberpulse merge', which shows first what would come of it",
    "member.unmerged": "run 'memberpulse unmerge', which shows first what would come of it",
}
_MEND: Final = "correct the event and send it again"


class Usable(NamedTuple):
    """An event as it goes into the log; fields that the canonical form does not have are left out."""

    event_id: str
    key: bytes
    value: bytes


class Refusal(NamedTuple):
    """Why an event is not taken. ``reason`` is one of the dead letters' codes, or ``reserved``, ``by_hand`` or
    ``forbidden_shop``.
    """

    event_id: str | None
    reason: str
    detail: str
    what_to_do: str


class _RefusedError(Exception):
    """Reason, detail and what to do."""


class _Head(msgspec.Struct):
    type: object = None
    member_id: object = None
    event_id: object = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parts(body: bytes, *, lines: bool) -> list[bytes]:
    """The events of a request: one object, a list of them, or with ``lines`` one per line (NDJSON).

    Raises:
        ValueError: it is none of these.
    """
    if lines:
        return [line for line in body.split(b"\n") if line.strip()]
    text = body.strip()
    if not text.startswith(b"["):
        return [text] if text else []
    try:
        return [bytes(each) for each in _decode_list(text)]
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"the list is not JSON: {error}") from error


def judged(event: bytes, may_write: Callable[[str | None], bool], pseudonyms: Pseudonyms) -> Usable | Refusal:
    """What becomes of one event. ``may_write`` says whether the caller may write for a shop; members are written under
    their pseudonyms.
    """
    try:
        head = _decode_head(event)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        head = _Head()
    try:
        read = _read(head, event)
        _check_shop(read, may_write)
        return _written(pseudonyms.event(read))
    except _RefusedError as refused:
        return Refusal(head.event_id if isinstance(head.event_id, str) else None, *refused.args)


def _read(head: _Head, event: bytes) -> MemberEvent:
    if head.type in _RESERVED:
        raise _RefusedError("reserved", f"{head.type} is written by Memberpulse alone", "leave it out")
    if isinstance(head.type, str) and head.type in _BY_HAND:
        raise _RefusedError("by_hand", f"{head.type} is decided by hand, with a reason and a name", _BY_HAND[head.type])
    try:
        read = decode(head.member_id.encode() if isinstance(head.member_id, str) else b"", event)
    except BadRecord as bad:
        raise _RefusedError(bad.reason, bad.detail, _MEND) from bad
    assert isinstance(read, MemberEvent), "an event of a whole partition is reserved"
    if read.via:
        raise _RefusedError("reserved", "the field via is written by Memberpulse alone", "leave the field out")
    return read


def _check_shop(read: MemberEvent, may_write: Callable[[str | None], bool]) -> None:
    if not may_write(getattr(read, "shop_id", None) or None):
        raise _RefusedError(
            "forbidden_shop",
            "this key or token is limited to some shops, and the event names none of them as its shop_id",
            "name the shop, or use a key that may write for it",
        )


def _written(read: MemberEvent) -> Usable:
    key, value = encode_event(read)
    if len(key) + len(value) > _LARGEST:
        raise _RefusedError(
            "too_large",
            f"the event has {len(value):,} bytes; at most {_LARGEST - len(key):,} fit into a record",
            "send fewer lines",
        )
    return Usable(read.event_id, key, value)
