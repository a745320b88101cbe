"""Tiers by percentile: the rank value, and the cut that a member has to reach (docs/rules.md, section 6.8)."""

from typing import Final

from scoring.further import Asked
from scoring.policy import Policy

#: Instead of a cut: not even the largest value passes.
NOBODY: Final = -1


def rank_value(frequency: int, monetary: int) -> int:
    """By what members are ranked: kept orders times minor units, over the tiers' window; 0 is not ranked."""
    return frequency * monetary


def cuts_decide(policy: Policy, rank: int) -> bool:
    """Whether a cut decides about a tier; otherwise its thresholds do."""
    cuts = policy.cuts
    return policy.by_percentile and cuts is not None and not cuts.fallback and rank in cuts.ranks


def cut_in_force(policy: Policy, rank: int, *, entering: bool) -> int | None:
    """The cut to enter or to keep a tier of which a cut decides; None when nobody reaches it."""
    cuts = policy.cuts
    assert cuts is not None, "asked only where cuts decide"
    return cuts.enter[rank] if entering else cuts.leave[rank]


def asked_for(policy: Policy, rank: int, *, entering: bool) -> Asked:
    """What a tier above the lowest asks of a member who is below it, or of one who has it or a higher one.

    By percentile these are two cuts; by thresholds it is the same.
    """
    if cuts_decide(policy, rank):
        cut = cut_in_force(policy, rank, entering=entering)
        return Asked(None, None, match_all=False, cut=NOBODY if cut is None else cut)
    rule = policy.tiers[rank]
    return Asked(rule.frequency, rule.monetary, rule.match_all)


def reaches(cut: int, frequency: int, monetary: int) -> bool:
    """Whether F kept orders worth M minor units reach a cut, which is inclusive."""
    return cut != NOBODY and rank_value(frequency, monetary) >= cut
