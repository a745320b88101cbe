"""In which shops was this member seen?

Scores name no shop, since nothing that the rules decide depends on it. So that callers limited to shops can look up
their own members, the projector keeps a set of shops beside each score (``access.member_shops``).
"""

from collections.abc import Collection
from typing import Final

from streams.config import Settings

#: Stands in the set of an erased member, which nothing is added to any more. No shop has an empty name.
ERASED: Final = b""


def shops_key(settings: Settings, member_id: bytes) -> bytes:
    """The key of the set of shops that the member was seen in."""
    return f"{settings.redis.key_prefix}shops:".encode() + member_id


def shops_of(stored: Collection[bytes] | None) -> frozenset[str]:
    """The shops of a set as Redis answers it; none of an erased or unknown member."""
    return frozenset(shop.decode() for shop in stored if shop) if stored and ERASED not in stored else frozenset()
