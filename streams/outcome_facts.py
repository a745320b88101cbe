"""What an outcome's record says to those who pass it on: whom it is about, what moved, and for whom it is.

One meaning of the filters by type, tier and shop, for every way in which outcomes leave the log.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Self

import msgspec

from streams.outcome_records import TYPE_HEADERS

#: Every kind of outcome: ``tier.upgraded`` and so on.
KINDS: Final = tuple(sorted(TYPE_HEADERS))
#: What is before the point: ``lifecycle``, ``segment``, ``tier``.
GROUPS: Final = tuple(sorted({kind.partition(".")[0] for kind in KINDS}))
#: The attributes of a CloudEvent that its JSON has, in this order (CloudEvents 1.0, JSON event format, section 3).
_ATTRIBUTES: Final = ("specversion", "id", "type", "source", "subject", "time", "sequence")

_encode: Final = msgspec.json.Encoder().encode


class _Named(msgspec.Struct, gc=False):
    name: str


class _Cause(msgspec.Struct, gc=False):
    shop_id: str | None = None


class _Body(msgspec.Struct, gc=False, rename={"origin": "from"}):
    kind: str
    member_id: str
    sequence: int
    recorded_at: str
    catch_up: bool
    epoch: int
    tier: _Named | None
    origin: _Named | None
    cause: _Cause


_decode: Final = msgspec.json.Decoder(_Body).decode


class OutcomeFacts(msgspec.Struct, gc=False, frozen=True):
    """One outcome. ``tiers`` are the member's tier afterwards and, where the tier moved, the one before.

    ``shop_id`` is the shop of the order behind it; None where time, a policy or cuts caused it. ``recorded_at`` is log
    time as RFC 3339 text in UTC, which sorts like the instants.
    """

    id: str
    kind: str
    member_id: str
    sequence: int
    epoch: int
    tiers: tuple[str, ...]
    shop_id: str | None
    recorded_at: str
    catch_up: bool


def facts_of(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> OutcomeFacts:
    """The facts of one record of an outcome topic.

    Raises:
        ValueError: this is no outcome.
    """
    found = next((text for name, text in headers if name == "ce_id"), None)
    if found is None or value is None:
        raise ValueError("the record has no ce_id, or no value")
    try:
        body = _decode(value)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"the value is no outcome: {error}") from error
    tiers: tuple[str, ...] = () if body.tier is None else (body.tier.name,)
    if body.origin is not None and body.kind.startswith("tier.") and body.origin.name not in tiers:
        tiers += (body.origin.name,)
    return OutcomeFacts(
        found.decode(),
        body.kind,
        body.member_id,
        body.sequence,
        body.epoch,
        tiers,
        body.cause.shop_id,
        body.recorded_at,
        body.catch_up,
    )


def cloud_event(headers: Sequence[tuple[str, bytes]], value: bytes) -> bytes:
    """The outcome as one JSON object: a CloudEvent in structured mode, whose ``data`` is the record's value.

    There are no line breaks in it.
    """
    stated = {name.removeprefix("ce_"): text for name, text in headers if name.startswith("ce_")}
    attributes = b",".join(
        b'"%s":%s' % (name.encode(), _encode(stated.get(name, b"").decode())) for name in _ATTRIBUTES
    )
    # A line break in JSON can only stand between its parts.
    data = value.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in value or b"\r" in value else value
    return b'{%s,"datacontenttype":"application/json","data":%s}' % (attributes, data)


class Selection(msgspec.Struct, frozen=True):
    """Which outcomes somebody wants; an empty set is no limit."""

    kinds: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()

    @classmethod
    def of(cls, types: Iterable[str] = (), tiers: Iterable[str] = (), shops: Iterable[str] = ()) -> Self:
        """By the names that people write; a type is a kind (``tier.upgraded``) or a group of them (``tier``).

        Raises:
            ValueError: there is no such type; the text lists them.
        """
        kinds: set[str] = set()
        for asked in types:
            matching = [kind for kind in KINDS if kind == asked or kind.partition(".")[0] == asked]
            if not matching:
                raise ValueError(f"there is no type {asked!r}; known are {', '.join((*GROUPS, *KINDS))}")
            kinds.update(matching)
        return cls(frozenset(kinds), frozenset(tiers), frozenset(shops))

    def wants(self, facts: OutcomeFacts) -> bool:
        """Whether this outcome is one of them."""
        return (
            (not self.kinds or facts.kind in self.kinds)
            and (not self.tiers or not self.tiers.isdisjoint(facts.tiers))
            and (not self.shops or facts.shop_id in self.shops)
        )
