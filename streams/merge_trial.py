"""What would come of a merge, an unmerge or an erasure? The rules themselves, tried on copies of what is remembered."""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from scoring.engine import Position, apply
from scoring.events import MemberEvent
from scoring.forwards import Forward
from scoring.policy import Policy
from scoring.state import MemberState
from streams.currencies import money_text
from streams.exits import CommandError, ExitCode

#: More than any merge leads to: eight members in a chain, and a record for each 8,000 of their orders.
_MOST_EVENTS: Final = 1_000


class Change(NamedTuple):
    """One member before and after; None for somebody who is not known."""

    member_id: str
    before: MemberState | None
    after: MemberState


def tried(
    event: MemberEvent, row_of: Callable[[str], MemberState | None], policy: Policy, log_time: int
) -> list[Change]:
    """Everybody whom an event would change, directly or through what members tell each other, in that order.

    ``row_of`` gives a member's state as it is remembered; ``log_time`` is epoch ms.

    Raises:
        scoring.errors.Refused: the rules would refuse the event.
        CommandError: the merges run in a circle.
    """
    before: dict[str, MemberState | None] = {}
    after: dict[str, MemberState] = {}
    waiting = deque([Forward(event.member_id, event)])
    while waiting and len(before) < _MOST_EVENTS:
        member_id, each = waiting.popleft()
        if member_id not in before:
            before[member_id] = row_of(member_id)
        state = after.get(member_id, before[member_id])
        position = Position(0 if state is None else state.offset + 1, log_time, 0, imported=False)
        decision = apply(state, each, policy, position)
        after[member_id] = decision.state
        waiting.extend(decision.forwards)
        if any(outcome.reason == "cycle" for outcome in decision.outcomes):
            raise CommandError(
                f"the merges would run in a circle through {member_id}",
                ExitCode.DATA,
                remedy="merge into the member at the end of the chain; 'memberpulse member ID' says whom one is merged "
                "into",
            )
    return [Change(member_id, before[member_id], state) for member_id, state in after.items()]


def standing_text(state: MemberState | None, policy: Policy) -> str:
    """Where a member stands, in a few words."""
    if state is None:
        return "not known"
    if state.erased:
        return "erased"
    if state.merge is not None:
        return f"merged into {state.merge.into}"
    orders = "1 order" if state.frequency == 1 else f"{state.frequency} orders"
    return f"tier {policy.tier_names[state.tier]}, {orders}, {money_text(state.monetary, policy.currency)}"
