"""Everything that is known of a member, as data with stable names; ``streams/schemas/member.v1.json`` describes it."""

from typing import Any, Final, NamedTuple

from scoring.absorbed_parts import lay_together
from scoring.further import NO_SEGMENT, Asked, Hold
from scoring.lifecycle import stage_begins
from scoring.pace import expected_gap
from scoring.policy import ROLLING, Policy
from scoring.segment_rules import GROUP_NAMES, GROUPS
from scoring.state import MemberState
from scoring.vocabulary import DORMANT, MID_LAPSED, NEAR_CHURN, RECENTLY_LAPSED, STAGES
from streams.explaining.advice import to_keep, to_rise
from streams.explaining.ahead import as_data, steps_ahead
from streams.explaining.dates import zoned, zoned_or_none
from streams.explaining.orders import buckets_in_words, orders_in_words
from streams.instants import date_text

LIVE: Final = "live"
MERGED: Final = "merged"
ERASED: Final = "erased"
#: The state is not in the changelog yet: it is there after the next cut.
NOT_YET: Final = "not_remembered_yet"
_BOUNDARIES: Final = (NEAR_CHURN, RECENTLY_LAPSED, MID_LAPSED, DORMANT)


class Known(NamedTuple):
    """What was found of a member. ``row`` is None when the scorer has not remembered one, ``policy`` is that of the
    log, None before the first. ``score`` is the record of ``member-scores``, ``outcomes`` are bodies, oldest first.
    """

    member_id: str
    partition: int
    row: MemberState | None
    policy: Policy | None
    score: dict[str, Any] | None
    outcomes: list[dict[str, Any]]


def as_known(known: Known) -> dict[str, Any]:
    """The whole document. Instants are RFC 3339 in the policy's zone, but for those of score and outcomes."""
    row, policy = known.row, known.policy
    data: dict[str, Any] = {
        "member_id": known.member_id,
        "status": status_of(row),
        "policy": None,
        "position": None,
        "merged": None,
        "state": None,
        "score": known.score,
        "outcomes": known.outcomes,
    }
    if policy is not None:
        data["policy"] = {
            "version": policy.version,
            "content_hash": policy.content_hash,
            "currency": policy.currency,
            "time_zone": policy.zone.name,
        }
    if row is None:
        return data
    data["position"] = {"partition": known.partition, "offset": row.offset, "sequence": row.sequence}
    if policy is None or row.erased:
        return data
    if row.merge is not None:
        data["merged"] = {
            "into": row.merge.into,
            "at": zoned(row.merge.at, policy.zone),
            "until": zoned_or_none(row.merge.until, policy.zone),
        }
        return data
    data["state"] = state_as_data(known.member_id, row, policy)
    return data


def status_of(row: MemberState | None) -> str:
    """Whether the member is live, merged into another, erased, or not in the changelog yet."""
    if row is None:
        return NOT_YET
    if row.erased:
        return ERASED
    return LIVE if row.merge is None else MERGED


def state_as_data(member_id: str, state: MemberState, policy: Policy) -> dict[str, Any]:
    """What is remembered of a live member, and what follows from it."""
    zone = policy.zone
    steps = steps_ahead(state, policy)
    # The member that all the ledgers together are: that is what the rules judge.
    whole = state.clone()
    if state.parts:
        lay_together(whole)
    return {
        "as_of": zoned(state.as_of, zone),
        "joined_at": zoned(state.joined_at, zone),
        "tier": _tier(state, policy),
        "stage": _stage(whole, policy),
        "segments": _segments(state),
        "numbers": {
            "frequency": state.frequency,
            "monetary": state.monetary,
            "window_days": policy.window_days,
            "for_tier": {
                "frequency": state.tier_frequency,
                "monetary": state.tier_monetary,
                "window_days": policy.tier_window_days if policy.tier_window == ROLLING else None,
            },
        },
        "orders": orders_in_words(whole, policy),
        "sealed": buckets_in_words(whole, policy),
        "merges": {
            "absorbed": list(state.absorbed),
            "can_be_taken_back": [
                {"member_id": part.absorbed, "until": zoned(part.until, zone)} for part in state.parts
            ],
        },
        "correctable": [
            {
                "sequence": told.sequence,
                "kind": told.kind,
                "at": zoned(told.at, zone),
                "from": _name_of(told.kind, told.before, policy),
                "to": _name_of(told.kind, told.after, policy),
            }
            for told in state.told
        ],
        "actions": _actions(member_id, state, policy),
        "next": as_data(steps, policy),
        "could": {"rise": to_rise(whole, policy, steps), "keep": to_keep(whole, policy, steps)},
    }


