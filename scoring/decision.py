"""What is asked of the rules and what they answer: a place in the log, and what follows from what lies there."""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from scoring.evaluation import Evaluation
from scoring.forwards import Forward
from scoring.outcomes import Outcome
from scoring.state import MemberState
from scoring.vocabulary import PROSPECT

APPLIED: Final = 0
DUPLICATE: Final = 1

NO_OUTCOMES: Final[tuple[Outcome, ...]] = ()
_NO_FORWARDS: Final[tuple[Forward, ...]] = ()


class Position:
    """Where in the log an event or tick stands. One object per partition, moved by the caller.

    ``log_time`` is epoch ms; ``last_tick`` is the ``at`` of the last accepted tick before it (epoch ms, 0 before the
    first); ``imported`` says that the record brought its log time along in a header (history).
    """

    __slots__ = ("imported", "last_tick", "log_time", "offset")

    def __init__(self, offset: int, log_time: int, last_tick: int, imported: bool) -> None:
        self.offset = offset
        self.log_time = log_time
        self.last_tick = last_tick
        self.imported = imported

    def copied(self) -> "Position":
        """As it is now, for what looks back later."""
        return Position(self.offset, self.log_time, self.last_tick, self.imported)


@mypyc_attr(acyclic=True, free_list_len=1)
class Decision:
    """The member's new state and what there is to tell.

    ``verdict`` is ``APPLIED`` or ``DUPLICATE`` (only the offset moved). ``moved`` says that tier or stage changed, that
    the member is new, or that there are outcomes. ``outcomes`` is shared when it is empty: read it, never add to it.
    ``forwards`` are events for other members.
    """

    __slots__ = ("forwards", "moved", "outcomes", "state", "verdict")

    def __init__(
        self,
        state: MemberState,
        outcomes: Sequence[Outcome],
        verdict: int,
        *,
        moved: bool = False,
        forwards: Sequence[Forward] = _NO_FORWARDS,
    ) -> None:
        self.state = state
        self.outcomes = outcomes
        self.verdict = verdict
        self.moved = moved
        self.forwards = forwards


def passed_over(state: MemberState, offset: int) -> Decision:
    """An event that moves a member's log offset and nothing else. The given state is left as it is."""
    after = state.clone()
    after.offset = offset
    return Decision(after, NO_OUTCOMES, DUPLICATE, moved=False)


def compared_with(state: MemberState | None) -> Evaluation:
    """An evaluation to be made, with what it is compared with."""
    if state is None:
        return Evaluation(-1, PROSPECT)
    if state.further is None:
        return Evaluation(state.tier, state.stage)
    own = state.further
    segments = (own.rf_segment, own.quadrant, own.kind_of_eight)
    return Evaluation(state.tier, own.told_stage, segments, own.override, own.grace_until > 0)
