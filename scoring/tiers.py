"""Which tier a member has earned."""

from scoring.further import Asked
from scoring.percentile import asked_for, reaches
from scoring.policy import Policy
from scoring.qualifying_window import Counts


def earned_tier(policy: Policy, frequency: int, monetary: int) -> int:
    """The rank of the highest tier that F and M of the tiers' window qualify for; 0, the lowest, asks for nothing."""
    tiers = policy.tiers
    rank = len(tiers) - 1
    while rank > 0:
        rule = tiers[rank]
        wanted, worth = rule.frequency, rule.monetary
        # _passes, without three calls per order.
        if wanted is None:
            if worth is None or monetary >= worth:
                break
        elif worth is None:
            if frequency >= wanted:
                break
        elif rule.match_all:
            if frequency >= wanted and monetary >= worth:
                break
        elif frequency >= wanted or monetary >= worth:
            break
        rank -= 1
    return rank


def standing(policy: Policy, windows: list[Counts], base: int) -> int:
    """The highest rank that one of the windows earns alone, for a member whose base is ``base``.

    The base matters by percentile only: there a tier is easier to stay in than to enter.
    """
    if policy.by_percentile:
        rank = len(policy.tiers) - 1
        while rank > 0 and not passes(asked_for(policy, rank, entering=rank > base), windows):
            rank -= 1
        return rank
    rank = 0
    for frequency, monetary in windows:
        rank = max(rank, earned_tier(policy, frequency, monetary))
    return rank


def passes(asked: Asked, windows: list[Counts]) -> bool:
    """Whether one of the windows alone passes a remembered test."""
    for frequency, monetary in windows:
        if asked.cut is None:
            if _passes(asked.frequency, asked.monetary, asked.match_all, frequency, monetary):
                return True
        elif reaches(asked.cut, frequency, monetary):
            return True
    return False


def _passes(wanted: int | None, worth: int | None, match_all: bool, frequency: int, monetary: int) -> bool:
    """Whether F kept orders worth M (minor units) do; thresholds are inclusive, and without any everybody passes."""
    if wanted is None:
        return worth is None or monetary >= worth
    if worth is None:
        return frequency >= wanted
    if match_all:
        return frequency >= wanted and monetary >= worth
    return frequency >= wanted or monetary >= worth
