"""How a tier is earned, held and lost: what the steps of an evaluation do (docs/rules.md, 6.3 to 6.6)."""

from dataclasses import dataclass, field, replace

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.periods import Judge
from tests.oracle.policy import HoldRules, Level
from tests.oracle.pyramid import Cut, rank_value

RETESTING = ("revision", "cancel", "return", "unmerge")


@dataclass(frozen=True)
class Hold:
    """None stands for no end, no grace, and a qualification that nobody knows.

    Where tiers fall at once, a base has one only while it is provisional, and it never ends.
    """

    rank: int
    held_until: int | None
    grace_until: int | None = None
    qualified_at: int | None = None
    asked: Level | Cut | None = None
    notice_told: bool = False
    provisional: bool = False

    def lasts(self, instant: int) -> bool:
        """Whether it has not ended yet."""
        return self.held_until is None or self.held_until > instant


@dataclass(frozen=True)
class Override:
    """The winner of the override register; ``until`` is None on a withdrawal."""

    occurred_at: int
    event_id: str
    tier: str
    until: int | None

    @property
    def order(self) -> tuple[int, bytes]:
        """The larger wins."""
        return self.occurred_at, self.event_id.encode()

    def is_in_force(self, instant: int) -> bool:
        return self.until is not None and self.until > instant


@dataclass(frozen=True)
class TierState:
    """``stack`` has the lowest rank first. ``register`` and ``was_in_force`` are those of the latest evaluation."""

    base: int = 0
    hold: Hold | None = None
    stack: tuple[Hold, ...] = ()
    floor: int = 0
    register: Override | None = None
    was_in_force: bool = False

    @property
    def tier(self) -> int:
        return max(self.base, self.floor)


@dataclass
class Step:
    """What happened to the tier in one evaluation; ``fell_by`` is the reason of a fall by time.

    ``still_passes``: what was asked when the tier was earned is passed yet; others have moved the cut.

    ``ways`` names the branches of the text that were taken, for statistics.
    """

    state: TierState
    override_set: bool = False
    override_ended: str = ""
    fell_by: str = ""
    still_passes: bool = False
    prolonged_by: str = ""
    withdrawn: bool = False
    confirmed: bool = False
    expiring: bool = False
    would_be: int = 0
    ways: list[str] = field(default_factory=list)


def override_step(step: Step, register: Override | None, judge: Judge) -> None:
    """Step 1."""
    before = step.state
    named = judge.rules.rank_of(register.tier) if register is not None else None
    in_force = register is not None and named is not None and register.is_in_force(judge.now)
    floor = (named or 0) if in_force else 0
    step.override_set = in_force and register != before.register
    if before.was_in_force and not in_force:
        assert before.register is not None
        assert register is not None
        is_over = any(o.until is not None and o.until <= judge.now for o in (before.register, register))
        is_same = register == before.register
        step.override_ended = "until" if is_over else "tier_gone" if is_same else "withdrawn"
    step.state = replace(before, register=register, was_in_force=in_force, floor=floor)


def started(rank: int, standing: int, judge: Judge, base: int, at: int | None = None) -> Hold | None:
    """A new hold, as from ``at`` when that is not now; the lowest rank has none. ``base`` is the one before."""
    if rank == 0:
        return None
    level, rules, t = judge.rules.levels[rank], judge.rules.holds, judge.now if at is None else at
    assert rules is not None
    held_until: int | None
    if level.never_downgrade:
        held_until = None
    elif judge.rules.window == "rolling":
        held_until = start_of_day(day_of(t, judge.rules.zone) + rules.hold_days, judge.rules.zone)
    else:
        held_until = judge.year_start(2 if judge.present_passes(level, t) else 1, t)
    if standing >= rank:
        return Hold(rank, held_until, qualified_at=t, asked=judge.test_of(rank, base))
    return Hold(rank, held_until)


