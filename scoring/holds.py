"""How long a member keeps a tier: holds, grace, the fall at their end, and the notice before it.

Docs/rules.md, sections 6.3 to 6.5, whose words are used here: b is the base, m the standing, t the state's as_of.
"""

from typing import Final

from scoring.further import Asked, Further, Hold
from scoring.percentile import asked_for
from scoring.policy import ROLLING, Policy
from scoring.provisional import settled_alone
from scoring.qualifying_window import Counts, counts_at, is_whole, year_start
from scoring.state import MemberState
from scoring.tier_rules import HoldRules
from scoring.tiers import passes, standing

#: What became of a hold: nothing that a base alone does not show, a new hold for the same base, a fall.
STAYED: Final = ""
PROLONGED: Final = "prolonged"
HOLD_END: Final = "hold_end"
GRACE_END: Final = "grace_end"
RETEST: Final = "retest"


def hold_step(
    state: MemberState, own: Further, policy: Policy, rules: HoldRules, windows: list[Counts], retest: bool
) -> str:
    """Move the base and its hold, given what the windows hold at as_of; say how it fell or stayed.

    ``retest``: what led here may have taken away a qualification of the past.
    """
    m = standing(policy, windows, own.base)
    if retest and not _still_passed(state, policy, own.qualified_at, own.asked):
        if m < own.base:
            _fall_at_once(state, own, policy, windows, m)
            return RETEST
        own.qualified_at = state.as_of
        own.asked = asked_for(policy, own.base, entering=False)
    if m > own.base:
        rise(state, own, policy, windows, m)
        return STAYED
    if own.held_until == 0 or (own.grace_until == 0 and own.held_until > state.as_of):
        return STAYED
    if m == own.base:
        start_hold(state, own, policy, windows, m)
        return PROLONGED
    graced = own.grace_until != 0 or rules.grace_days > 0
    if own.grace_until == 0:
        own.grace_until = own.held_until
        if rules.grace_days > 0:
            own.grace_until = policy.zone.start_of_day(policy.zone.day_of(own.held_until) + rules.grace_days)
    if own.grace_until > state.as_of:
        return STAYED
    own.base = after_fall(own.base, m, policy, rules)
    own.stack = ()
    own.provisional = False
    start_hold(state, own, policy, windows, m)
    return GRACE_END if graced else HOLD_END


def notice_step(state: MemberState, own: Further, policy: Policy, rules: HoldRules) -> int:
    """The rank that the base falls to at the end of its hold, when that is to be announced now; else -1."""
    if own.notice_told or not 0 < _notice_at(own.held_until, policy, rules) <= state.as_of < own.held_until:
        return -1
    override = own.override
    if own.override_in_force and override is not None and own.floor >= own.base and override.until >= own.held_until:
        return -1
    ahead = standing(policy, counts_at(state, policy, own.held_until), own.base)
    if ahead >= own.base:
        return -1
    own.notice_told = True
    return after_fall(own.base, ahead, policy, rules)


def next_hold_timer(state: MemberState, own: Further, policy: Policy, rules: HoldRules) -> int:
    """When (epoch ms) hold, grace or the time before the notice end, next after as_of; 0 without any of them."""
    if own.grace_until > 0:
        return own.grace_until
    if not own.notice_told:
        notice_at = _notice_at(own.held_until, policy, rules)
        if notice_at > state.as_of:
            return notice_at
    return own.held_until


def after_fall(base: int, m: int, policy: Policy, rules: HoldRules) -> int:
    """The rank after a fall by time."""
    rank = max(base - 1, m) if rules.one_level else m
    protected = base
    while protected > rank and not policy.tiers[protected].never_downgrade:
        protected -= 1
    return protected


def _notice_at(held_until: int, policy: Policy, rules: HoldRules) -> int:
    if rules.expiring_days == 0 or held_until == 0:
        return 0
    return policy.zone.start_of_day(policy.zone.day_of(held_until) - rules.expiring_days)


def start_hold(
    state: MemberState, own: Further, policy: Policy, windows: list[Counts], m: int, *, entering: bool = False
) -> None:
    """Begin a hold of the base at as_of; rank 0 has none. ``entering``: the base was lower before."""
    rank = own.base
    rule = policy.tiers[rank]
    own.held_until = 0
    own.grace_until = 0
    own.notice_told = False
    qualified = 0 < rank <= m
    own.qualified_at = state.as_of if qualified else 0
    test = asked_for(policy, rank, entering=entering)
    own.asked = test if qualified else None
    if rank == 0 or rule.never_downgrade or policy.holds is None:
        return
    day = policy.zone.day_of(state.as_of)
    if policy.tier_window == ROLLING:
        end = day + policy.holds.hold_days
    else:
        # Entered by this year's purchases: until the end of the next year. Otherwise until the end of this one.
        end = year_start(state, policy, day, 2 if passes(test, windows[:1]) else 1)
    own.held_until = policy.zone.start_of_day(end)


def rise(state: MemberState, own: Further, policy: Policy, windows: list[Counts], m: int) -> None:
    """Let the base rise to m at as_of; its hold goes onto the stack while it lasts."""
    # In grace held_until is past.
    if own.base > 0 and (own.held_until == 0 or own.held_until > state.as_of):
        left = Hold(own.base, own.held_until, own.qualified_at, own.asked, own.notice_told, own.provisional)
        own.stack = (*own.stack, left)
    own.base = m
    start_hold(state, own, policy, windows, m, entering=True)
    own.provisional = policy.provisional and not settled_alone(state, policy, own)


def _fall_at_once(state: MemberState, own: Further, policy: Policy, windows: list[Counts], m: int) -> None:
    """The qualification was taken back: restore the highest hold that stands by itself, or fall to the standing."""
    stack = own.stack
    while stack:
        hold = stack[-1]
        if hold.held_until == 0 or hold.held_until > state.as_of:
            stands = _still_passed(state, policy, hold.qualified_at, hold.asked)
            if not stands and m >= hold.rank:
                stands = True
                hold = hold._replace(qualified_at=state.as_of, asked=asked_for(policy, hold.rank, entering=False))
            if stands and m <= hold.rank:
                own.stack = stack[:-1]
                own.base = hold.rank
                own.held_until = hold.held_until
                own.grace_until = 0
                own.qualified_at = hold.qualified_at
                own.asked = hold.asked
                own.notice_told = hold.notice_told
                own.provisional = hold.provisional
                return
            if stands:
                stack = (*stack[:-1], hold)
                break
        stack = stack[:-1]
    own.stack = stack
    own.base = m
    own.provisional = False
    start_hold(state, own, policy, windows, m)


def _still_passed(state: MemberState, policy: Policy, qualified_at: int, asked: Asked | None) -> bool:
    """Whether a test of the past is passed by the ledger of now; one unknown or too old to repeat is."""
    if asked is None or qualified_at == 0 or not is_whole(state, policy, qualified_at):
        return True
    return passes(asked, counts_at(state, policy, qualified_at))
