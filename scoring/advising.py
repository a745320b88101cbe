"""Which outcome of an evaluation says what is recommended, and has the member had it often enough?

docs/rules.md, section 9.6.
"""

from typing import Final

from scoring.further import Given
from scoring.outcomes import (
    DORMANT_ALERT,
    FIRST_PURCHASE,
    LAPSED_MID,
    LAPSED_RECENTLY,
    NEAR_CHURN_ALERT,
    REACTIVATED,
    RECOVERED,
    TIER_DOWNGRADED,
    TIER_UPGRADED,
    Advice,
    Outcome,
)
from scoring.policy import Policy
from scoring.state import MemberState

#: Why an outcome has no action although the policy has one for its tier and stage.
CAPPED: Final = "capped"
IN_ALERT: Final = "in_alert"

QUIET_ALERTS: Final = frozenset((NEAR_CHURN_ALERT, LAPSED_RECENTLY, LAPSED_MID, DORMANT_ALERT))
#: The kinds that can say an action. An evaluation tells at most one change of tier, then at most one alert.
ADVISING: Final = QUIET_ALERTS | {FIRST_PURCHASE, RECOVERED, REACTIVATED, TIER_UPGRADED, TIER_DOWNGRADED}


def advise(told: list[Outcome], state: MemberState, policy: Policy) -> None:
    """Let one of the outcomes of an evaluation say what the policy recommends to the member in ``state``."""
    action = policy.actions.get((state.tier, state.stage))
    if action is None:
        return
    bearer: Outcome | None = None
    for outcome in told:
        if outcome.kind in ADVISING:
            if bearer is not None:
                bearer.advice = Advice(action, 0, IN_ALERT)
            bearer = outcome
    if bearer is None:
        return
    day = policy.zone.day_of(state.as_of)
    if action.offer in policy.caps and not _takes_one(state, action.offer, day, policy):
        bearer.advice = Advice(action, 0, CAPPED)
    else:
        bearer.advice = Advice(action, policy.zone.start_of_day(day + action.valid_days), "")


def still_counted(given: tuple[Given, ...], day: int, policy: Policy) -> tuple[Given, ...]:
    """What of ``given`` counts for a cap of the policy as of a local day."""
    kept: list[Given] = []
    for each in given:
        cap = policy.caps.get(each.offer)
        if cap is not None and each.day > day - cap.days:
            kept.append(each)
    return tuple(kept)


def _takes_one(state: MemberState, offer: str, day: int, policy: Policy) -> bool:
    """Whether the member may have one more of a capped offer; then it is counted."""
    given = still_counted(state.given, day, policy)
    taken = len([each for each in given if each.offer == offer]) < policy.caps[offer].times
    if taken:
        given = (*given, Given(offer, day))
    state.own_further().given = given
    return taken
