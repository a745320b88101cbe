"""Which outcomes follow from an evaluation, in which order, and what they say (docs/rules.md, section 9)."""

from scoring.advising import advise
from scoring.alert_contents import silence_of
from scoring.corrections import Correction
from scoring.evaluation import Evaluation
from scoring.further import NO_SEGMENT
from scoring.lifecycle import alert_for, stage_begins
from scoring.origin import Origin, is_late, outcome_of
from scoring.outcomes import (
    LIFECYCLE_CORRECTED,
    REACTIVATED,
    RECOVERED,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    TIER_DOWNGRADED,
    Outcome,
    SegmentFacts,
    Superseded,
)
from scoring.policy import Policy
from scoring.segment_rules import GROUPS, SegmentRules
from scoring.segment_timers import only_recency_moved
from scoring.state import MemberState
from scoring.tier_news import LATE_EVENT, add_tier_news, fall_corrected, tier_joined, tier_moved
from scoring.vocabulary import PROSPECT, STAGES


def report(state: MemberState, evaluation: Evaluation, policy: Policy, origin: Origin) -> list[Outcome]:
    """The outcomes of an evaluation that led to ``state``. They take their sequence numbers from ``state``."""
    told: list[Outcome] = []
    before = evaluation.tier_before
    if before < 0:
        before = 0
        told.append(tier_joined(state, policy, origin))
    wrong = evaluation.corrected.wrong
    if wrong:
        told += [fall_corrected(state, each, policy, origin) for each in wrong if each.told.kind == TIER_DOWNGRADED]
    add_tier_news(told, state, evaluation, before, policy, origin)
    if wrong:
        told += [_alert_corrected(state, each, origin) for each in wrong if each.told.kind != TIER_DOWNGRADED]
    stage = evaluation.stage_before
    alert = alert_for(stage, state.told_stage)
    if alert and not (evaluation.corrected.unsaid and alert in (RECOVERED, REACTIVATED)):
        told.append(_alert(state, alert, stage, state.told_stage, policy, origin))
    if policy.segments is not None:
        after = (state.rf_segment, state.quadrant, state.kind_of_eight)
        if after != evaluation.segments_before:
            _add_segments(told, state, evaluation.segments_before, after, policy, policy.segments, origin)
    if policy.actions:
        advise(told, state, policy)
    return told


def report_usual(state: MemberState, tier: int, stage: int, policy: Policy, origin: Origin) -> list[Outcome]:
    """The same where nothing but these two, what they were, can have moved (docs/rules.md, sections 6.1 and 7.1).

    ``tier`` is -1 before the first event.
    """
    told: list[Outcome] = []
    if tier < 0:
        tier = 0
        told.append(tier_joined(state, policy, origin))
    if state.tier != tier:
        told.append(tier_moved(state, tier, policy, origin))
    alert = alert_for(stage, state.stage)
    if alert:
        told.append(_alert(state, alert, stage, state.stage, policy, origin))
    if policy.actions:
        advise(told, state, policy)
    return told


def _alert_corrected(state: MemberState, correction: Correction, origin: Origin) -> Outcome:
    told, truth = correction
    facts = Superseded(told, state.told_stage)
    return outcome_of(
        state, origin, LIFECYCLE_CORRECTED, LATE_EVENT, STAGES[told.after], STAGES[truth], told.after, truth, facts
    )


def _alert(state: MemberState, kind: str, before: int, after: int, policy: Policy, origin: Origin) -> Outcome:
    if not after > before > PROSPECT:
        return outcome_of(state, origin, kind, origin.reason, STAGES[before], STAGES[after], before, after, None)
    silence = silence_of(state, policy)
    reason = "quiet" if origin.tick_at else origin.reason
    told = outcome_of(state, origin, kind, reason, STAGES[before], STAGES[after], before, after, silence)
    told.due_at = stage_begins(state, policy, after)
    told.catch_up = is_late(state, origin)
    return told


def _add_segments(
    told: list[Outcome],
    state: MemberState,
    before: tuple[int, int, int],
    after: tuple[int, int, int],
    policy: Policy,
    rules: SegmentRules,
    origin: Origin,
) -> None:
    age = policy.zone.day_of(state.as_of) - state.last_day if state.purchase_days > 0 else -1
    for group, names in enumerate(GROUPS):
        old, new = before[group], after[group]
        if old == new:
            continue
        left = "" if old == NO_SEGMENT else names[old]
        entered = "" if new == NO_SEGMENT else names[new]
        reason = ""
        for kind, name in ((SEGMENT_LEFT, left), (SEGMENT_ENTERED, entered)):
            if name not in rules.named:
                continue
            if not reason:
                by_recency = origin.tick_at != 0 and only_recency_moved(state, policy, rules, group, old, new)
                reason = "quiet" if by_recency else origin.reason
            news = outcome_of(state, origin, kind, reason, left, entered, old, new, SegmentFacts(group, age))
            news.catch_up = is_late(state, origin)
            told.append(news)