def flagged(hold: Hold | None, judge: Judge) -> Hold | None:
    """The hold of a base that has just risen, which may have to wait for its confirmation (6.7)."""
    if hold is None or not judge.rules.is_provisional:
        return hold
    assert hold.asked is not None
    return replace(hold, provisional=not judge.settled().passes(hold.asked, judge.now))


def retest(step: Step, standing: int, judge: Judge) -> bool:
    """Step 4; whether the tier step is over with it."""
    state, t = step.state, judge.now
    hold = state.hold
    if hold is None:
        return False
    if hold.qualified_at is None:
        step.ways.append("re-test: qualification unknown")
        return False
    if not judge.is_whole(hold.qualified_at):
        step.ways.append("re-test: window not whole")
        return False
    assert hold.asked is not None
    if judge.passes(hold.asked, hold.qualified_at):
        step.ways.append("re-test: passes")
        return False
    if standing >= state.base:
        step.ways.append("re-test: qualifies now")
        renewed = replace(hold, qualified_at=t, asked=judge.test_of(hold.rank, state.base))
        step.state = replace(state, hold=renewed)
        return False
    _fall_back(step, standing, judge)
    return True


def _fall_back(step: Step, standing: int, judge: Judge) -> None:
    """To the highest hold of the stack that stands, or else to what the member qualifies for."""
    state = step.state
    for place in range(len(state.stack) - 1, -1, -1):
        left = _if_it_stands(state.stack[place], standing, judge, step)
        if left is None:
            continue
        if standing <= left.rank:
            step.ways.append("re-test: restored")
            step.state = replace(state, base=left.rank, hold=left, stack=state.stack[:place])
        else:
            step.ways.append("re-test: above the hold that stands")
            stack = (*state.stack[:place], left)
            step.state = replace(state, base=standing, hold=started(standing, standing, judge, state.base), stack=stack)
        return
    step.ways.append("re-test: nothing stands, some rank" if standing else "re-test: nothing stands, lowest")
    step.state = replace(state, base=standing, hold=started(standing, standing, judge, state.base), stack=())


def _if_it_stands(hold: Hold, standing: int, judge: Judge, step: Step) -> Hold | None:
    """The hold of the stack as it stands now, None when it does not."""
    ways = step.ways
    if not hold.lasts(judge.now):
        ways.append("stack: ended")
        return None
    if hold.qualified_at is None or not judge.is_whole(hold.qualified_at):
        ways.append("stack: cannot be tested")
        return hold
    assert hold.asked is not None
    if judge.passes(hold.asked, hold.qualified_at):
        ways.append("stack: passes")
        return hold
    ways.append("stack: fails, qualifies now" if standing >= hold.rank else "stack: fails")
    if standing >= hold.rank:
        return replace(hold, qualified_at=judge.now, asked=judge.test_of(hold.rank, step.state.base))
    return None


def at_once(step: Step, standing: int, judge: Judge) -> None:
    """Step 3."""
    state = step.state
    if standing > state.base:
        hold = None
        if judge.rules.is_provisional:
            asked = judge.test_of(standing, state.base)
            hold = flagged(Hold(standing, None, qualified_at=judge.now, asked=asked), judge)
        step.state = replace(state, base=standing, hold=hold if hold is not None and hold.provisional else None)
    elif standing < state.base:
        step.state = replace(state, base=standing, hold=None)


def rise(step: Step, standing: int, judge: Judge) -> None:
    """Step 5."""
    state = step.state
    stack = state.stack
    if state.hold is not None and state.hold.grace_until is None and state.hold.lasts(judge.now):
        stack = (*stack, state.hold)
    step.ways.append("rise: hold to the stack" if stack != state.stack else "rise: no hold to keep")
    hold = flagged(started(standing, standing, judge, state.base), judge)
    step.state = replace(state, base=standing, hold=hold, stack=stack)


