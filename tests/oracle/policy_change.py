"""What a new policy does to the tier of a known member (docs/rules.md, section 11)."""

from dataclasses import replace

from tests.oracle.holds import Hold, Step, TierState, at_once, hold_end, rise, started
from tests.oracle.periods import Judge
from tests.oracle.policy import Rules


def renamed(rank: int, old: Rules, new: Rules) -> int:
    """Where the tier of a rank is under the new policy; without its name, as near below as there is."""
    place = new.rank_of(old.levels[rank].name)
    return min(rank, len(new.levels) - 1) if place is None else place


def mapped(tiers: TierState, old: Rules, new: Rules) -> TierState:
    """Points 1, 2 (the half that drops holds) and 5: the same tiers by name, before the evaluation."""
    base = renamed(tiers.base, old, new)
    hold = _kept_hold(tiers.hold, base, old, new)
    stack: list[Hold] = []
    if new.holds is not None:
        for left in tiers.stack:
            place = new.rank_of(old.levels[left.rank].name)
            if place is not None and 0 < place < base:
                stack.append(replace(left, rank=place, provisional=left.provisional and new.is_provisional))
    return replace(tiers, base=base, hold=hold, stack=tuple(sorted(stack, key=lambda left: left.rank)))


def _kept_hold(hold: Hold | None, base: int, old: Rules, new: Rules) -> Hold | None:
    """Without holds by either policy, all that there can be is what waits for its confirmation."""
    if hold is None or base == 0:
        return None
    hold = replace(hold, rank=base, provisional=hold.provisional and new.is_provisional)
    if old.holds is not None and new.holds is not None:
        return hold
    return Hold(base, None, None, hold.qualified_at, hold.asked, provisional=True) if hold.provisional else None


def policy_step(step: Step, standing: int, judge: Judge, old: Rules) -> None:
    """Points 2 (the half that starts holds), 3 and 4."""
    if judge.rules.holds is None:
        at_once(step, standing, judge)
        return
    state = step.state
    if state.base > 0 and (state.hold is None or old.holds is None):
        step.ways.append("policy: hold started")
        state = step.state = replace(state, hold=_anew(state, standing, judge))
    if standing > state.base:
        step.ways.append("policy: rises")
        rise(step, standing, judge)
    elif standing < state.base and judge.rules.may_fall_at_change:
        step.ways.append("policy: falls")
        step.state = replace(state, base=standing, hold=started(standing, standing, judge, state.base), stack=())
    else:
        _stay(step, standing, judge)


def _stay(step: Step, standing: int, judge: Judge) -> None:
    state = step.state
    hold = state.hold
    if hold is not None and judge.rules.levels[state.base].never_downgrade:
        if hold.held_until is not None:
            step.ways.append("policy: never lost from now on")
        step.state = replace(state, hold=replace(hold, held_until=None, grace_until=None))
    elif hold is not None and hold.held_until is None:
        step.ways.append("policy: can be lost from now on")
        step.state = replace(state, hold=_anew(state, standing, judge))
    elif standing < state.base:
        step.ways.append("policy: held below its standing")
    assert judge.rules.holds is not None
    hold_end(step, standing, judge, judge.rules.holds)


def _anew(state: TierState, standing: int, judge: Judge) -> Hold | None:
    """A hold from now on; what waits for its confirmation goes on waiting for the same."""
    hold, before = started(state.base, standing, judge, state.base), state.hold
    if hold is None or before is None or not before.provisional:
        return hold
    return replace(hold, qualified_at=before.qualified_at, asked=before.asked, provisional=True)
