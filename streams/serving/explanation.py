"""A score in sentences, for the person at the till. Dates are UTC."""

from collections.abc import Iterator

from streams.currencies import money_text
from streams.instants import instant_text
from streams.needed_words import cut_needed, more_needed
from streams.serving.scores import Needs, Score


def explained(score: Score) -> list[str]:
    """Why the member is where they are and what is missing, the tier first."""
    if score.merged_into is not None:
        return [f"merged into member {score.merged_into}, who has the orders, the tier and the stage now"]
    return [*_tier(score), *_next(score), *_stage(score)]


def _tier(score: Score) -> Iterator[str]:
    orders = "1 kept order" if score.frequency == 1 else f"{score.frequency} kept orders"
    counted = f"{orders}, {money_text(score.monetary, score.currency)}"
    since = "" if score.tier_since_ms is None else f" since {_date(score.tier_since_ms)}"
    yield f"tier {score.tier}{since}: {counted} in the reported window"
    if score.provisional:
        yield f"{score.base or score.tier} is provisional until the orders behind it are past their return window"
    if score.floor is not None:
        own = "" if score.base is None else f"; by their own orders it would be {score.base}"
        yield f"{score.floor} was granted by hand{own}"
    if score.grace_until_ms is not None:
        yield f"{score.base or score.tier} is in grace until {_date(score.grace_until_ms)}"
    elif score.held_until_ms is not None:
        yield f"{score.base or score.tier} is held until {_date(score.held_until_ms)}"


def _next(score: Score) -> Iterator[str]:
    needs = score.to_next
    if needs is None:
        yield f"{score.tier} is the highest tier"
        return
    missing = _missing(needs, score.currency)
    if missing:
        yield f"{missing} to {needs.tier}"


def _missing(needs: Needs, currency: str) -> str:
    if needs.match is None:
        if needs.cut is None:
            return ""
        return cut_needed(needs.cut, needs.value or 0)
    return more_needed(needs.frequency, needs.monetary, needs.match, currency)


def _stage(score: Score) -> Iterator[str]:
    if score.stage is None:
        return
    since = "" if score.stage_since_ms is None else f" since {_date(score.stage_since_ms)}"
    bought = "no kept order" if score.last_purchase_ms is None else f"last order on {_date(score.last_purchase_ms)}"
    yield f"{score.stage.replace('_', ' ')}{since}: {bought}"


def _date(at: int) -> str:
    return instant_text(at)[:10]
