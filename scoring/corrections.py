"""Which outcomes an order that arrives late shows to have been wrong, and what was true (docs/rules.md, section 12)."""

from typing import Final, NamedTuple

from scoring.further import Further, Hold, Told
from scoring.holds import start_hold
from scoring.ledger import orders_of
from scoring.lifecycle import told_stage_of
from scoring.outcomes import (
    DORMANT_ALERT,
    LAPSED_MID,
    LAPSED_RECENTLY,
    NEAR_CHURN_ALERT,
    TIER_DOWNGRADED,
    Outcome,
)
from scoring.pace import purchase_days_until
from scoring.policy import Policy
from scoring.qualifying_window import counts_at, is_whole
from scoring.state import MemberState
from scoring.tiers import standing
from scoring.vocabulary import ACTIVE

#: How many outcomes are remembered; beyond, the oldest go.
MOST_REMEMBERED: Final = 8

_ALERTS: Final = (NEAR_CHURN_ALERT, LAPSED_RECENTLY, LAPSED_MID, DORMANT_ALERT)
_FALLS_BY_TIME: Final = ("window_exit", "hold_end", "grace_end")


class Correction(NamedTuple):
    """A remembered outcome that was wrong, and the stage or the rank that was true at its instant."""

    told: Told
    truth: int


class Corrected(NamedTuple):
    """What a late order corrects: the wrong outcomes, oldest first, and whether a fall is undone.

    ``unsaid`` is whether the latest alert was wrong: then a return from it is none.
    """

    wrong: tuple[Correction, ...]
    undone: bool
    unsaid: bool


NOTHING_CORRECTED: Final = Corrected((), undone=False, unsaid=False)


def remember(state: MemberState, told: list[Outcome]) -> None:
    """Remember what a timer told, at the state's as_of, as far as late orders could show it to be wrong."""
    found: list[Told] = []
    for outcome in told:
        # Before a fall for these reasons no override was above the base: its end would have been the reason.
        fallen = (
            outcome.kind == TIER_DOWNGRADED and outcome.reason in _FALLS_BY_TIME and outcome.rank_after == state.base
        )
        if fallen or outcome.kind in _ALERTS:
            found.append(Told(outcome.sequence, outcome.kind, outcome.at, outcome.rank_before, outcome.rank_after))
    if found:
        state.own_further().remembered = tuple([*state.told, *found][-MOST_REMEMBERED:])


def forget_until(own: Further, last_day: int, policy: Policy) -> None:
    """Forget what was told on a local day up to ``last_day``: orders that could correct it are refused."""
    while own.remembered and policy.zone.day_of(own.remembered[0].at) <= last_day:
        own.remembered = own.remembered[1:]


def can_correct(state: MemberState, order: bytes, at: int, policy: Policy) -> bool:
    """Whether an order (by its fingerprint) bought ``at`` (epoch ms), which has just come in, is to be looked at.

    That is before it is sealed: what is sealed has no id.
    """
    if not state.told or at > state.told[-1].at:
        return False
    for known, _, _, value, _ in orders_of(state):
        if known == order:
            return value >= policy.min_order_amount
    return False


def correct(state: MemberState, own: Further, policy: Policy, late_at: int) -> Corrected:
    """Look at what is remembered in the light of an order bought at ``late_at`` (epoch ms), which the ledger has.

    What was wrong is forgotten, and a base on hold that should not have fallen is given back.
    """
    wrong: list[Correction] = []
    kept: list[Told] = []
    holds: list[Hold] = []
    unsaid = False
    for told in own.remembered:
        truth = told.after
        if told.kind != TIER_DOWNGRADED:
            if late_at <= told.at:
                truth = _stage_then(state, policy, told)
            unsaid = truth != told.after
        elif late_at <= told.at:
            truth = _rank_then(state, policy, told, holds)
        if truth == told.after:
            kept.append(told)
        else:
            wrong.append(Correction(told, truth))
    if not wrong:
        return NOTHING_CORRECTED
    own.remembered = tuple(kept)
    undone = False
    for hold in holds:
        if hold.rank > own.base and _lasts(hold, state.as_of):
            _give_back(own, hold)
            undone = True
    return Corrected(tuple(wrong), undone=undone, unsaid=unsaid)


def _rank_then(state: MemberState, policy: Policy, told: Told, holds: list[Hold]) -> int:
    """Where a fall should have ended, at most in the tier it came from or in one of ``holds``.

    Those are the holds that there would have been instead of earlier falls; that of this one is added.
    """
    rank = told.after
    if is_whole(state, policy, told.at):
        stood = standing(policy, counts_at(state, policy, told.at), told.before)
        rank = max(min(stood, told.before), rank)
        if rank > told.after and policy.holds is not None:
            holds.append(_hold_then(state, policy, rank, told.at))
    for hold in holds:
        if hold.rank > rank and _lasts(hold, told.at):
            rank = hold.rank
    return rank


def _stage_then(state: MemberState, policy: Policy, told: Told) -> int:
    """The stage that should have been told, where that is less quiet than the one which was."""
    days = purchase_days_until(state, policy, told.at)
    stage = told_stage_of(days, state.gone_days > 1, policy, told.at)
    # New and active are equally quiet.
    return stage if max(stage, ACTIVE) < told.after else told.after


def _hold_then(state: MemberState, policy: Policy, rank: int, at: int) -> Hold:
    """The hold that a tier which was earned ``at`` (epoch ms) would have begun then."""
    then = state.clone()
    then.as_of = at
    own = then.own_further()
    own.base = rank
    start_hold(then, own, policy, counts_at(state, policy, at), rank)
    return Hold(rank, own.held_until, own.qualified_at, own.asked, notice_told=False)


def _lasts(hold: Hold, instant: int) -> bool:
    return hold.held_until == 0 or hold.held_until > instant


def _give_back(own: Further, hold: Hold) -> None:
    own.base = hold.rank
    own.held_until = hold.held_until
    own.grace_until = 0
    own.qualified_at = hold.qualified_at
    own.asked = hold.asked
    own.notice_told = False
    own.provisional = False
    own.stack = ()
