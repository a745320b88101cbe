"""How quiet a member has become, when the next stage begins, and which alert a change of stage is.

Ages and boundaries are counted in local days that are not quiet (fixed mode), or in seconds by the member's own pace
(rhythm mode, :mod:`scoring.rhythm`); see docs/rules.md, section 7. An alert that is held back is told as if every
boundary lay later by the policy's allowed lateness, so that the told stage at an instant is the stage at that much
before.
"""

from typing import Final

from scoring.outcomes import (
    DORMANT_ALERT,
    FIRST_PURCHASE,
    LAPSED_MID,
    LAPSED_RECENTLY,
    NEAR_CHURN_ALERT,
    REACTIVATED,
    RECOVERED,
)
from scoring.pace import expected_after, expected_gap
from scoring.policy import Policy
from scoring.rhythm import age_at, boundaries, boundary_instant, gaps
from scoring.state import NO_DAY, MemberState
from scoring.vocabulary import ACTIVE, DORMANT, MID_LAPSED, NEAR_CHURN, NEW, PROSPECT, RECENTLY_LAPSED

_QUIET_ALERTS: Final = {
    NEAR_CHURN: NEAR_CHURN_ALERT,
    RECENTLY_LAPSED: LAPSED_RECENTLY,
    MID_LAPSED: LAPSED_MID,
    DORMANT: DORMANT_ALERT,
}

#: The ages at which near-churn, recently lapsed, mid lapsed and dormant begin.
Boundaries = tuple[int, int, int, int]


def told_stage_of(days: list[int], several: bool, policy: Policy, instant: int) -> int:
    """The stage that alerts followed at ``instant`` (epoch ms) if these were all purchase days by then.

    At least one day is given; ``several`` says that there were others, too long ago to be given.
    """
    last_day = max(days)
    begins = _boundaries_by(expected_after(gaps(days, policy.quiet), policy), policy)
    age = _age(last_day, policy, instant - policy.allowed_lateness_ms)
    return _stage(begins, age, 2 if several else len(set(days)))


def lifecycle_at(state: MemberState, policy: Policy, instant: int) -> tuple[int, int, int]:
    """The stage at ``instant`` (epoch ms) if nothing is bought after ``as_of``, the told stage, the next timer of both.

    In one: asking one by one costs three times as much.
    """
    if state.purchase_days == 0:
        return PROSPECT, PROSPECT, 0
    begins = _boundaries(state, policy)
    age = _age(state.last_day, policy, instant)
    stage = _stage(begins, age, state.purchase_days)
    timer = _first_after(begins, age, state.last_day, policy)
    late = policy.allowed_lateness_ms
    if late == 0:
        return stage, stage, timer
    age = _age(state.last_day, policy, instant - late)
    held_back = _first_after(begins, age, state.last_day, policy)
    if held_back and (timer == 0 or held_back + late < timer):
        timer = held_back + late
    return stage, _stage(begins, age, state.purchase_days), timer


def stage_begins(state: MemberState, policy: Policy, stage: int) -> int:
    """When (epoch ms) a quiet stage begins or began for a member with a kept order, not held back."""
    return _instant(_boundaries(state, policy)[stage - NEAR_CHURN], state.last_day, policy)


def stage_and_boundary(policy: Policy, age: int, days: int) -> tuple[int, int]:
    """The stage, in fixed mode, ``age`` days after the last purchase day of somebody who bought on ``days`` days (one
    or more), and the age at which the next one begins; ``NO_DAY`` if dormant.
    """
    if age < policy.near_churn_days:
        return NEW if days == 1 else ACTIVE, policy.near_churn_days
    if age < policy.recently_lapsed_days:
        return NEAR_CHURN, policy.recently_lapsed_days
    if age < policy.mid_lapsed_days:
        return RECENTLY_LAPSED, policy.mid_lapsed_days
    if age < policy.dormant_days:
        return MID_LAPSED, policy.dormant_days
    return DORMANT, NO_DAY


def boundary_of(policy: Policy, stage: int) -> int:
    """The age in days at which a quiet stage begins in fixed mode; 0 for the other stages."""
    if stage == NEAR_CHURN:
        return policy.near_churn_days
    if stage == RECENTLY_LAPSED:
        return policy.recently_lapsed_days
    if stage == MID_LAPSED:
        return policy.mid_lapsed_days
    if stage == DORMANT:
        return policy.dormant_days
    return 0


def alert_for(before: int, after: int) -> str:
    """The kind of alert that a move from one told stage to another is; empty when it is none."""
    if after in (before, PROSPECT):
        return ""
    if before == PROSPECT:
        return FIRST_PURCHASE
    # New and active are equally quiet; from there on the index of a stage grows with its quietness.
    if max(after, ACTIVE) > max(before, ACTIVE):
        return _QUIET_ALERTS[after]
    if before <= ACTIVE:
        return ""
    return RECOVERED if before == NEAR_CHURN else REACTIVATED


def _boundaries(state: MemberState, policy: Policy) -> Boundaries:
    return _boundaries_by(0 if policy.rhythm is None else expected_gap(state, policy), policy)


def _boundaries_by(gap: int, policy: Policy) -> Boundaries:
    """``gap`` is the expected one in seconds, which fixed mode does not use."""
    if policy.rhythm is None:
        return policy.near_churn_days, policy.recently_lapsed_days, policy.mid_lapsed_days, policy.dormant_days
    return boundaries(gap, policy.rhythm)


def _age(last_day: int, policy: Policy, instant: int) -> int:
    """The largest age reached at ``instant``; below 0 before the last purchase day."""
    if policy.rhythm is not None:
        return age_at(policy.zone, last_day, instant, policy.quiet)
    day = policy.zone.day_of(instant)
    if day <= last_day:
        return day - last_day
    return day - last_day - policy.quiet.quiet_days_between(last_day, day)


def _instant(age: int, last_day: int, policy: Policy) -> int:
    if policy.rhythm is not None:
        return boundary_instant(policy.zone, last_day, age, policy.quiet)
    return policy.zone.start_of_day(policy.quiet.skip(last_day, age))


def _stage(begins: Boundaries, age: int, days: int) -> int:
    near_churn, recently_lapsed, mid_lapsed, dormant = begins
    if age < near_churn:
        return NEW if days == 1 else ACTIVE
    if age >= dormant:
        return DORMANT
    if age >= mid_lapsed:
        return MID_LAPSED
    if age >= recently_lapsed:
        return RECENTLY_LAPSED
    return NEAR_CHURN


def _first_after(begins: Boundaries, age: int, last_day: int, policy: Policy) -> int:
    for begin in begins:
        if age < begin:
            return _instant(begin, last_day, policy)
    return 0
