"""Who decided what about whom, and why: records of the topic ``audit``.

A record is written before the event that it tells of, so that nothing is done by hand that the audit does not know. Its
``event_id`` is that of the event: an entry without such an event in ``member-events`` is one that could not be carried
out.
"""

from datetime import datetime

import msgspec

from scoring.events import MemberMerged, MemberUnmerged, TierOverridden
from streams.by_hand import ByHand


class AuditRecord(msgspec.Struct, omit_defaults=True):
    """One decision. ``actor`` is who is said to have decided, ``caller`` who was authenticated, or the user of a
    terminal; ``via`` is ``http`` or ``command``. ``tier``, ``until`` and ``into`` only where the event has them.
    """

    event_id: str
    type: str
    member_id: str
    at: datetime
    reason: str
    actor: str
    caller: str
    via: str
    tier: str | None = None
    until: datetime | None = None
    into: str | None = None


def audit_record(event: ByHand, *, caller: str, via: str) -> tuple[bytes, bytes]:
    """Key and value of the record that tells of an event."""
    record = AuditRecord(
        event_id=event.event_id,
        type=str(event.__struct_config__.tag),
        member_id=event.member_id,
        at=event.occurred_at,
        reason=event.reason,
        actor=event.actor,
        caller=caller,
        via=via,
        tier=event.tier if isinstance(event, TierOverridden) else None,
        until=event.until if isinstance(event, TierOverridden) else None,
        into=event.into if isinstance(event, MemberMerged | MemberUnmerged) else None,
    )
    return event.member_id.encode(), msgspec.json.encode(record)
