"""What a person decides about a member, as events of the log: erasures, merges, and tiers granted by hand.

The terminal and HTTP write the same events, each with a reason and a name, and a record of it for the audit
(:mod:`streams.auditing`).
"""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from scoring.calendar import EPOCH
from scoring.events import (
    MemberErased,
    MemberMerged,
    MemberUnmerged,
    TierOverridden,
    TierOverrideWithdrawn,
)
from streams.codecs import decode, encode_event

ByHand = MemberErased | MemberMerged | MemberUnmerged | TierOverridden | TierOverrideWithdrawn

_SOURCE: Final = "memberpulse"
#: How long a name in an event may be.
ACTOR_LENGTH: Final = 64


def said_by(member_id: str, reason: str, actor: str, at: int, origin: str) -> dict[str, Any]:
    """The fields that all of these events have. ``at`` is epoch ms; ``origin`` (``command``, ``http``) begins the id.

    Deciding the same again makes an event of its own: what it says holds already, and a grant is told once more.
    """
    return {
        "event_id": f"{origin}-{uuid4().hex}",
        "member_id": member_id,
        "occurred_at": EPOCH + timedelta(milliseconds=at),
        "source": _SOURCE,
        "reason": reason,
        "actor": actor[:ACTOR_LENGTH],
    }


def checked(event: ByHand) -> tuple[bytes, bytes]:
    """Key and value of the event, which the scorer can read.

    Raises:
        BadRecord: it could not: a name or reason is too long, empty or missing.
    """
    key, value = encode_event(event)
    decode(key, value)
    return key, value
