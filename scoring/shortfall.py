"""What a member still misses of a tier, and what a tier outcome says of holds and overrides."""

from scoring.outcomes import BelowCut, Missing, TierFacts
from scoring.percentile import cut_in_force, cuts_decide, rank_value
from scoring.policy import Policy
from scoring.qualifying_window import Counts, counts_at
from scoring.state import MemberState
from scoring.tier_rules import TierRule


def is_plain(state: MemberState, policy: Policy) -> bool:
    """Whether nothing but the reported numbers decides the tier: no hold, no override, no other window."""
    return policy.earned_as_reported and (state.further is None or state.further.floor == 0)


def missing(rule: TierRule, windows: list[Counts]) -> Missing:
    """What the window misses of a rule that misses least monetary, then least frequency, then is the first."""
    best_orders = best_money = -1
    for frequency, monetary in windows:
        orders = 0 if rule.frequency is None or frequency >= rule.frequency else rule.frequency - frequency
        money = 0 if rule.monetary is None or monetary >= rule.monetary else rule.monetary - monetary
        if best_money < 0 or (money, orders) < (best_money, best_orders):
            best_orders, best_money = orders, money
    return Missing(
        None if rule.frequency is None else best_orders,
        None if rule.monetary is None else best_money,
    )


def missing_to_next(state: MemberState, tier: int, policy: Policy) -> Missing | BelowCut | None:
    """What is missing, as of the state's as_of, to the tier above rank ``tier``; None at the top."""
    if tier + 1 == len(policy.tiers):
        return None
    if cuts_decide(policy, tier + 1):
        value = rank_value(state.tier_frequency, state.tier_monetary)
        return BelowCut(cut_in_force(policy, tier + 1, entering=True), value)
    return missing(policy.tiers[tier + 1], counts_at(state, policy, state.as_of))


def missing_to_keep(state: MemberState, policy: Policy, instant: int) -> Missing | BelowCut:
    """What the base misses to stand as of ``instant`` (epoch ms) with the ledger of now."""
    windows = counts_at(state, policy, instant)
    if cuts_decide(policy, state.base):
        frequency, monetary = windows[0]
        return BelowCut(cut_in_force(policy, state.base, entering=False), rank_value(frequency, monetary))
    return missing(policy.tiers[state.base], windows)


def tier_facts(state: MemberState, tier: int, policy: Policy) -> TierFacts:
    """What a tier outcome says of a member who is in the tier of rank ``tier``."""
    held_until = state.held_until
    keeps = None
    if held_until and state.base > 0:
        keeps = missing_to_keep(state, policy, held_until)
    return TierFacts(
        state.base, state.floor, held_until, state.grace_until, missing_to_next(state, tier, policy), keeps
    )
