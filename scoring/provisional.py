"""Which upgrades still wait for the return window, and when they are confirmed (docs/rules.md, section 6.7).

An order is settled when its purchase day is ``windows.return_days`` ago; an upgrade is provisional until settled orders
alone pass the test that it passed.
"""

from scoring.further import Further
from scoring.percentile import asked_for
from scoring.policy import Policy
from scoring.qualifying_window import Counts, counts_at, first_day_after, is_whole
from scoring.state import NO_DAY, MemberState
from scoring.tiers import passes, standing


def step_at_once(state: MemberState, own: Further, policy: Policy, windows: list[Counts], retest: bool) -> None:
    """Move a base that is not held to where the windows put it, and keep what an upgrade of it rests on.

    ``retest``: what led here may have taken away a qualification of the past.
    """
    m = standing(policy, windows, own.base)
    if m > own.base:
        own.qualified_at = state.as_of
        own.asked = asked_for(policy, m, entering=False)
        own.provisional = policy.provisional and not settled_alone(state, policy, own)
    elif m < own.base:
        own.provisional = False
    elif retest and own.provisional and not _still_passed(state, policy, own):
        own.qualified_at = state.as_of
        own.asked = asked_for(policy, m, entering=False)
    own.base = m
    if not own.provisional:
        _drop_test(own)


def confirmation_step(state: MemberState, own: Further, policy: Policy) -> bool:
    """Whether the provisional base is confirmed now; then it is provisional no longer."""
    if not own.provisional:
        return False
    if is_whole(state, policy, own.qualified_at) and not settled_alone(state, policy, own):
        return False
    own.provisional = False
    if policy.holds is None:
        _drop_test(own)
    return True


def settled_alone(state: MemberState, policy: Policy, own: Further) -> bool:
    """Whether orders that are settled as of as_of would have passed the test that the base rests on."""
    if own.asked is None:
        return True
    return passes(own.asked, counts_at(state, policy, own.qualified_at, _last_settled_day(state, policy)))


def next_settling(state: MemberState, own: Further, policy: Policy) -> int:
    """When (epoch ms) the next order that a provisional base rests on is settled; 0 when there is none."""
    if not own.provisional:
        return 0
    day = first_day_after(state, policy, own.qualified_at, _last_settled_day(state, policy))
    return 0 if day == NO_DAY else policy.zone.start_of_day(day + policy.return_window_days)


def forget(own: Further, *, held: bool) -> None:
    """Let nothing be provisional any more, without a word: a new policy has no provisional upgrades.

    ``held``: the old policy held tiers; a hold keeps the test that it rests on.
    """
    own.provisional = False
    if own.stack:
        own.stack = tuple([hold._replace(provisional=False) for hold in own.stack])
    if not held:
        _drop_test(own)


def _still_passed(state: MemberState, policy: Policy, own: Further) -> bool:
    """Whether the test that the base rests on is passed by the ledger of now; one too old to repeat is."""
    if own.asked is None or not is_whole(state, policy, own.qualified_at):
        return True
    return passes(own.asked, counts_at(state, policy, own.qualified_at))


def _drop_test(own: Further) -> None:
    """Without holds nothing but a confirmation to come asks for the test."""
    own.qualified_at = 0
    own.asked = None


def _last_settled_day(state: MemberState, policy: Policy) -> int:
    return policy.zone.day_of(state.as_of) - policy.return_window_days
