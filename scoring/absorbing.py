"""What a member takes over of one who was merged into it, and gives back (docs/rules.md, section 13.3)."""

from scoring.absorbed_parts import add_of_same_member, ledger_of, part_of, put_part, with_ledger
from scoring.events import MemberAbsorbed
from scoring.forwards import asked_of
from scoring.further import Further, Hold, Part
from scoring.heard_merges import has_ended, hear, is_over, numbers_of, path_of
from scoring.policy import Policy
from scoring.state import MemberState
from scoring.told_ledgers import ledger_told


def take(after: MemberState, event: MemberAbsorbed, policy: Policy) -> bool:
    """Take over, or give back, the ledger of a merged member; whether that changed anything."""
    own = after.own_further()
    path = path_of(event)
    numbers = numbers_of(path, event.numbers)
    if event.undone:
        hear(own, event, after.as_of)
        return _give_back(own, event.absorbed, numbers[0])
    if event.member_id in path or is_over(after, event):
        return False
    hear(own, event, after.as_of)
    merge = event.merge or event.event_id
    known = part_of(after, event.absorbed)
    ledger = ledger_told(event.ledger, policy)
    if known is not None:
        joined = ledger_of(known)
        add_of_same_member(joined, ledger)
        ledger = joined
    came = tuple(path), merge, tuple(event.members), tuple(numbers)
    empty = Part(event.absorbed, event.until, b"", (), None, 0, 0, (), *came)
    part = with_ledger(empty, ledger)
    before = (known, own.absorbed, after.joined_at, own.base)
    put_part(after, part)
    _absorb_all(own, event)
    if event.joined_at is not None:
        after.joined_at = min(after.joined_at, event.joined_at)
    _take_hold(after, own, event, policy)
    return before != (part, own.absorbed, after.joined_at, own.base)


def know(own: Further, event: MemberAbsorbed, as_of: int) -> None:
    """Note who is absorbed from now on, or no longer; ``as_of`` (epoch ms) is that of the member."""
    hear(own, event, as_of)
    if not event.undone:
        _absorb_all(own, event)
    elif has_ended(own, event.absorbed, as_of):
        own.absorbed = tuple([each for each in own.absorbed if each != event.absorbed])


def _absorb_all(own: Further, event: MemberAbsorbed) -> None:
    new = [each for each in (event.absorbed, *event.members) if each not in own.absorbed]
    own.absorbed = (*own.absorbed, *new)


def _give_back(own: Further, absorbed: str, number: int) -> bool:
    """Drop all parts that came by a merge of a member, by this one or an earlier one."""
    kept: list[Part] = []
    dropped: list[Part] = []
    for part in own.parts:
        came_by = dict(zip(part.path, numbers_of(part.path, part.numbers), strict=True))
        (dropped if came_by.get(absorbed, number + 1) <= number else kept).append(part)
    gone: set[str] = set()
    for part in dropped:
        gone.update((part.absorbed, *part.members))
    own.parts = tuple(kept)
    own.absorbed = tuple([each for each in own.absorbed if each not in gone])
    return bool(dropped)


def _take_hold(state: MemberState, own: Further, event: MemberAbsorbed, policy: Policy) -> None:
    """A hold of a higher tier that lasts goes on here."""
    hold = event.hold
    if hold is None or policy.holds is None or hold.tier not in policy.tier_names:
        return
    rank = policy.tier_names.index(hold.tier)
    if rank <= own.base or (hold.held_until != 0 and hold.held_until <= state.as_of):
        return
    if own.base > 0 and (own.held_until == 0 or own.held_until > state.as_of):
        left = Hold(own.base, own.held_until, own.qualified_at, own.asked, own.notice_told, own.provisional)
        own.stack = (*own.stack, left)
    own.base = rank
    own.held_until = hold.held_until
    own.grace_until = 0
    own.qualified_at = hold.qualified_at
    own.asked = asked_of(hold.asked)
    own.notice_told = hold.notice_told
    own.provisional = hold.provisional and policy.provisional
