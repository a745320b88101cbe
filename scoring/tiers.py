"""Which tier a member has earned."""

from scoring.policy import Policy, TierRule


def qualifies(rule: TierRule, frequency: int, monetary: int) -> bool:
    """Whether F kept orders worth M (minor units) meet a rule; thresholds are inclusive, a rule without any is met."""
    if rule.frequency is None:
        return rule.monetary is None or monetary >= rule.monetary
    if rule.monetary is None:
        return frequency >= rule.frequency
    if rule.match_all:
        return frequency >= rule.frequency and monetary >= rule.monetary
    return frequency >= rule.frequency or monetary >= rule.monetary


def earned_tier(policy: Policy, frequency: int, monetary: int) -> int:
    """The rank of the highest tier that F and M of the tiers' window qualify for; 0, the lowest, asks for nothing."""
    tiers = policy.tiers
    rank = len(tiers) - 1
    while rank > 0 and not qualifies(tiers[rank], frequency, monetary):
        rank -= 1
    return rank
