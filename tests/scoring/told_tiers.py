"""What outcomes tell of tiers, short enough to be listed in a test."""

from collections.abc import Iterable

from scoring.outcomes import Outcome


def told_tiers(outcomes: Iterable[Outcome]) -> list[tuple[str, str, str, str, int]]:
    """Kind, tier before and after, reason and instant of each but for joining."""
    return [
        (news.kind.removeprefix("tier."), news.before, news.after, news.reason, news.at)
        for news in outcomes
        if news.kind.startswith("tier.") and news.kind != "tier.joined"
    ]
