"""How quiet a member has become, and which alert a change of stage is."""

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
from scoring.policy import Policy
from scoring.state import NO_DAY
from scoring.vocabulary import ACTIVE, DORMANT, MID_LAPSED, NEAR_CHURN, NEW, PROSPECT, RECENTLY_LAPSED

_QUIET_ALERTS: Final = {
    NEAR_CHURN: NEAR_CHURN_ALERT,
    RECENTLY_LAPSED: LAPSED_RECENTLY,
    MID_LAPSED: LAPSED_MID,
    DORMANT: DORMANT_ALERT,
}


def stage_of(policy: Policy, age: int, days: int) -> int:
    """The stage ``age`` local days after the last purchase day of a member who bought on ``days`` distinct days."""
    if days == 0:
        return PROSPECT
    if age < policy.near_churn_days:
        return NEW if days == 1 else ACTIVE
    if age >= policy.dormant_days:
        return DORMANT
    if age >= policy.mid_lapsed_days:
        return MID_LAPSED
    if age >= policy.recently_lapsed_days:
        return RECENTLY_LAPSED
    return NEAR_CHURN


def next_boundary(policy: Policy, age: int) -> int:
    """The age in local days at which somebody quiet for ``age`` days enters the next stage; ``NO_DAY`` if dormant."""
    if age < policy.near_churn_days:
        return policy.near_churn_days
    if age < policy.recently_lapsed_days:
        return policy.recently_lapsed_days
    if age < policy.mid_lapsed_days:
        return policy.mid_lapsed_days
    if age < policy.dormant_days:
        return policy.dormant_days
    return NO_DAY


def boundary_of(policy: Policy, stage: int) -> int:
    """The age in local days at which a quiet stage begins; 0 for the others."""
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
    """The kind of alert that a move from one stage to another is; empty when it is none."""
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
