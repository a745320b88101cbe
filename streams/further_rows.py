"""How is written into a member's row what few members have? As MessagePack, fields only ever added at the end."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import msgpack

from scoring.further import Asked, Bucket, Further, Given, HeardMerge, Hold, Merge, Override, Part, Sealed, Told

# Places in the packed tuple of a Further, in the order of its constructor.
_ASKED: Final = 5
_STACK: Final = 7
_OVERRIDE: Final = 8
_REMEMBERED: Final = 15
_SEALED: Final = 16
_ABSORBED: Final = 17
_PARTS: Final = 18
_MERGE: Final = 19
_HEARD: Final = 21
_GIVEN: Final = 22


def encode_further(own: Further) -> bytes:
    """What few members have, as bytes. Capped offers are left out where there are none, which is nearly everywhere."""
    fields = own.fields()
    return msgpack.encode(fields if own.given else fields[:_GIVEN])


def decode_further(packed: bytes) -> Further:
    """What was encoded, by this version or an older one."""
    # Untyped, because msgspec cannot read the annotations of classes that mypyc compiled.
    fields: list[Any] = msgpack.decode(packed)
    fields[_ASKED] = _asked(fields[_ASKED])
    fields[_STACK] = tuple(
        [Hold(rank, until, at, _asked(test), *said) for rank, until, at, test, *said in fields[_STACK]]
    )
    if fields[_OVERRIDE] is not None:
        fields[_OVERRIDE] = Override(*fields[_OVERRIDE])
    if len(fields) > _REMEMBERED:
        fields[_REMEMBERED] = tuple([Told(*each) for each in fields[_REMEMBERED]])
        fields[_SEALED] = _sealed(fields[_SEALED])
        fields[_ABSORBED] = tuple(fields[_ABSORBED])
        fields[_PARTS] = tuple([_part(each) for each in fields[_PARTS]])
        if fields[_MERGE] is not None:
            fields[_MERGE] = Merge(*fields[_MERGE])
    if len(fields) > _HEARD:
        fields[_HEARD] = tuple([HeardMerge(*each) for each in fields[_HEARD]])
    if len(fields) > _GIVEN:
        fields[_GIVEN] = tuple([Given(*each) for each in fields[_GIVEN]])
    return Further(*fields)


def _sealed(read: Sequence[Any] | None) -> Sealed | None:
    if read is None:
        return None
    buckets, last_at, forgotten_day = read
    return Sealed(tuple(map(Bucket._make, buckets)), last_at, forgotten_day)


def _part(read: Sequence[Any]) -> Part:
    absorbed, until, orders, amended, sealed, gone_at, gone_days, gone_purchase_days, *came = read
    registers = tuple([(*entry, tuple([tuple(each) for each in returns])) for *entry, returns in amended])
    part = Part(absorbed, until, orders, registers, _sealed(sealed), gone_at, gone_days, tuple(gone_purchase_days))
    if not came:
        return part
    path, merge, members, *numbered = came
    numbers = tuple(numbered[0]) if numbered else ()
    return part._replace(path=tuple(path), merge=merge, members=tuple(members), numbers=numbers)


def _asked(read: Iterable[Any] | None) -> Asked | None:
    return None if read is None else Asked(*read)
