"""What could a member do to rise, and to keep what they have?"""

from typing import Any

from scoring.percentile import asked_for, rank_value
from scoring.policy import ROLLING, Policy
from scoring.qualifying_window import Counts, counts_at, first_day, year_start
from scoring.shortfall import missing
from scoring.state import NO_DAY, MemberState
from scoring.tier_rules import HoldRules
from streams.explaining.ahead import Step
from streams.explaining.dates import last_day_before
from streams.instants import date_text
from streams.outcome_parts import match_text


def to_rise(state: MemberState, policy: Policy, steps: list[Step]) -> dict[str, Any] | None:
    """What orders from now on have to add to reach the tier above the present one; None at the top.

    ``by`` is the last day on which so little is enough, None when nothing that counts leaves.
    """
    rank = state.tier + 1
    if rank == len(policy.tiers):
        return None
    # Nothing can be added to a year that is over, although it counts.
    window = counts_at(state, policy, state.as_of)[0]
    return _needs(state, rank, window, policy, entering=rank > state.base, by=_before_it_grows(state, policy, steps))


def to_keep(state: MemberState, policy: Policy, steps: list[Step]) -> dict[str, Any] | None:
    """What is missing to keep the earned tier when its hold or grace ends, or when it would be lost; None where
    nothing ends. Nothing is missing where it is earned again already.
    """
    if state.base == 0:
        return None
    if policy.holds is not None:
        return _to_keep_held(state, policy, policy.holds, steps)
    for step in steps:
        if step.state.base < state.base:
            window = counts_at(state, policy, step.at)[0]
            by = last_day_before(step.at, policy.zone)
            return _needs(state, state.base, window, policy, entering=False, by=by)
    return None


def _to_keep_held(state: MemberState, policy: Policy, rules: HoldRules, steps: list[Step]) -> dict[str, Any] | None:
    if state.held_until == 0:
        return None
    if state.grace_until:
        window = counts_at(state, policy, state.as_of)[0]
        ends = last_day_before(state.grace_until, policy.zone)
        grows = _before_it_grows(state, policy, steps)
        by = ends if grows is None else min(ends, grows)
        return _needs(state, state.base, window, policy, entering=False, by=by)
    # By years, what is looked at is the year that ends with the hold.
    windows = counts_at(state, policy, state.held_until)
    window = windows[-1]
    by = last_day_before(state.held_until, policy.zone)
    day = policy.zone.day_of(state.held_until)
    begins = first_day(state, policy, day)
    needs = _needs(state, state.base, window, policy, entering=False, by=by, begins=begins)
    if rules.grace_days:
        needs["grace_until"] = last_day_before(policy.zone.start_of_day(day + rules.grace_days), policy.zone)
    return needs


def _before_it_grows(state: MemberState, policy: Policy, steps: list[Step]) -> str | None:
    """The last day before an order that counts for the tier leaves."""
    if policy.tier_window != ROLLING:
        day = policy.zone.day_of(state.as_of)
        return last_day_before(policy.zone.start_of_day(year_start(state, policy, day, 1)), policy.zone)
    now = (state.tier_frequency, state.tier_monetary)
    for step in steps:
        if (step.state.tier_frequency, step.state.tier_monetary) != now:
            return last_day_before(step.at, policy.zone)
    return None


def _needs(
    state: MemberState,
    rank: int,
    window: Counts,
    policy: Policy,
    *,
    entering: bool,
    by: str | None,
    begins: int = -NO_DAY,
) -> dict[str, Any]:
    """``begins`` is the first local day on which an order counts; it is told where it is still to come."""
    rule = policy.tiers[rank]
    asked = asked_for(policy, rank, entering=entering)
    needs: dict[str, Any] = {
        "tier": rule.name,
        "from": date_text(begins) if begins > policy.zone.day_of(state.as_of) else None,
        "by": by,
        "grace_until": None,
        "frequency": None,
        "monetary": None,
        "match": None,
        "cut": asked.cut,
        "value": None,
    }
    if asked.cut is not None:
        needs["value"] = rank_value(*window)
        return needs
    misses = missing(rule, [window])
    return {**needs, "frequency": misses.frequency, "monetary": misses.monetary, "match": match_text(rule)}
