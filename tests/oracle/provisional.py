"""Upgrades that wait for the end of the return window (docs/rules.md, section 6.7)."""

from dataclasses import replace

from tests.oracle.calendar import day_of, start_of_day
from tests.oracle.holds import RETESTING, Hold, Step, TierState
from tests.oracle.periods import Judge


def provisional_step(step: Step, before: TierState, reason: str, judge: Judge) -> None:
    """Step 7; ``before`` is the state with which the tier step began."""
    if before.hold is not None and before.hold.provisional and step.state.base < before.base:
        step.ways.append("provisional: withdrawn")
        step.withdrawn = True
    hold = step.state.hold
    if hold is None or not hold.provisional or hold.qualified_at is None:
        return
    assert hold.asked is not None
    if judge.rules.holds is None and reason in RETESTING and _fails(hold, judge):
        step.ways.append("provisional: qualifies now")
        hold = replace(hold, qualified_at=judge.now, asked=judge.test_of(hold.rank, hold.rank))
    assert hold.asked is not None
    assert hold.qualified_at is not None
    is_whole = judge.is_whole(hold.qualified_at)
    if not is_whole or judge.settled().passes(hold.asked, hold.qualified_at):
        step.ways.append("provisional: confirmed" if is_whole else "provisional: confirmed, window not whole")
        step.confirmed = True
        hold = replace(hold, provisional=False)
    is_needed = judge.rules.holds is not None or hold.provisional
    step.state = replace(step.state, hold=hold if is_needed else None)


def _fails(hold: Hold, judge: Judge) -> bool:
    assert hold.asked is not None
    assert hold.qualified_at is not None
    return judge.is_whole(hold.qualified_at) and not judge.passes(hold.asked, hold.qualified_at)


def settling_at(hold: Hold, judge: Judge) -> int | None:
    """Timer 10: when the earliest order behind a provisional tier is past its return window."""
    if not hold.provisional or hold.qualified_at is None:
        return None
    zone = judge.rules.zone
    today, windows = day_of(judge.now, zone), judge.windows(hold.qualified_at)
    behind = [o for o in judge.counted(hold.qualified_at) if any(w.first <= o.day <= w.last for w in windows)]
    days = [o.day + judge.rules.return_days for o in behind]
    return min((start_of_day(day, zone) for day in days if day > today), default=None)
