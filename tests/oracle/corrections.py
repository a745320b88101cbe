"""What late news shows to have been wrong (docs/rules.md, section 12)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.oracle.calendar import day_of
from tests.oracle.holds import Hold, TierState, started
from tests.oracle.lifecycle import habit_of
from tests.oracle.orders import Order
from tests.oracle.periods import Judge
from tests.oracle.policy import QUIET_STAGES

QUIET_KINDS = {kind: stage for stage, kind in QUIET_STAGES}
BY_TIME = ("window_exit", "hold_end", "grace_end")
REMEMBERED = 8
_QUIETNESS = {"new": 0, "active": 0, "near_churn": 1, "recently_lapsed": 2, "mid_lapsed": 3, "dormant": 4}


@dataclass(frozen=True)
class Told:
    """An outcome of a timer. Of an alert there is the stage, of a fall there are the ranks from and to."""

    sequence: int
    kind: str
    at: int
    stage: str = ""
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Correction:
    """``truth`` is the stage, or ``rank`` the tier, as of the instant of what was told."""

    told: Told
    truth: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Corrections:
    """All of one evaluation, oldest first. ``tiers`` are what the tier step begins with."""

    tiers: TierState
    made: tuple[Correction, ...] = ()
    is_fall_undone: bool = False
    is_return_silent: bool = False
    ways: tuple[str, ...] = ()

    def and_also(self, way: str, *made: Correction) -> "Corrections":
        """After one more entry was looked at; ``way`` is the branch of the text that was taken."""
        return replace(self, made=(*self.made, *made), ways=(*self.ways, f"correction: {way}"))


def staying(memory: Sequence[Told], last_lost_day: int, zone: str) -> list[Told]:
    """Without what is beyond the horizon, and no more than are remembered."""
    return [told for told in memory if day_of(told.at, zone) > last_lost_day][-REMEMBERED:]


def corrections(
    memory: Sequence[Told], bought_at: int, tiers: TierState, judge: Judge, departed: Sequence[Order]
) -> Corrections:
    """Look again at everything told since the purchase; ``judge`` knows the ledger with it."""
    found = Corrections(tiers)
    #: Holds that would have been there, until when, had the falls not been.
    instead: list[Hold] = []
    for told in memory:
        if bought_at > told.at:
            continue
        if told.kind in QUIET_KINDS:
            truth = _told_stage(told.at, judge, departed)
            if _QUIETNESS[truth] < _QUIETNESS[told.stage]:
                found = found.and_also("alert", Correction(told, truth))
            else:
                found = found.and_also("alert stands")
        else:
            found = _of_a_fall(told, found, instead, judge)
    alerts = [told for told in memory if told.kind in QUIET_KINDS]
    is_silent = bool(alerts) and alerts[-1] in [made.told for made in found.made]
    return replace(found, is_return_silent=is_silent)


def _of_a_fall(told: Told, found: Corrections, instead: list[Hold], judge: Judge) -> Corrections:
    is_whole = judge.is_whole(told.at)
    own = min(judge.standing(told.at, told.before), told.before) if is_whole else 0
    rank = max([own, *(hold.rank for hold in instead if hold.lasts(told.at))])
    if rank <= told.after:
        return found.and_also("fall stands" if is_whole else "fall stands, window not whole")
    correction = Correction(told, rank=rank)
    if own <= told.after:
        return found.and_also("fall, by an earlier one alone", correction)
    if judge.rules.holds is None:
        return found.and_also("fall at once", correction)
    hold = started(own, own, judge, told.before, told.at)
    assert hold is not None
    instead.append(hold)
    if not hold.lasts(judge.now):
        return found.and_also("fall, hold over", correction)
    if own <= found.tiers.base:
        return found.and_also("fall, base no lower", correction)
    undone = replace(found.tiers, base=own, hold=hold, stack=())
    return replace(found.and_also("fall undone", correction), tiers=undone, is_fall_undone=True)


def _told_stage(at: int, judge: Judge, departed: Sequence[Order]) -> str:
    """The stage that alerts would have followed, from the purchase days up to an instant."""
    gone = [order.day for order in departed if order.placed_at is not None and order.placed_at <= at]
    habit = habit_of([*gone, *(order.day for order in judge.counted(at))], judge.rules)
    assert habit is not None
    return habit.stage(at, judge.rules.lateness_ms)
