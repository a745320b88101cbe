"""Which outcomes tell what became of a member's tier, in which order (docs/rules.md, section 9)."""

from typing import Final

from scoring.corrections import Correction
from scoring.evaluation import Evaluation
from scoring.origin import CUT_MOVED, POLICY_CHANGED, Origin, is_late, outcome_of
from scoring.outcomes import (
    OVERRIDE_ENDED,
    OVERRIDE_SET,
    TIER_CONFIRMED,
    TIER_CORRECTED,
    TIER_DOWNGRADED,
    TIER_EXPIRING,
    TIER_JOINED,
    TIER_PROLONGED,
    TIER_UNMERGED,
    TIER_UPGRADED,
    TIER_WITHDRAWN,
    Outcome,
    TierFacts,
)
from scoring.percentile import rank_value
from scoring.policy import Policy
from scoring.shortfall import is_plain, tier_facts
from scoring.state import MemberState

#: Reasons of a sweep, which come before every other.
_SWEEPS: Final = (POLICY_CHANGED, CUT_MOVED)
#: By whom a tier by percentile was moved.
PEERS: Final = "peers"
OWN: Final = "own"
#: The reason of a correction, and of what a correction moves.
LATE_EVENT: Final = "late_event"


def tier_joined(state: MemberState, policy: Policy, origin: Origin) -> Outcome:
    """That the member is known from now on."""
    facts = None if is_plain(state, policy) else tier_facts(state, 0, policy)
    if facts is not None:
        # Before anything else the member is in the lowest tier, whatever the same event leads to.
        facts = TierFacts(0, 0, 0, 0, facts.to_next, None)
    joined = outcome_of(state, origin, TIER_JOINED, "joined", "", policy.tier_names[0], -1, 0, facts)
    joined.tier = 0
    return joined


def add_tier_news(
    told: list[Outcome], state: MemberState, evaluation: Evaluation, before: int, policy: Policy, origin: Origin
) -> None:
    """What became of the tier, which was of rank ``before``."""
    if evaluation.override_set or evaluation.override_ended:
        told.append(_override(state, evaluation, before, policy, origin))
    if evaluation.withdrawn:
        reason = _tier_reason(evaluation, origin)
        withdrawn = _of_tier(state, TIER_WITHDRAWN, evaluation.base_before, state.base, reason, policy, origin)
        withdrawn.catch_up = is_late(state, origin)
        told.append(withdrawn)
    if state.tier != before:
        kind = TIER_UPGRADED if state.tier > before else TIER_DOWNGRADED
        reason = _tier_reason(evaluation, origin)
        by_peers = reason == CUT_MOVED or (reason in ("grace_end", "hold_end") and evaluation.by_peers)
        told.append(_of_tier(state, kind, before, state.tier, reason, policy, origin, by_peers=by_peers))
    if evaluation.confirmed:
        confirmed = _of_tier(state, TIER_CONFIRMED, state.base, state.base, "settled", policy, origin)
        confirmed.catch_up = is_late(state, origin)
        told.append(confirmed)
    if evaluation.prolonged and state.tier == state.base:
        reason = origin.reason if evaluation.in_grace_before else "hold_end"
        prolonged = _of_tier(state, TIER_PROLONGED, state.base, state.base, reason, policy, origin)
        prolonged.catch_up = is_late(state, origin)
        told.append(prolonged)
    if evaluation.expiring:
        told.append(_expiring(state, evaluation, policy, origin))


def tier_moved(state: MemberState, before: int, policy: Policy, origin: Origin) -> Outcome:
    """That the tier is another than that of rank ``before``, by an order alone."""
    kind, tier, names = TIER_UPGRADED if state.tier > before else TIER_DOWNGRADED, state.tier, policy.tier_names
    facts = None if is_plain(state, policy) else tier_facts(state, tier, policy)
    return outcome_of(state, origin, kind, origin.reason, names[before], names[tier], before, tier, facts)


def told_of_merge(
    state: MemberState, kind: str, reason: str, before: int, into: str, policy: Policy, origin: Origin
) -> Outcome:
    """That a member was merged, unmerged or erased, by a rank ``before`` it (-1: none).

    Who is merged or erased has no tier; who is unmerged is in the lowest one, until the evaluation tells more.
    """
    names = policy.tier_names
    if kind == TIER_UNMERGED:
        facts = TierFacts(0, 0, 0, 0, tier_facts(state, 0, policy).to_next, None, into=into)
        told = outcome_of(state, origin, kind, reason, "", names[0], -1, 0, facts)
        told.tier = 0
        return told
    facts = TierFacts(0, 0, 0, 0, None, None, into=into)
    told = outcome_of(state, origin, kind, reason, names[before] if before >= 0 else "", "", before, -1, facts)
    told.tier = -1
    return told


def fall_corrected(state: MemberState, correction: Correction, policy: Policy, origin: Origin) -> Outcome:
    """That a fall was wrong."""
    names = policy.tier_names
    told, truth = correction
    facts = tier_facts(state, state.tier, policy)._replace(superseded=told)
    return outcome_of(
        state, origin, TIER_CORRECTED, LATE_EVENT, names[told.after], names[truth], told.after, truth, facts
    )


def _tier_reason(evaluation: Evaluation, origin: Origin) -> str:
    if origin.reason in _SWEEPS:
        return origin.reason
    if evaluation.override_set:
        return "override"
    if evaluation.override_ended:
        return "override_ended"
    if evaluation.corrected.undone:
        return LATE_EVENT
    if evaluation.fell_by in ("grace_end", "hold_end"):
        return evaluation.fell_by
    return origin.reason


def _of_tier(
    state: MemberState,
    kind: str,
    before: int,
    after: int,
    reason: str,
    policy: Policy,
    origin: Origin,
    *,
    by_peers: bool = False,
) -> Outcome:
    names = policy.tier_names
    facts = None if is_plain(state, policy) else tier_facts(state, state.tier, policy)
    if kind == TIER_UPGRADED and policy.provisional and facts is not None:
        facts = facts._replace(provisional=state.provisional and state.tier == state.base)
    if facts is not None and policy.by_percentile and kind in (TIER_UPGRADED, TIER_DOWNGRADED):
        value = rank_value(state.tier_frequency, state.tier_monetary)
        facts = facts._replace(value=value, moved_by=PEERS if by_peers else OWN)
    return outcome_of(state, origin, kind, reason, names[before], names[after], before, after, facts)


def _override(state: MemberState, evaluation: Evaluation, before: int, policy: Policy, origin: Origin) -> Outcome:
    facts = tier_facts(state, state.tier, policy)
    if evaluation.override_set:
        kind, reason = OVERRIDE_SET, "override"
        facts = facts._replace(
            override=state.override,
            override_reason=origin.override_reason,
            override_actor=origin.override_actor,
        )
    else:
        kind, reason = OVERRIDE_ENDED, "override_ended"
        facts = facts._replace(override=evaluation.override_before, detail=evaluation.override_ended)
    names = policy.tier_names
    told = outcome_of(state, origin, kind, reason, names[before], names[state.tier], before, state.tier, facts)
    told.catch_up = is_late(state, origin)
    return told


def _expiring(state: MemberState, evaluation: Evaluation, policy: Policy, origin: Origin) -> Outcome:
    facts = tier_facts(state, state.tier, policy)._replace(would_be=evaluation.would_be)
    name = policy.tier_names[state.base]
    told = outcome_of(state, origin, TIER_EXPIRING, "hold_end", name, name, state.base, state.base, facts)
    told.catch_up = is_late(state, origin)
    return told
