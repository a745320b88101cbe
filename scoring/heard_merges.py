"""Which merges has a member heard of, and does what it is told now still hold?

Docs/rules.md, section 13.3. One ledger may be told on several ways, and an old telling may come last. So every merge
has a number, which rises with each merge of the same member, and a telling names those of all merges that it came by.
"""

from collections.abc import Sequence
from typing import Final

from scoring.events import MemberAbsorbed
from scoring.further import Further, HeardMerge
from scoring.state import MemberState
from scoring.vocabulary import DAY_MS

#: How long after the end of the unmerge time a part stays apart, in milliseconds: so late may an unmerge arrive that
#: was accepted in time, when the partition of the merged member is that much behind.
ON_ITS_WAY_MS: Final = 7 * DAY_MS


def path_of(event: MemberAbsorbed) -> list[str]:
    """Whom the event came through, the absorbed member first."""
    return event.path or [event.absorbed]


def numbers_of(path: Sequence[str], numbers: Sequence[int]) -> list[int]:
    """The number of each merge of a path; 0 for those that were told before merges had numbers."""
    return [*numbers[: len(path)], *[0] * (len(path) - len(numbers))]


def is_over(state: MemberState, event: MemberAbsorbed) -> bool:
    """Whether a telling came by a merge of which the state knows that it was taken back."""
    path = path_of(event)
    for member_id, number in zip(path, numbers_of(path, event.numbers), strict=True):
        if member_id == event.member_id:
            if state.merge is None or state.merge.number != number:
                return True
            continue
        heard = _heard_of(state.heard, member_id, state.as_of)
        if heard is not None and (number < heard.number or (number == heard.number and heard.over)):
            return True
    return False


def hear(own: Further, event: MemberAbsorbed, as_of: int) -> None:
    """Remember the merges that a telling came by, or the end of the one that it says is over.

    ``as_of`` (epoch ms) is the member's.
    """
    path = path_of(event)
    for member_id, number in zip(path, numbers_of(path, event.numbers), strict=True):
        _remember(own, HeardMerge(member_id, number, event.undone, event.until), as_of)
        if event.undone:
            # It is the end of the first one alone.
            return


def has_ended(own: Further, member_id: str, as_of: int) -> bool:
    """Whether the newest merge of a member that was heard of is over."""
    heard = _heard_of(own.heard, member_id, as_of)
    return heard is not None and heard.over


def forget_old(own: Further, as_of: int) -> None:
    """Forget merges of which nothing can be on its way any more."""
    if own.heard:
        own.heard = tuple([each for each in own.heard if as_of < each.until + ON_ITS_WAY_MS])


def _remember(own: Further, told: HeardMerge, as_of: int) -> None:
    known = _heard_of(own.heard, told.member_id, as_of)
    if known is not None:
        number, over = max((known.number, known.over), (told.number, told.over))
        told = HeardMerge(told.member_id, number, over, max(known.until, told.until))
        if told == known:
            return
    forget_old(own, as_of)
    own.heard = (*[each for each in own.heard if each.member_id != told.member_id], told)


def _heard_of(merges: Sequence[HeardMerge], member_id: str, as_of: int) -> HeardMerge | None:
    for each in merges:
        if each.member_id == member_id and as_of < each.until + ON_ITS_WAY_MS:
            return each
    return None