def _tier(state: MemberState, policy: Policy) -> dict[str, Any]:
    names, zone = policy.tier_names, policy.zone
    override = state.override
    return {
        "name": names[state.tier],
        "rank": state.tier,
        "since": zoned(state.tier_since, zone),
        "base": names[state.base],
        "floor": names[state.floor] if state.override_in_force else None,
        "provisional": state.provisional,
        "held_until": zoned_or_none(state.held_until, zone),
        "held_for_good": policy.holds is not None and state.base > 0 and state.held_until == 0,
        "grace_until": zoned_or_none(state.grace_until, zone),
        "expiry_told": state.notice_told,
        "earned_at": zoned_or_none(state.qualified_at, zone),
        "earned_by": _asked(state.asked),
        "stack": [_hold(hold, policy) for hold in state.stack],
        "override": None
        if override is None or not override.tier
        else {
            "tier": override.tier,
            "until": zoned(override.until, zone),
            "in_force": state.override_in_force,
            "event_id": override.event_id,
        },
    }


def _actions(member_id: str, state: MemberState, policy: Policy) -> dict[str, Any] | None:
    """Whether the member gets actions, and which offers count for a cap; None where the policy has no actions."""
    if not policy.actions:
        return None
    counted = [{"offer": each.offer, "day": date_text(each.day)} for each in state.given]
    return {"holdout": policy.holdout.has(member_id), "counted": counted}


def _hold(hold: Hold, policy: Policy) -> dict[str, Any]:
    return {
        "tier": policy.tier_names[hold.rank],
        "held_until": zoned_or_none(hold.held_until, policy.zone),
        "earned_at": zoned_or_none(hold.qualified_at, policy.zone),
        "earned_by": _asked(hold.asked),
        "provisional": hold.provisional,
    }


def _asked(asked: Asked | None) -> dict[str, Any] | None:
    if asked is None:
        return None
    match = None
    if asked.cut is None:
        match = "all" if asked.match_all else "any"
    return {"frequency": asked.frequency, "monetary": asked.monetary, "match": match, "cut": asked.cut}


def _stage(state: MemberState, policy: Policy) -> dict[str, Any]:
    zone = policy.zone
    bought = state.purchase_days > 0
    begins = [stage_begins(state, policy, stage) for stage in _BOUNDARIES] if bought else []
    return {
        "name": STAGES[state.stage],
        "since": zoned(state.stage_since, zone),
        "told": STAGES[state.told_stage],
        "last_purchase_at": zoned(state.last_at, zone) if bought else None,
        "last_purchase_day": date_text(state.last_day) if bought else None,
        "expected_gap_seconds": expected_gap(state, policy) if bought else None,
        "boundaries": [
            {
                "stage": STAGES[stage],
                "at": zoned(at, zone),
                "alert_at": zoned(at + policy.allowed_lateness_ms, zone),
                "reached": at <= state.as_of,
            }
            for stage, at in zip(_BOUNDARIES, begins, strict=False)
        ],
    }


def _segments(state: MemberState) -> dict[str, str | None] | None:
    places = (state.rf_segment, state.quadrant, state.kind_of_eight)
    if places[0] == NO_SEGMENT and places[1] == NO_SEGMENT and places[2] == NO_SEGMENT:
        return None
    return {
        group: None if place == NO_SEGMENT else names[place]
        for group, names, place in zip(GROUP_NAMES, GROUPS, places, strict=True)
    }


def _name_of(kind: str, place: int, policy: Policy) -> str:
    return policy.tier_names[place] if kind.startswith("tier.") else STAGES[place]
