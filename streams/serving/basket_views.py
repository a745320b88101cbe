"""What is told of where a member stands, before a basket and after it."""

from streams.serving.explanation import explained
from streams.serving.scores import Score
from streams.serving.shapes import Standing
from streams.serving.views import (
    next_tier,
    recency_of,
    stage_view,
    tier_view,
)


def standing(score: Score, benefits: dict[str, list[str]]) -> Standing:
    """Where a score puts its member; ``benefits`` are those of each tier."""
    return Standing(
        tier_view(score),
        stage_view(score),
        score.segments,
        recency_of(score),
        score.frequency,
        score.monetary,
        None if score.to_next is None else next_tier(score.to_next.as_told),
        benefits.get(score.tier or "", []),
        explained(score),
    )
