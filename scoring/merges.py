"""Two ids of one person, and a person who is to be forgotten: merge, unmerge, erase (docs/rules.md, section 13).

Its words are used here: S is merged into T. What S must tell T goes as a forward (:mod:`scoring.forwards`).
"""

from collections.abc import Sequence
from typing import Final

from scoring.absorbed_parts import come_together, is_apart, join_for_good, part_of, take_apart
from scoring.absorbing import know, take
from scoring.decision import APPLIED, NO_OUTCOMES, Decision, Position, compared_with, passed_over
from scoring.errors import Refused
from scoring.evaluation import Evaluation, evaluate
from scoring.events import MemberAbsorbed, MemberErased, MemberEvent, MemberMerged, MemberUnmerged
from scoring.forwards import (
    Forward,
    absorbed_id,
    hold_told,
    order_passed_on,
    own_part,
    part_passed_on,
    passed_on,
    told_of,
    undone_by,
)
from scoring.further import Further, Merge
from scoring.heard_merges import is_over, path_of
from scoring.news import report
from scoring.origin import Origin
from scoring.outcomes import TIER_ERASED, TIER_MERGED, TIER_UNMERGED
from scoring.policy import Policy
from scoring.policy_change import carry_over
from scoring.state import FINGERPRINT_BYTES, NO_DAY, MemberState, fingerprint, place_of, unknown_member
from scoring.tier_news import told_of_merge
from scoring.vocabulary import PROSPECT, REMEMBERED_EVENT_IDS

#: The events that merge, unmerge and erase.
MERGING: Final = (MemberMerged, MemberUnmerged, MemberAbsorbed, MemberErased)
#: A chain of merges is no longer than this; one more is taken for a circle.
_LONGEST_PATH: Final = 8
#: For how many local days a merged member's ledger is kept at least: it may turn out that the merges ran in a circle.
_KEPT_DAYS: Final = 7


def pass_order_on(state: MemberState, event: MemberEvent, merge: Merge) -> Decision:
    """An order event of a merged member, which has entered ``state``, is the other's as well."""
    via = event.member_id
    if event.via and (state.as_of >= merge.until or part_of(state, event.via) is not None):
        via = event.via
    forwards = [order_passed_on(event, merge.into, via)]
    return Decision(state, NO_OUTCOMES, APPLIED, moved=False, forwards=forwards)


def end_unmerge_time(state: MemberState, offset: int, tick_at: int) -> Decision:
    """A tick at ``tick_at`` (epoch ms) ends the time in which a merge could be taken back: nothing is kept for that."""
    after = _emptied(state)
    after.offset = offset
    after.as_of = tick_at
    after.joined_at = state.joined_at
    after.remembered = state.remembered
    own = after.own_further()
    own.absorbed = state.absorbed
    own.merge = state.merge
    own.heard = state.heard
    return Decision(after, NO_OUTCOMES, APPLIED, moved=False)


def carry_over_merged(state: MemberState, before: Policy, after: Policy) -> None:
    """Put the hold of a merged member in the words of the next policy, for when the merge is taken back."""
    if not carry_over(state, before, after) and after.holds is not None:
        # A base that nothing holds is earned anew.
        state.own_further().base = 0
    state.tier = 0


