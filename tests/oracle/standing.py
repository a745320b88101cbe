"""Where a member stands at one instant, and when to look again (docs/rules.md, sections 5 to 8 and 10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.corrections import Corrections, Told, corrections
from tests.oracle.holds import Override, Step, TierState, missing, notice_at
from tests.oracle.lifecycle import Habit, habit_of
from tests.oracle.orders import Order
from tests.oracle.periods import Judge
from tests.oracle.policy import Rules
from tests.oracle.policy_change import mapped, renamed
from tests.oracle.provisional import settling_at
from tests.oracle.pyramid import Cuts, numbers_for, rank_value
from tests.oracle.segments import UNSCORED, Names, days_of_change, names_of
from tests.oracle.tier_step import tier_step


@dataclass(frozen=True)
class Standing:
    """``is_member`` is false before the first event. ``tier`` is the rank that was told. Instants are epoch
    milliseconds.

    ``due_timers`` are the numbers, by the table of section 8, of the timers that are next due. ``keeps`` is what
    the base misses to stand at the end of its hold, ``value`` the rank value where tiers go by percentile.
    """

    is_member: bool = False
    tiers: TierState = field(default_factory=TierState)
    tier: int = 0
    stage: str = "prospect"
    told_stage: str = "prospect"
    frequency: int = 0
    monetary: int = 0
    last_purchase_at: int | None = None
    habit: Habit | None = None
    segments: Names = UNSCORED
    keeps: tuple[int | None, int | None] | None = None
    value: int | None = None
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
    memory: Sequence[Told] = ()
    cuts: Cuts | None = None


@dataclass(frozen=True)
class Occasion:
    """Why there is an evaluation: ``reason`` is empty for a timer, ``old`` the policy that a new one has replaced.

    ``bought_at`` is the instant of a purchase that is kept. ``returned_by`` is how the merge of a member ended who
    is there again; no alert is told then.
    """

    reason: str
    old: Rules | None = None
    bought_at: int | None = None
    returned_by: str = ""


def translated(before: Standing, old: Rules, new: Rules) -> Standing:
    """Where a member stood, in the words of a new policy (section 11)."""
    return replace(before, tier=renamed(before.tier, old, new), tiers=mapped(before.tiers, old, new))


def standing_at(
    instant: int, known: Known, before: Standing, occasion: Occasion, rules: Rules
) -> tuple[Standing, Step, Corrections]:
    """Work everything out from the kept orders of the ledger and the kept ones that left it."""
    today = day_of(instant, rules.zone)
    kept = [order for order in known.orders if order.is_kept]
    reported = [order for order in kept if order.day > today - rules.reported_days]
    frequency, monetary = len(reported), sum(order.net for order in reported)
    ever = [*kept, *known.departed]
    judge = Judge(instant, kept, known.joined_at, rules, known.cuts)
    found = Corrections(before.tiers)
    if rules.corrects and occasion.bought_at is not None:
        found = corrections(known.memory, occasion.bought_at, before.tiers, judge, known.departed)
    step = tier_step(found.tiers, known.register, occasion.reason, judge, occasion.old)
    habit = habit_of([order.day for order in ever], rules)
    segments = UNSCORED
    scored = None if rules.segments is None else numbers_for(rules.segments, known.cuts)
    if scored is not None:
        segments = names_of(None if habit is None else today - habit.last_day, frequency, monetary, scored)
    timers = [(2, start_of_day(order.day + rules.reported_days, rules.zone)) for order in reported]
    timers += _tier_timers(step.state, judge)
    if habit is not None:
        timers += habit.timers()
        if scored is not None:
            timers += [(9, start_of_day(day, rules.zone)) for day in days_of_change(habit.last_day, scored)]
    next_due_at = min((at for _, at in timers if at > instant), default=None)
    after = Standing(
        is_member=True,
        tiers=step.state,
        tier=step.state.tier,
        stage="prospect" if habit is None else habit.stage(instant),
        told_stage="prospect" if habit is None else habit.stage(instant, rules.lateness_ms),
        frequency=frequency,
        monetary=monetary,
        last_purchase_at=max((order.placed_at for order in ever if order.placed_at is not None), default=None),
        habit=habit,
        segments=segments,
        keeps=missing(step.state.hold, judge),
        value=rank_value(*judge.numbers(judge.windows(instant)[0], instant)) if rules.by_percentile else None,
        next_due_at=next_due_at,
        due_timers=tuple(sorted({number for number, at in timers if at == next_due_at})),
    )
    return after, step, found


def _tier_timers(state: TierState, judge: Judge) -> list[tuple[int, int]]:
    """Timer 2 of the tiers' window, and timers 4 to 8."""
    rules = judge.rules
    timers: list[tuple[int, int]] = []
    windows = judge.windows(judge.now)
    inside = [order for order in judge.kept if any(w.first <= order.day <= w.last for w in windows)]
    if rules.window == "rolling":
        timers += [(2, start_of_day(order.day + rules.tier_days, rules.zone)) for order in inside]
    elif inside:
        timers.append((4, judge.year_start(1, judge.now)))
    hold = state.hold
    if hold is not None and hold.grace_until is not None:
        timers.append((6, hold.grace_until))
    elif hold is not None and hold.held_until is not None:
        timers.append((5, hold.held_until))
    may_expire = rules.holds is not None and rules.holds.expiring_days > 0
    if may_expire and hold is not None and hold.held_until is not None and not hold.notice_told:
        timers.append((7, notice_at(hold.held_until, judge)))
    settles_at = None if hold is None else settling_at(hold, judge)
    if settles_at is not None:
        timers.append((10, settles_at))
    if state.register is not None and state.was_in_force and state.register.until is not None:
        timers.append((8, state.register.until))
    return timers