def hold_end(step: Step, standing: int, judge: Judge, rules: HoldRules) -> None:
    """Step 6."""
    state, t, zone = step.state, judge.now, judge.rules.zone
    hold = state.hold
    if hold is None or hold.held_until is None or (hold.grace_until is None and hold.held_until > t):
        return
    had_grace = hold.grace_until is not None
    if standing == state.base:
        step.prolonged_by = "general" if had_grace else "hold_end"
        step.ways.append("hold end: prolonged in grace" if had_grace else "hold end: prolonged")
        anew = started(state.base, standing, judge, state.base)
        assert anew is not None
        step.state = replace(state, hold=replace(anew, provisional=hold.provisional))
        return
    if hold.grace_until is None:
        grace_until = hold.held_until
        if rules.grace_days:
            grace_until = start_of_day(day_of(hold.held_until, zone) + rules.grace_days, zone)
        hold = replace(hold, grace_until=grace_until)
        step.state = state = replace(state, hold=hold)
    assert hold.grace_until is not None
    if hold.grace_until > t:
        step.ways.append("hold end: in grace")
        return
    lowest, rank = _fallen(state.base, standing, judge, rules)
    step.ways.append("hold end: stopped by never_downgrade" if rank > lowest else "hold end: falls")
    step.fell_by = "grace_end" if had_grace or rules.grace_days else "hold_end"
    step.still_passes = hold.asked is not None and judge.passes(hold.asked, t)
    step.state = replace(state, base=rank, hold=started(rank, standing, judge, state.base), stack=())


def _fallen(base: int, standing: int, judge: Judge, rules: HoldRules) -> tuple[int, int]:
    """Where a fall by time leads, without and with the tiers that are never lost."""
    lowest = standing if rules.to_match else max(base - 1, standing)
    kept = max(place for place in range(base + 1) if place == 0 or judge.rules.levels[place].never_downgrade)
    return lowest, max(lowest, kept)


def notice_step(step: Step, judge: Judge, rules: HoldRules) -> None:
    """Step 8."""
    state, t = step.state, judge.now
    hold = state.hold
    if hold is None or hold.held_until is None or hold.notice_told or rules.expiring_days == 0:
        return
    if not notice_at(hold.held_until, judge) <= t < hold.held_until:
        return
    standing = judge.standing(hold.held_until, state.base)
    if standing >= state.base:
        step.ways.append("notice: qualifies then")
        return
    if _is_overridden(state, hold.held_until):
        step.ways.append("notice: overridden")
        return
    step.ways.append("notice: told")
    step.expiring = True
    step.would_be = _fallen(state.base, standing, judge, rules)[1]
    step.state = replace(state, hold=replace(hold, notice_told=True))


def notice_at(held_until: int, judge: Judge) -> int:
    """The instant from which a hold's end is foretold."""
    assert judge.rules.holds is not None
    zone = judge.rules.zone
    return start_of_day(day_of(held_until, zone) - judge.rules.holds.expiring_days, zone)


def missing(hold: Hold | None, judge: Judge) -> tuple[int | None, int | None] | None:
    """What the member lacks to stand at the end of the hold, in the candidate that lacks the least money.

    By percentile the cut, and the rank value then.
    """
    if hold is None or hold.held_until is None:
        return None
    level = judge.test_of(hold.rank, hold.rank)
    if isinstance(level, Cut):
        return level.value, rank_value(*judge.numbers(judge.windows(hold.held_until)[0], hold.held_until))
    lacking = []
    for window in judge.windows(hold.held_until):
        frequency, monetary = judge.numbers(window, hold.held_until)
        lacking.append((max(0, (level.monetary or 0) - monetary), max(0, (level.frequency or 0) - frequency)))
    money, orders = min(lacking)
    return None if level.frequency is None else orders, None if level.monetary is None else money


def _is_overridden(state: TierState, held_until: int) -> bool:
    register = state.register
    if register is None or register.until is None or not state.was_in_force:
        return False
    return state.floor >= state.base and register.until >= held_until
