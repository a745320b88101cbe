"""What does a change of policy do to members, counted?"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from scoring.decision import Decision
from scoring.outcomes import SEGMENT_ENTERED, SEGMENT_LEFT, TIER_DOWNGRADED, TIER_UPGRADED
from scoring.policy import Policy
from scoring.state import MemberState

Direction = Literal["rises", "falls", "renamed"]
#: Twice as many as are shown are kept before they are sorted and cut.
_SLACK: Final = 1_000


class Move(NamedTuple):
    """A member who is in a tier of another name afterwards.

    ``renamed``: without an outcome, because a tier of that name is no longer there. ``promised`` says that the tier is
    held, in grace or granted, ``promised_until`` to when (epoch ms, 0: no end). Orders and minor units are those that
    count for the tier, both before.
    """

    member_id: str
    before: str
    after: str
    rank_before: int
    direction: Direction
    promised: bool
    promised_until: int
    frequency: int
    monetary: int

    @property
    def loses_a_promise(self) -> bool:
        """Whether a tier is lost before the time that was promised."""
        return self.direction == "falls" and self.promised


@dataclass(slots=True)
class Tally:
    """The counts of one variant of the new policy. Members and moves are by the names of tiers before and after."""

    shown: int = 0
    members: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    directions: Counter[str] = field(default_factory=Counter)
    promises_lost: int = 0
    losers: list[Move] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def add(self, member_id: str, state: MemberState, decision: Decision, before: Policy, after: Policy) -> Move | None:
        """Count what becomes of a member; the move when the tier has another name afterwards."""
        self.members += 1
        was, now = before.tier_names[state.tier], after.tier_names[decision.state.tier]
        self.moves[was, now] += 1
        direction: Direction = "renamed"
        for outcome in decision.outcomes:
            kind = outcome.kind
            self.outcomes[kind] += 1
            if kind == TIER_DOWNGRADED:
                direction = "falls"
            elif kind == TIER_UPGRADED:
                direction = "rises"
            elif kind == SEGMENT_ENTERED:
                self.entered[outcome.after] += 1
            elif kind == SEGMENT_LEFT:
                self.left[outcome.before] += 1
        if was == now:
            return None
        self.directions[direction] += 1
        promised, until = promise_of(state, before, decision.state.as_of)
        move = Move(
            member_id, was, now, state.tier, direction, promised, until, state.tier_frequency, state.tier_monetary
        )
        if move.loses_a_promise:
            self.promises_lost += 1
            self._keep(move)
        return move

    @property
    def moved(self) -> int:
        """Members in a tier of another name."""
        return self.directions.total()

    @property
    def share_moved(self) -> float:
        """These of all members; 0 without any member."""
        return self.moved / self.members if self.members else 0.0

    def in_tier(self, name: str, *, after: bool) -> int:
        """How many members are in a tier before or after."""
        place = 1 if after else 0
        return sum(count for names, count in self.moves.items() if names[place] == name)

    def first_losers(self) -> list[Move]:
        """Members who lose what was promised, the highest tier first, then by id; as many as are to be shown."""
        return sorted(self.losers, key=lambda move: (-move.rank_before, move.member_id))[: self.shown]

    def _keep(self, move: Move) -> None:
        if self.shown:
            self.losers.append(move)
            if len(self.losers) >= self.shown + _SLACK:
                self.losers = self.first_losers()


def promise_of(state: MemberState, policy: Policy, instant: int) -> tuple[bool, int]:
    """Whether at ``instant`` the tier is held, in grace or granted, and until when (epoch ms, 0: no end)."""
    override = state.override
    if state.override_in_force and override is not None and state.floor > state.base:
        return override.until > instant, override.until
    if policy.holds is None or state.base == 0 or state.tier != state.base:
        return False, 0
    until = max(state.held_until, state.grace_until)
    return until == 0 or until > instant, until
