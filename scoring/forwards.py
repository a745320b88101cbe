"""What one member must tell another, who may live in another partition: events for ``member-events``.

Docs/rules.md, section 13. The same decision makes the same events with the same ids, so that whoever has one already
drops it as a duplicate.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from scoring.calendar import EPOCH
from scoring.events import AbsorbedHold, MemberAbsorbed, MemberEvent, PassedTest
from scoring.further import Asked, Further, Merge, Part
from scoring.heard_merges import numbers_of, path_of
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.told_ledgers import pieces_of

#: Ids of outcomes and of forwards are names in this space: uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes").
NAMESPACE: Final = UUID("0ead2b89-a644-588e-96e4-86bb5f5404f6")


class Forward(NamedTuple):
    """An event for another member, whose id it names."""

    member_id: str
    event: MemberEvent


def absorbed_id(absorbed: str, cause: str) -> str:
    """The id of the event by which a merge is told; ``cause`` is the id of the ``member.merged``."""
    return str(uuid5(NAMESPACE, f"absorbed|{absorbed}|{cause}"))


def told_of(
    state: MemberState, part: Part, into: str, event_id: str, source: str, hold: AbsorbedHold | None
) -> list[Forward]:
    """The events by which ``into`` is told of a ledger that it absorbs: more than one for a long ledger.

    ``state`` is the member who tells it, ``part`` what is told.
    """
    forwards: list[Forward] = []
    for number, ledger in enumerate(pieces_of(part)):
        event = MemberAbsorbed(
            event_id=event_id if number == 0 else str(uuid5(NAMESPACE, f"{event_id}|{number}")),
            member_id=into,
            occurred_at=_moment(state.as_of),
            source=source,
            absorbed=part.absorbed,
            path=list(part.path),
            numbers=list(part.numbers),
            merge=part.merge,
            members=list(part.members),
            ledger=ledger,
            joined_at=state.joined_at,
            hold=hold,
            until=part.until,
        )
        forwards.append(Forward(into, event))
    return forwards


def undone_by(state: MemberState, member_id: str, merge: Merge, cause: str, *, erased: bool) -> Forward:
    """The event by which a merge is taken back; ``cause`` is the id of the event that takes it back."""
    return Forward(
        merge.into,
        MemberAbsorbed(
            event_id=str(uuid5(NAMESPACE, f"undone|{member_id}|{cause}")),
            member_id=merge.into,
            occurred_at=_moment(state.as_of),
            absorbed=member_id,
            path=[member_id],
            numbers=[merge.number],
            merge=merge.told_by,
            until=merge.until,
            undone=True,
            erased=erased,
        ),
    )


def passed_on(event: MemberAbsorbed, through: str, merge: Merge, until: int) -> Forward:
    """The same event for the member that ``through`` was merged into, to be taken out ``until`` (epoch ms)."""
    path = path_of(event)
    numbers = [*numbers_of(path, event.numbers), merge.number]
    path = [*path, through]
    return Forward(
        merge.into,
        msgspec.structs.replace(event, member_id=merge.into, path=path, numbers=numbers, until=until),
    )


def part_passed_on(part: Part, through: str, number: int, until: int) -> Part:
    """A part for the member into whom ``through`` is merged, by the merge of that number."""
    numbers = (*numbers_of(part.path, part.numbers), number)
    return part._replace(path=(*part.path, through), numbers=numbers, until=max(part.until, until))


def order_passed_on(event: MemberEvent, into: str, via: str) -> Forward:
    """The same order event for the member that its own was merged into."""
    return Forward(into, msgspec.structs.replace(event, member_id=into, via=via))


def own_part(state: MemberState, member_id: str, merge: str, number: int, until: int) -> Part:
    """A member's own ledger as a part of another, by the merge of that number."""
    apart = {part.absorbed for part in state.parts}
    return Part(
        member_id,
        until,
        state.orders,
        state.amended,
        state.sealed,
        state.gone_at,
        state.gone_days,
        state.gone_purchase_days,
        (member_id,),
        merge,
        tuple([each for each in state.absorbed if each not in apart]),
        (number,),
    )


def hold_told(own: Further | None, policy: Policy) -> AbsorbedHold | None:
    """The hold of a base; None without one."""
    if own is None or policy.holds is None or own.base == 0 or own.grace_until != 0:
        return None
    asked = own.asked
    test = None if asked is None else PassedTest(asked.frequency, asked.monetary, asked.match_all, asked.cut)
    name = policy.tier_names[own.base]
    return AbsorbedHold(name, own.held_until, own.qualified_at, test, own.notice_told, own.provisional)


def asked_of(test: PassedTest | None) -> Asked | None:
    """The test behind a hold that was told."""
    return None if test is None else Asked(test.frequency, test.monetary, test.match_all, test.cut)


def _moment(instant: int) -> datetime:
    return EPOCH + timedelta(milliseconds=instant)