def apply_merging(
    state: MemberState | None, after: MemberState, as_of: int, event: MemberEvent, policy: Policy, position: Position
) -> Decision:
    """Apply one of :data:`MERGING` at ``as_of`` (epoch ms); ``after`` is a copy of the state to be changed.

    Raises ``Refused`` for a merge or an unmerge that cannot be.
    """
    event_id = fingerprint(event.event_id)
    if place_of(after.remembered, event_id, FINGERPRINT_BYTES) >= 0 and state is not None:
        return passed_over(state, position.offset)
    if isinstance(event, MemberMerged):
        _refuse_merge(event, after, as_of)
    elif isinstance(event, MemberUnmerged):
        _refuse_unmerge(event, after, as_of)
    after.as_of = as_of
    after.remembered = (after.remembered + event_id)[-REMEMBERED_EVENT_IDS * FINGERPRINT_BYTES :]
    origin = Origin(cause=event.event_id, reason="other", recorded_at=position.log_time, imported=position.imported)
    if isinstance(event, MemberMerged):
        return _merge(state, after, event, policy, origin)
    if isinstance(event, MemberUnmerged):
        return _revive(after, event.member_id, "unmerge", None, policy, origin)
    if isinstance(event, MemberErased):
        return _erase(state, after, event.member_id, policy, origin)
    assert isinstance(event, MemberAbsorbed)
    return _absorb(state, after, event, policy, origin)


def _refuse_merge(event: MemberMerged, state: MemberState, as_of: int) -> None:
    known = state.merge
    why = ""
    if event.into == event.member_id:
        why = "nobody is merged into themselves"
    elif known is not None:
        why = f"{event.member_id} is merged into {known.into} already; take that back first, or merge {known.into}"
    elif event.into in state.absorbed:
        why = f"{event.into} is merged into {event.member_id}: merge the other way round, or take that back first"
    elif [part for part in state.parts if len(part.path) >= _LONGEST_PATH and is_apart(part, as_of)]:
        why = f"a chain of merges is no longer than {_LONGEST_PATH}; the one that ends at {event.member_id} is"
    if why:
        raise Refused("merge_refused", f"{event.event_id}: {why}.")


def _refuse_unmerge(event: MemberUnmerged, state: MemberState, as_of: int) -> None:
    known = state.merge
    why = ""
    if known is None:
        why = f"{event.member_id} is not merged"
    elif known.into != event.into:
        why = f"{event.member_id} is merged into {known.into} and not into {event.into}"
    elif as_of >= known.unmerge_until:
        why = f"the time in which the merge of {event.member_id} could be taken back is over (merge.unmerge_days)"
    if why:
        raise Refused("merge_refused", f"{event.event_id}: {why}.")


def _merge(
    state: MemberState | None, after: MemberState, event: MemberMerged, policy: Policy, origin: Origin
) -> Decision:
    join_for_good(after)
    own = after.own_further()
    told_by = absorbed_id(event.member_id, event.event_id)
    day = policy.zone.day_of(after.as_of)
    unmerge_until = policy.zone.start_of_day(day + policy.unmerge_days)
    until = policy.zone.start_of_day(day + max(policy.unmerge_days, _KEPT_DAYS))
    # That of the outcome that tells of the merge.
    number = after.sequence + 1
    part = own_part(after, event.member_id, told_by, number, until)
    forwards = told_of(after, part, event.into, told_by, event.source, hold_told(own, policy))
    for each in own.parts:
        passed = part_passed_on(each, event.member_id, number, until)
        forwards += told_of(after, passed, event.into, absorbed_id(each.absorbed, event.event_id), event.source, None)
    own.merge = Merge(event.into, after.as_of, until, told_by, unmerge_until, number)
    own.override = None
    own.override_in_force = False
    own.floor = 0
    own.remembered = ()
    _without_standing(after, own)
    after.next_due = until
    before = -1 if state is None else state.tier
    told = told_of_merge(after, TIER_MERGED, "merge", before, event.into, policy, origin)
    return Decision(after, [told], APPLIED, moved=True, forwards=forwards)


def _without_standing(state: MemberState, own: Further) -> None:
    """Leave nothing of where a member stands: a merged one has neither numbers nor tier, stage and segments."""
    standing = unknown_member(state.as_of)
    state.tier = standing.tier
    state.stage = standing.stage
    state.tier_since = state.stage_since = state.as_of
    state.last_at = state.last_day = 0
    state.frequency = state.monetary = state.tier_frequency = state.tier_monetary = 0
    state.purchase_days = 0
    state.exit_day = NO_DAY
    own.told_stage = PROSPECT
    own.rf_segment = own.quadrant = own.kind_of_eight = standing.rf_segment


