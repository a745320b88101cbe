"""How a member's score becomes what is told of them over HTTP."""

from typing import Final, Literal

import msgspec

from scoring.policy import Policy
from scoring.vocabulary import STAGES
from streams.instants import instant_text
from streams.outcome_bodies import ToCut, ToNext
from streams.serving.explanation import explained
from streams.serving.scores import Score
from streams.serving.shapes import Freshness, MemberView, NextTier, Recency, Source, Stage, StageView, TierView

_DAY_MS: Final = 86_400_000


def member_view(score: Score, source: Source, read_at: int) -> MemberView:
    """The view of a score, which Redis gave at ``read_at`` (epoch ms)."""
    return MemberView(
        member_id=score.member_id,
        tier=tier_view(score),
        stage=stage_view(score),
        segments=score.segments,
        recency=recency_of(score),
        frequency=score.frequency,
        monetary=score.monetary,
        currency=score.currency,
        to_next=None if score.to_next is None else next_tier(score.to_next.as_told),
        next_due_at=_instant(score.next_due_ms),
        merged_into=score.merged_into,
        policy_version=score.policy_version,
        explanation=explained(score),
        freshness=Freshness(
            source, source != "redis", instant_text(score.as_of_ms), instant_text(read_at), score.epoch, score.offset
        ),
    )


def default_view(member_id: str, policy: Policy | None) -> MemberView:
    """What stands in for a member of whom nothing is known at the moment: what the policy gives to everybody."""
    tier = to_next = None
    if policy is not None:
        lowest = policy.tiers[0]
        tier = TierView(lowest.name, 0, None, lowest.name, None, None, None, provisional=False)
        if len(policy.tiers) > 1 and not policy.by_percentile:
            rule = policy.tiers[1]
            match = "all" if rule.match_all else "any"
            to_next = next_tier(ToNext(rule.name, rule.frequency, rule.monetary, match))
    return MemberView(
        member_id=member_id,
        tier=tier,
        stage=StageView("prospect", None, "prospect"),
        segments=None,
        recency=Recency(None, None),
        frequency=0,
        monetary=0,
        currency=None if policy is None else policy.currency,
        to_next=to_next,
        next_due_at=None,
        merged_into=None,
        policy_version=None if policy is None else policy.version,
        explanation=[
            "scores cannot be read at the moment: this is what everybody has, not what is known of the member"
        ],
        freshness=Freshness("default", stale=True, as_of=None, read_at=None, epoch=None, offset=None),
    )


def next_tier(misses: ToNext | ToCut) -> NextTier:
    """Both forms of what is missing in one."""
    if isinstance(misses, ToCut):
        return NextTier(misses.tier, "percentile", None, None, None, misses.cut, misses.value)
    match: Literal["any", "all"] = "all" if misses.match == "all" else "any"
    return NextTier(misses.tier, "thresholds", misses.frequency, misses.monetary, match, None, None)


def tier_view(score: Score) -> TierView | None:
    """The tier; None for a merged member."""
    if score.tier is None or score.tier_rank is None:
        return None
    return TierView(
        score.tier,
        score.tier_rank,
        _instant(score.tier_since_ms),
        score.base or score.tier,
        score.floor,
        _instant(score.held_until_ms),
        _instant(score.grace_until_ms),
        score.provisional,
    )


def stage_view(score: Score) -> StageView | None:
    """The stage; None for a merged member."""
    name = _stage_name(score.stage)
    if name is None:
        return None
    return StageView(name, _instant(score.stage_since_ms), _stage_name(score.told_stage) or name)


def _stage_name(name: str | None) -> Stage | None:
    return msgspec.convert(name, Stage) if name in STAGES else None


def recency_of(score: Score) -> Recency:
    """R as of the score's as_of."""
    last = score.last_purchase_ms
    return (
        Recency(None, None) if last is None else Recency(instant_text(last), max(score.as_of_ms - last, 0) // _DAY_MS)
    )


def _instant(at: int | None) -> str | None:
    return None if at is None else instant_text(at)
