"""Every remembered member of a partition under another policy, as the scorer would judge them at its last tick."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scoring.decision import Position
from scoring.engine import adopt
from scoring.policy import Policy
from streams.changelog import Advance, PartitionMemory
from streams.preview.tally import Move, Tally
from streams.rows import decode

#: What a policy sweep gives as its reason.
REASON = "policy_changed"
_TOLD_EVERY = 1000
#: Called with every move to a tier of another name.
OnMove = Callable[[Move], None]


@dataclass(slots=True)
class Replay:
    """A whole preview in the making.

    ``as_written`` is the new policy as its file says, ``otherwise`` the same with ``change.no_one_falls_before_expiry``
    turned round; None where tiers fall at once, since the switch means nothing there. Members who were merged into
    another or erased have no tier and are apart.
    """

    as_written: Tally
    otherwise: Tally | None
    merged: int = 0
    erased: int = 0
    offsets: dict[int, int] = field(default_factory=dict)
    last_ticks: dict[int, int] = field(default_factory=dict)

    @property
    def instant(self) -> int:
        """The latest of the last ticks (epoch ms, 0 before the first)."""
        return max(self.last_ticks.values(), default=0)


def started(after: Policy, shown: int = 0) -> Replay:
    """A preview before its first partition; ``shown`` members who lose a promised tier are kept to be named."""
    return Replay(Tally(shown), None if after.holds is None else Tally())


def replay(
    partition: PartitionMemory,
    before: Policy,
    after: Policy,
    turned_round: Policy | None,
    into: Replay,
    on_move: OnMove,
    advance: Advance,
) -> None:
    """Judge a partition's members one by one and add them up.

    The evaluation is the policy sweep's own (:func:`scoring.engine.adopt`), at the later of the member's as_of and the
    partition's last tick: a sweep that began now would do exactly this.
    """
    into.offsets[partition.number] = partition.position
    into.last_ticks[partition.number] = partition.progress.last_tick
    # adopt is asked where the record would lie; the member's own offset is below it or the row is ahead of the log.
    position = Position(partition.position, partition.progress.log_time, partition.progress.last_tick, imported=False)
    cause, other_cause = f"policy:{after.content_hash}", ""
    if turned_round is not None:
        other_cause = f"policy:{turned_round.content_hash}"
    untold = 0
    for key, row in partition.rows.items():
        untold += 1
        if untold == _TOLD_EVERY:
            advance(untold)
            untold = 0
        state = decode(row)
        if state.erased:
            into.erased += 1
            continue
        if state.merge is not None:
            into.merged += 1
            continue
        member_id = key.decode()
        move = into.as_written.add(
            member_id, state, adopt(state, before, after, REASON, cause, position), before, after
        )
        if move is not None:
            on_move(move)
        if turned_round is not None and into.otherwise is not None:
            decision = adopt(state, before, turned_round, REASON, other_cause, position)
            into.otherwise.add(member_id, state, decision, before, turned_round)
    advance(untold)
