"""What a new policy does to a tier, its hold and what goes with them (docs/rules.md, section 11, points 1 to 5).

Its words are used here: b is the base, m the standing, t the state's as_of.
"""

from scoring.advising import still_counted
from scoring.further import Further, Hold
from scoring.holds import STAYED, hold_step, rise, start_hold
from scoring.outcomes import TIER_DOWNGRADED
from scoring.policy import Policy
from scoring.provisional import forget
from scoring.qualifying_window import Counts
from scoring.state import MemberState
from scoring.tier_rules import HoldRules
from scoring.tiers import standing


def carried_rank(rank: int, before: Policy, after: Policy) -> int:
    """The rank of a tier under the next policy: by its name, or as near to its old rank as there is one."""
    name = before.tier_names[rank]
    return after.tier_names.index(name) if name in after.tier_names else min(rank, len(after.tiers) - 1)


def carry_over(state: MemberState, before: Policy, after: Policy) -> bool:
    """Put tier, base and holds in the words of the next policy; say whether the base has a hold still.

    Flags of a provisional base are dropped where the next policy knows none, remembered outcomes in any case.
    """
    base = carried_rank(state.base, before, after)
    held = before.holds is not None and after.holds is not None and state.base > 0 and base > 0
    state.tier = carried_rank(state.tier, before, after)
    own = state.own_further()
    own.remembered = ()
    if own.given:
        own.given = still_counted(own.given, after.zone.day_of(state.as_of), after)
    if not after.provisional:
        forget(own, held=before.holds is not None)
    own.base = base
    if not held:
        provisional = own.provisional and base > 0
        own.held_until = own.grace_until = 0
        own.notice_told = False
        own.provisional = provisional
        if not provisional:
            own.qualified_at = 0
            own.asked = None
    if after.holds is None or base == 0:
        own.stack = ()
    elif own.stack:
        carried = []
        for hold in own.stack:
            rank = carried_rank(hold.rank, before, after)
            if before.tier_names[hold.rank] in after.tier_names and 0 < rank < base:
                carried.append(hold._replace(rank=rank))
        carried.sort(key=_rank_of)
        own.stack = tuple(carried)
    return held


def forget_what_cuts_decided(state: MemberState, policy: Policy) -> None:
    """What was told of tiers by earlier cuts can no longer turn out to have been wrong."""
    if policy.by_percentile and state.told:
        state.own_further().remembered = tuple([told for told in state.told if told.kind != TIER_DOWNGRADED])


def is_same(state: MemberState, later: MemberState) -> bool:
    """Whether two states of a member differ in nothing but as_of and offset."""
    return _kept(state) == _kept(later)


def change_step(
    state: MemberState, own: Further, policy: Policy, rules: HoldRules, windows: list[Counts], held: bool
) -> str:
    """Move the base and its hold under a policy that is new at as_of; say how it fell or stayed.

    ``held`` is what :func:`carry_over` said.
    """
    m = standing(policy, windows, own.base)
    if own.base > 0 and not held:
        _start_hold_of_same_base(state, own, policy, windows, m)
    if m > own.base:
        rise(state, own, policy, windows, m)
        return STAYED
    if m < own.base and not rules.kept_on_change:
        own.base = m
        own.stack = ()
        own.provisional = False
        start_hold(state, own, policy, windows, m)
        return STAYED
    if held and policy.tiers[own.base].never_downgrade:
        own.held_until = own.grace_until = 0
    elif held and own.held_until == 0:
        _start_hold_of_same_base(state, own, policy, windows, m)
    return hold_step(state, own, policy, rules, windows, retest=False)


def _start_hold_of_same_base(state: MemberState, own: Further, policy: Policy, windows: list[Counts], m: int) -> None:
    """Begin a hold; a base that waits for its confirmation goes on waiting for the same one."""
    provisional, qualified_at, asked = own.provisional, own.qualified_at, own.asked
    start_hold(state, own, policy, windows, m)
    if provisional:
        own.provisional, own.qualified_at, own.asked = True, qualified_at, asked


def _kept(state: MemberState) -> tuple[object, ...]:
    return (
        state.next_due,
        state.sequence,
        state.tier,
        state.stage,
        state.tier_since,
        state.stage_since,
        state.joined_at,
        state.last_at,
        state.frequency,
        state.monetary,
        state.tier_frequency,
        state.tier_monetary,
        state.last_day,
        state.exit_day,
        state.oldest_day,
        state.purchase_days,
        state.gone_at,
        state.gone_days,
        state.orders,
        state.amended,
        state.remembered,
        state.gone_purchase_days,
        None if state.further is None else state.further.fields(),
    )


def _rank_of(hold: Hold) -> int:
    return hold.rank
