"""Which outcomes follow from an evaluation, in which order, and what they say (docs/rules.md, section 9)."""

from typing import Final

from scoring.alert_contents import silence_of
from scoring.evaluation import Evaluation
from scoring.further import NO_SEGMENT
from scoring.lifecycle import alert_for, stage_begins
from scoring.outcomes import (
    OVERRIDE_ENDED,
    OVERRIDE_SET,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    TIER_DOWNGRADED,
    TIER_EXPIRING,
    TIER_JOINED,
    TIER_PROLONGED,
    TIER_UPGRADED,
    Facts,
    Outcome,
    SegmentFacts,
    TierFacts,
)
from scoring.policy import Policy
from scoring.segment_rules import GROUPS, SegmentRules
from scoring.segment_timers import only_recency_moved
from scoring.shortfall import is_plain, tier_facts
from scoring.state import MemberState
from scoring.vocabulary import CATCH_UP_AFTER_MS, PROSPECT, STAGES

#: Reasons of a sweep, which come before every other.
_SWEEPS: Final = ("policy_changed", "cut_moved")


class Origin:
    """What led to an evaluation: an event, or a timer.

    ``tick_at`` is the instant of the tick that fired the timer (epoch ms), 0 for an event. ``override_reason`` and
    ``override_actor`` are those of a ``tier.overridden``.
    """

    __slots__ = (
        "cause",
        "channel",
        "imported",
        "order_id",
        "override_actor",
        "override_reason",
        "reason",
        "recorded_at",
        "shop_id",
        "tick_at",
    )

    def __init__(
        self,
        *,
        cause: str,
        reason: str,
        recorded_at: int,
        imported: bool,
        tick_at: int = 0,
        order_id: str = "",
        shop_id: str = "",
        channel: str = "",
    ) -> None:
        self.cause = cause
        self.reason = reason
        self.recorded_at = recorded_at
        self.imported = imported
        self.tick_at = tick_at
        self.order_id = order_id
        self.shop_id = shop_id
        self.channel = channel
        self.override_reason = ""
        self.override_actor = ""


def report(state: MemberState, evaluation: Evaluation, policy: Policy, origin: Origin) -> list[Outcome]:
    """The outcomes of an evaluation that led to ``state``. They take their sequence numbers from ``state``."""
    told: list[Outcome] = []
    before = evaluation.tier_before
    if before < 0:
        before = 0
        told.append(_joined(state, policy, origin))
    if evaluation.override_set or evaluation.override_ended:
        told.append(_override(state, evaluation, before, policy, origin))
    if state.tier != before:
        kind = TIER_UPGRADED if state.tier > before else TIER_DOWNGRADED
        told.append(_of_tier(state, kind, before, state.tier, _tier_reason(evaluation, origin), policy, origin))
    if evaluation.prolonged and state.tier == state.base:
        reason = origin.reason if evaluation.in_grace_before else "hold_end"
        prolonged = _of_tier(state, TIER_PROLONGED, state.base, state.base, reason, policy, origin)
        prolonged.catch_up = _is_late(state, origin)
        told.append(prolonged)
    if evaluation.expiring:
        told.append(_expiring(state, evaluation, policy, origin))
    stage = evaluation.stage_before
    alert = alert_for(stage, state.told_stage)
    if alert:
        told.append(_alert(state, alert, stage, state.told_stage, policy, origin))
    if policy.segments is not None:
        after = (state.rf_segment, state.quadrant, state.kind_of_eight)
        if after != evaluation.segments_before:
            _add_segments(told, state, evaluation.segments_before, after, policy, policy.segments, origin)
    return told


def _tier_reason(evaluation: Evaluation, origin: Origin) -> str:
    if origin.reason in _SWEEPS:
        return origin.reason
    if evaluation.override_set:
        return "override"
    if evaluation.override_ended:
        return "override_ended"
    if evaluation.fell_by in ("grace_end", "hold_end"):
        return evaluation.fell_by
    return origin.reason


def _is_late(state: MemberState, origin: Origin) -> bool:
    return origin.imported or (origin.tick_at != 0 and origin.tick_at - state.as_of > CATCH_UP_AFTER_MS)


def _joined(state: MemberState, policy: Policy, origin: Origin) -> Outcome:
    facts = None if is_plain(state, policy) else tier_facts(state, 0, policy)
    if facts is not None:
        # Before anything else the member is in the lowest tier, whatever the same event leads to.
        facts = TierFacts(0, 0, 0, 0, facts.to_next, None)
    joined = _outcome(state, origin, TIER_JOINED, "joined", "", policy.tier_names[0], -1, 0, facts)
    joined.tier = 0
    return joined


def _of_tier(
    state: MemberState, kind: str, before: int, after: int, reason: str, policy: Policy, origin: Origin
) -> Outcome:
    names = policy.tier_names
    facts = None if is_plain(state, policy) else tier_facts(state, state.tier, policy)
    return _outcome(state, origin, kind, reason, names[before], names[after], before, after, facts)


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
    told = _outcome(state, origin, kind, reason, names[before], names[state.tier], before, state.tier, facts)
    told.catch_up = _is_late(state, origin)
    return told


def _expiring(state: MemberState, evaluation: Evaluation, policy: Policy, origin: Origin) -> Outcome:
    facts = tier_facts(state, state.tier, policy)._replace(would_be=evaluation.would_be)
    name = policy.tier_names[state.base]
    told = _outcome(state, origin, TIER_EXPIRING, "hold_end", name, name, state.base, state.base, facts)
    told.catch_up = _is_late(state, origin)
    return told


def _alert(state: MemberState, kind: str, before: int, after: int, policy: Policy, origin: Origin) -> Outcome:
    if not after > before > PROSPECT:
        return _outcome(state, origin, kind, origin.reason, STAGES[before], STAGES[after], before, after, None)
    silence = silence_of(state, policy)
    reason = "quiet" if origin.tick_at else origin.reason
    told = _outcome(state, origin, kind, reason, STAGES[before], STAGES[after], before, after, silence)
    told.due_at = stage_begins(state, policy, after)
    told.catch_up = _is_late(state, origin)
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
            news = _outcome(state, origin, kind, reason, left, entered, old, new, SegmentFacts(group, age))
            news.catch_up = _is_late(state, origin)
            told.append(news)


def _outcome(
    state: MemberState,
    origin: Origin,
    kind: str,
    reason: str,
    before: str,
    after: str,
    rank_before: int,
    rank_after: int,
    facts: Facts | None,
) -> Outcome:
    state.sequence += 1
    # By position: keywords cost as much again as everything else here.
    return Outcome(
        kind,
        state.sequence,
        origin.cause,
        reason,
        before,
        after,
        rank_before,
        rank_after,
        state.as_of,
        0,
        origin.recorded_at,
        origin.imported,
        state.frequency,
        state.monetary,
        state.last_at,
        state.next_due,
        state.tier,
        state.offset,
        origin.order_id,
        origin.shop_id,
        origin.channel,
        state.as_of if origin.tick_at else 0,
        facts,
    )
