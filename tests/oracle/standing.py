"""Where a member stands at one instant, and when to look again (docs/rules.md, sections 5 to 8 and 10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.holds import Override, Step, TierState, missing, notice_at, tier_step
from tests.oracle.lifecycle import Habit, habit_of
from tests.oracle.orders import Order
from tests.oracle.periods import Judge
from tests.oracle.policy import Rules
from tests.oracle.segments import UNSCORED, Names, days_of_change, names_of


@dataclass(frozen=True)
class Standing:
    """``is_member`` is false before the first event. Instants are epoch milliseconds.

    ``due_timers`` are the numbers, by the table of section 8, of the timers that are next due. ``keeps`` is what
    the base misses to stand at the end of its hold.
    """

    is_member: bool = False
    tiers: TierState = field(default_factory=TierState)
    stage: str = "prospect"
    told_stage: str = "prospect"
    frequency: int = 0
    monetary: int = 0
    last_purchase_at: int | None = None
    habit: Habit | None = None
    segments: Names = UNSCORED
    keeps: tuple[int | None, int | None] | None = None
    next_due_at: int | None = None
    due_timers: tuple[int, ...] = ()


NOBODY = Standing()


@dataclass(frozen=True)
class Known:
    """What an evaluation starts from: the ledger, the kept orders that left it, and the rest of the state."""

    orders: Sequence[Order]
    departed: Sequence[Order]
    joined_at: int
    register: Override | None


def standing_at(instant: int, known: Known, before: Standing, reason: str, rules: Rules) -> tuple[Standing, Step]:
    """Work everything out from the kept orders of the ledger and the kept ones that left it."""
    today = day_of(instant, rules.zone)
    kept = [order for order in known.orders if order.is_kept]
    reported = [order for order in kept if order.day > today - rules.reported_days]
    frequency, monetary = len(reported), sum(order.net for order in reported)
    ever = [*kept, *known.departed]
    judge = Judge(instant, kept, known.joined_at, rules)
    step = tier_step(before.tiers, known.register, reason, judge)
    habit = habit_of([order.day for order in ever], rules)
    segments = UNSCORED
    if rules.segments is not None:
        segments = names_of(None if habit is None else today - habit.last_day, frequency, monetary, rules.segments)
    timers = [(2, start_of_day(order.day + rules.reported_days, rules.zone)) for order in reported]
    timers += _tier_timers(step.state, judge)
    if habit is not None:
        timers += habit.timers()
        if rules.segments is not None:
            timers += [(9, start_of_day(day, rules.zone)) for day in days_of_change(habit.last_day, rules.segments)]
    next_due_at = min((at for _, at in timers if at > instant), default=None)
    after = Standing(
        is_member=True,
        tiers=step.state,
        stage="prospect" if habit is None else habit.stage(instant),
        told_stage="prospect" if habit is None else habit.stage(instant, rules.lateness_ms),
        frequency=frequency,
        monetary=monetary,
        last_purchase_at=max((order.placed_at for order in ever if order.placed_at is not None), default=None),
        habit=habit,
        segments=segments,
        keeps=missing(step.state.hold, judge),
        next_due_at=next_due_at,
        due_timers=tuple(sorted({number for number, at in timers if at == next_due_at})),
    )
    return after, step


def _tier_timers(state: TierState, judge: Judge) -> list[tuple[int, int]]:
    """Timer 2 of the tiers' window, and timers 4 to 8."""
    rules = judge.rules
    timers: list[tuple[int, int]] = []
    windows = judge.windows(judge.now)
    inside = [order for order in judge.kept if any(w.first <= order.day <= w.last for w in windows)]
    if rules.window == "rolling":
        timers += [(2, start_of_day(order.day + rules.tier_days, rules.zone)) for order in inside]
    elif inside:
        timers.append((4, judge.year_start(1)))
    hold = state.hold
    if hold is not None and hold.grace_until is not None:
        timers.append((6, hold.grace_until))
    elif hold is not None and hold.held_until is not None:
        timers.append((5, hold.held_until))
    may_expire = rules.holds is not None and rules.holds.expiring_days > 0
    if may_expire and hold is not None and hold.held_until is not None and not hold.notice_told:
        timers.append((7, notice_at(hold.held_until, judge)))
    if state.register is not None and state.was_in_force and state.register.until is not None:
        timers.append((8, state.register.until))
    return timers
