"""What led to an evaluation, and an outcome that says so."""

from typing import Final

from mypy_extensions import mypyc_attr

from scoring.outcomes import Facts, Outcome
from scoring.state import MemberState
from scoring.vocabulary import CATCH_UP_AFTER_MS

#: Reasons of a sweep, which come before every other.
POLICY_CHANGED: Final = "policy_changed"
CUT_MOVED: Final = "cut_moved"


@mypyc_attr(acyclic=True, free_list_len=1)
class Origin:
    """What led to an evaluation: an event, a timer, a new policy, new cuts.

    ``tick_at`` is the instant of the tick that fired the timer (epoch ms), 0 without one. ``override_reason`` and
    ``override_actor`` are those of a ``tier.overridden``.
    """

    __slots__ = (
        "cause",
        "channel",
        "imported",
        "order_id",
        "override_actor",
        "override_reason",
        "reason",
        "recorded_at",
        "shop_id",
        "tick_at",
    )

    def __init__(
        self,
        cause: str,
        reason: str,
        recorded_at: int,
        imported: bool,
        tick_at: int = 0,
        order_id: str = "",
        shop_id: str = "",
        channel: str = "",
    ) -> None:
        self.cause = cause
        self.reason = reason
        self.recorded_at = recorded_at
        self.imported = imported
        self.tick_at = tick_at
        self.order_id = order_id
        self.shop_id = shop_id
        self.channel = channel
        self.override_reason = ""
        self.override_actor = ""


def is_late(state: MemberState, origin: Origin) -> bool:
    """Whether what is told was due long before anybody could be told."""
    return origin.imported or (origin.tick_at != 0 and origin.tick_at - state.as_of > CATCH_UP_AFTER_MS)


def outcome_of(
    state: MemberState,
    origin: Origin,
    kind: str,
    reason: str,
    before: str,
    after: str,
    rank_before: int,
    rank_after: int,
    facts: Facts | None,
) -> Outcome:
    """The state's next outcome, with the state's numbers."""
    state.sequence += 1
    # By position: keywords cost as much again as everything else here.
    return Outcome(
        kind,
        state.sequence,
        origin.cause,
        reason,
        before,
        after,
        rank_before,
        rank_after,
        state.as_of,
        0,
        origin.recorded_at,
        origin.imported,
        state.frequency,
        state.monetary,
        state.last_at,
        state.next_due,
        state.tier,
        state.offset,
        origin.order_id,
        origin.shop_id,
        origin.channel,
        state.as_of if origin.tick_at else 0,
        facts,
    )
