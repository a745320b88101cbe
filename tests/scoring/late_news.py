"""Members about whom news comes late, and what is told of it."""

from typing import Any

from scoring.calendar import instant_of
from scoring.outcomes import Outcome
from scoring.policy import Policy
from tests.builders import Story, a_policy, an_order, noon


def correcting(**rules: Any) -> Policy:
    return a_policy(**{"corrects": True, **rules})


def told_of(outcomes: list[Outcome], group: str) -> list[tuple[str, str, str, str]]:
    """Kind, from, to and reason of what is told of tiers or of stages."""
    return [
        (news.kind.removeprefix(group), news.before, news.after, news.reason)
        for news in outcomes
        if news.kind.startswith(group)
    ]


def alerts(outcomes: list[Outcome]) -> list[tuple[str, str, str, str]]:
    return told_of(outcomes, "lifecycle.")


def tiers(outcomes: list[Outcome]) -> list[tuple[str, str, str, str]]:
    return told_of(outcomes, "tier.")


def comes_late(story: Story, bought: int, *, seen: int, order_id: str = "late", net: int = 1_000) -> list[Outcome]:
    """What an order of noon of one day tells, which arrives at noon of another."""
    return list(story.has(an_order(order_id, at=noon(bought), net=net), log_time=instant_of(noon(seen))).outcomes)
