"""Members who come under another policy."""

from collections.abc import Sequence

from scoring.further import Asked
from scoring.outcomes import Outcome
from scoring.policy import Policy
from scoring.tier_rules import HoldRules, TierRule
from tests.builders import HELD_TIERS, Story, a_policy, an_order, an_override, midnight, noon

BASIC_RULE, SILVER_RULE, GOLD_RULE, BLACK_RULE = HELD_TIERS
SILVER_TEST = Asked(2, 2_000, match_all=False)
GOLD_TEST = Asked(4, 4_000, match_all=False)
#: Nobody in these stories reaches it.
FAR = 1_000_000


def rule(name: str, monetary: int | None = None, *, never_downgrade: bool = False) -> TierRule:
    return TierRule(name, None, monetary, match_all=False, never_downgrade=never_downgrade)


def held(tiers: Sequence[TierRule] = HELD_TIERS, *, kept: bool = True, hold_days: int = 100, grace: int = 0) -> Policy:
    """Tiers on hold; unless ``kept``, a new policy lets members fall before the end of their holds."""
    return a_policy(
        tiers=tiers,
        tier_window_days=100,
        holds=HoldRules(hold_days, grace, one_level=True, expiring_days=0, kept_on_change=kept),
    )


def moves(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str, str]]:
    return [(each.kind, each.before, each.after, each.reason) for each in outcomes]


def a_silver_member(policy: Policy | None = None, *, net: int = 2_000, day: int = 10) -> Story:
    """Silver by an order of the first day, as of ten days later."""
    story = Story(policy or held())
    story.has(an_order(net=net))
    story.tick(midnight(day))
    story.told.clear()
    return story


def a_member_who_rose_twice() -> Story:
    """Silver on the first day, gold on the second, black on the third; as of the tenth."""
    story = Story(held())
    story.has(
        an_order("one", net=2_000),
        an_order("two", at=noon(1), net=2_000),
        an_order("three", at=noon(2), net=4_000),
    )
    story.tick(midnight(10))
    story.told.clear()
    return story


def a_member_given_gold(policy: Policy) -> Story:
    story = Story(policy)
    story.has(an_order(net=100), an_override("Gold", until=midnight(50)))
    story.tick(midnight(10))
    story.told.clear()
    return story