def _revive(
    after: MemberState,
    member_id: str,
    reason: str,
    record: MemberAbsorbed | None,
    policy: Policy,
    origin: Origin,
) -> Decision:
    """S goes on as a member of its own; ``record`` is the one that showed a circle."""
    own = after.own_further()
    merge = own.merge
    assert merge is not None
    own.merge = None
    after.tier_since = after.stage_since = after.as_of
    forwards: list[Forward] = []
    if after.next_due != 0:
        # Afterwards the ledger is gone, and what the other has is theirs for good.
        forwards.append(undone_by(after, member_id, merge, origin.cause, erased=False))
    if record is not None:
        take(after, record, policy)
    evaluation = Evaluation(0, PROSPECT, in_grace_before=own.grace_until > 0)
    origin.reason = "unmerge"
    apart = come_together(after, policy)
    evaluate(after, policy, evaluation, retest=True)
    # What was told of the stage before the merge is not told again.
    evaluation.stage_before = after.told_stage
    told = [told_of_merge(after, TIER_UNMERGED, reason, -1, merge.into, policy, origin)]
    told += report(after, evaluation, policy, origin)
    take_apart(after, apart)
    return Decision(after, told, APPLIED, moved=True, forwards=forwards)


def _erase(state: MemberState | None, after: MemberState, member_id: str, policy: Policy, origin: Origin) -> Decision:
    merge = after.merge
    forwards: list[Forward] = []
    if merge is not None and after.as_of < merge.until:
        forwards.append(undone_by(after, member_id, merge, origin.cause, erased=True))
    erased = _emptied(after)
    erased.offset = after.offset
    erased.as_of = after.as_of
    erased.own_further().erased = True
    before = -1 if state is None or merge is not None else state.tier
    told = told_of_merge(erased, TIER_ERASED, "erased", before, "", policy, origin)
    erased.as_of = erased.tier_since = erased.stage_since = erased.joined_at = 0
    return Decision(erased, [told], APPLIED, moved=True, forwards=forwards)


def _emptied(state: MemberState) -> MemberState:
    """A row with nothing but the sequence."""
    emptied = unknown_member(state.as_of)
    emptied.sequence = state.sequence
    emptied.further = Further(0, PROSPECT)
    return emptied


def _absorb(
    state: MemberState | None, after: MemberState, event: MemberAbsorbed, policy: Policy, origin: Origin
) -> Decision:
    member_id = event.member_id
    path = path_of(event)
    merge = after.merge
    if state is not None and not event.undone and is_over(after, event):
        return passed_over(state, after.offset)
    if merge is None:
        changed = take(after, event, policy)
        if not changed and state is not None and not event.undone:
            return passed_over(state, after.offset)
        return _evaluated(state, after, "unmerge" if event.undone else "merge", policy, origin)
    circular = member_id in path or len(path) >= _LONGEST_PATH
    if circular and not event.undone:
        return _revive(after, member_id, "cycle", event, policy, origin)
    if after.as_of < merge.until:
        take(after, event, policy)
        until = max(event.until, merge.until)
    else:
        know(after.own_further(), event, after.as_of)
        until = event.until
    forwards: Sequence[Forward] = () if circular else (passed_on(event, member_id, merge, until),)
    return Decision(after, NO_OUTCOMES, APPLIED, moved=False, forwards=forwards)


def _evaluated(state: MemberState | None, after: MemberState, reason: str, policy: Policy, origin: Origin) -> Decision:
    origin.reason = reason
    evaluation = compared_with(state)
    apart = come_together(after, policy)
    evaluate(after, policy, evaluation, retest=reason == "unmerge")
    told = report(after, evaluation, policy, origin)
    take_apart(after, apart)
    moved = bool(told) or state is None or after.tier != state.tier or after.stage != state.stage
    return Decision(after, told, APPLIED, moved=moved)
