"""A second policy for known members, in small stories worked out by hand from docs/rules.md, section 11."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import uuid5

import pytest

from tests.oracle.records import POLICY
from tests.oracle.rules import NAMESPACE
from tests.oracle.telling import Telling, ms
from tests.oracle.test_holds_by_hand import BY_COUNT, brief, holding, state, tiers_of, two_orders
from tests.oracle.test_overrides_by_hand import given

D, C, B, A = BY_COUNT
FALLS = {"no_one_falls_before_expiry": False}
VERSIONS = count(2)


def later(*levels: Mapping[str, Any], change: Mapping[str, Any] | None = None, **tiers: Any) -> dict[str, Any]:
    """The policy of ``holding`` with the next version, but for what is given."""
    (first,) = holding(*levels, **tiers).log
    document: dict[str, Any] = json.loads(first.value or b"")["policy"]
    return {**document, "version": next(VERSIONS), **({"change": change} if change else {})}


def at_once(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """Orders of ten days count, and tiers fall with them."""
    document = later(*levels)
    return {**document, "tiers": {"window_days": 10, "levels": document["tiers"]["levels"]}}


def test_policy_that_changes_nothing_for_a_member_moves_offset_and_instant_without_a_word() -> None:
    told = two_orders(holding()).tick("2026-01-05").publish(later(), "2026-01-06")
    assert (told.member.offset, told.member.as_of) == (4, ms("2026-01-05"))
    assert len(brief(told)) == 1


def test_who_no_longer_qualifies_keeps_the_tier_until_the_hold_ends() -> None:
    told = two_orders(holding()).tick("2026-01-05").publish(later(D, {"name": "C", "frequency": 3}), "2026-01-06")
    assert (brief(told)[1:], state(told).held_until, told.member.offset) == ([], ms("2026-01-22T00:00"), 4)
    assert brief(told.tick("2026-01-22T00:00"))[1:] == [("downgraded", "C", "D", "hold_end")]


def test_switch_lets_members_fall_when_the_policy_comes() -> None:
    document = later(D, {"name": "C", "frequency": 3}, change=FALLS)
    told = two_orders(holding()).tick("2026-01-05").publish(document, "2026-01-06")
    fall = tiers_of(told)[-1]
    assert (fall.kind, fall.before, fall.after, fall.reason) == ("tier.downgraded", "C", "D", "policy_changed")
    assert (fall.at, fall.recorded_at, fall.held_until) == (ms("2026-01-05"), ms("2026-01-06"), None)
    assert (told.member.offset, told.member.as_of) == (4, ms("2026-01-05"))


def test_fall_by_a_policy_starts_a_hold_of_the_tier_that_is_earned_and_empties_the_stack() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03")
    told.publish(later(D, C, {"name": "B", "frequency": 4}, change=FALLS), "2026-01-06")
    assert brief(told)[2:] == [("downgraded", "B", "C", "policy_changed")]
    assert state(told).held_until == ms("2026-01-23T00:00")
    # The hold of C that ended on the 22nd is gone from the stack; as of the 3rd there would be one order too few.
    assert brief(told.cancelled("o1", "2026-01-04").cancelled("o2", "2026-01-04"))[3:] == [
        ("downgraded", "C", "D", "cancel")
    ]


def test_outcome_is_named_after_the_content_of_the_policy() -> None:
    document = later(D, {"name": "C", "frequency": 3}, change=FALLS)
    told = two_orders(holding()).publish(document, "2026-01-06")
    content_hash = json.loads(told.log[-1].value or b"")["content_hash"]
    assert tiers_of(told)[-1].cause == f"policy:{content_hash}"
    identity = f"1|m|tier.downgraded|policy:{content_hash}|{tiers_of(told)[-1].sequence}"
    assert list(told.answer().outcomes)[-1] == str(uuid5(NAMESPACE, identity))


def test_who_qualifies_for_more_rises_and_the_hold_left_goes_onto_the_stack() -> None:
    told = two_orders(holding()).tick("2026-01-05").publish(later(D, C, {"name": "B", "monetary": 200}), "2026-01-06")
    assert brief(told)[1:] == [("upgraded", "C", "B", "policy_changed")]
    assert state(told).held_until == ms("2026-01-25T00:00")
    assert brief(told.returned("o2", 1, "2026-01-06"))[2:] == [("downgraded", "B", "C", "return")]
    assert state(told).held_until == ms("2026-01-22T00:00")


def test_tier_put_in_between_is_no_change_for_anybody_though_ranks_move() -> None:
    new = {"name": "new", "frequency": 1}
    told = two_orders(holding()).publish(later(D, new, C, B, A), "2026-01-06")
    assert (brief(told)[1:], told.member.tier, state(told).base, told.member.offset) == ([], "C", "C", 3)
    above = two_orders(holding()).publish(later(D, C, {"name": "new", "frequency": 3}, A), "2026-01-06")
    assert (brief(above)[1:], above.member.tier) == ([], "C")


def test_tier_whose_name_is_gone_becomes_the_one_of_its_place_and_keeps_the_hold() -> None:
    told = two_orders(holding()).publish(later(D, {"name": "K", "frequency": 3}, B, hold_days=5), "2026-01-06")
    assert (brief(told)[1:], told.member.tier, state(told).held_until) == ([], "K", ms("2026-01-22T00:00"))


def test_highest_tier_that_is_gone_becomes_the_highest_that_there_is() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03").paid("o4", 1, "2026-01-03")
    told.publish(later(D, C), "2026-01-06")
    assert (brief(told)[3:], told.member.tier, state(told).held_until) == ([], "C", ms("2026-01-23T00:00"))


def test_tiers_that_change_places_are_kept_by_name() -> None:
    told = two_orders(holding()).publish(later(D, {**B, "frequency": 2}, {**C, "frequency": 3}), "2026-01-06")
    assert (brief(told)[1:], told.member.tier) == ([], "C")
    assert brief(told.tick("2026-01-22T00:00"))[1:] == [("downgraded", "C", "B", "hold_end")]


def test_hold_on_the_stack_is_dropped_with_its_name() -> None:
    told = two_orders(holding()).paid("o3", 1, "2026-01-03")
    told.publish(later(D, {"name": "K", "frequency": 2}, B), "2026-01-04").cancelled("o3", "2026-01-05")
    # C would have stood until the 22nd; K is only what the two orders earn, from the 5th on.
    assert (brief(told)[2:], state(told).held_until) == ([("downgraded", "B", "K", "cancel")], ms("2026-01-25T00:00"))


def test_hold_begins_with_the_first_policy_that_has_holds() -> None:
    told = two_orders(Telling(at_once())).tick("2026-01-05").publish(later(), "2026-01-06")
    assert (brief(told)[1:], state(told).held_until) == ([], ms("2026-01-25T00:00"))
    told = (
        two_orders(Telling(at_once())).tick("2026-01-05").publish(later(D, {"name": "C", "frequency": 3}), "2026-01-06")
    )
    assert (brief(told)[1:], told.member.tier, state(told).held_until) == ([], "C", ms("2026-01-25T00:00"))
    # Nobody knows when the member qualified, so a cancelled order does not cost the tier.
    assert brief(told.cancelled("o1", "2026-01-06"))[1:] == []


def test_lowest_tier_that_gets_one_below_is_held_too() -> None:
    told = holding().event("visit", "2026-01-01")
    told.publish(later({"name": "Z"}, {"name": "D", "frequency": 1}, C), "2026-01-02")
    assert (brief(told), told.member.tier, state(told).held_until) == ([], "D", ms("2026-01-21T00:00"))
    assert brief(told.tick("2026-01-21T00:00")) == [("downgraded", "D", "Z", "hold_end")]


def test_holds_end_with_the_policy_that_had_them() -> None:
    told = two_orders(holding()).tick("2026-01-11T00:00").publish(at_once(), "2026-01-11")
    assert (brief(told)[1:], state(told).held_until) == ([("downgraded", "C", "D", "policy_changed")], None)
    told = two_orders(holding()).tick("2026-01-10").publish(at_once(), "2026-01-11")
    assert (brief(told)[1:], told.member.tier, state(told).held_until) == ([], "C", None)
    assert told.member.next_due_at == ms("2026-01-11T00:00")


def test_tier_that_is_never_lost_from_now_on_leaves_grace_and_one_that_can_be_lost_starts_a_hold() -> None:
    forever = {**C, "never_downgrade": True}
    told = two_orders(holding(grace_days=5)).tick("2026-01-23").publish(later(D, forever), "2026-01-23")
    assert (brief(told)[1:], state(told).held_until, state(told).grace_until) == ([], None, None)
    told.tick("2026-02-01T00:00").publish(later(D, C), "2026-02-01")
    assert (brief(told)[1:], state(told).held_until) == ([], ms("2026-02-21T00:00"))


def test_policy_prolongs_in_grace_who_qualifies_by_it() -> None:
    told = two_orders(holding(grace_days=5)).tick("2026-01-23").publish(later(window_days=30), "2026-01-23")
    assert brief(told)[1:] == [("prolonged", "C", "C", "policy_changed")]
    assert state(told).held_until == ms("2026-02-12T00:00")


def test_override_ends_with_its_tier_and_comes_back_with_it_without_a_word() -> None:
    told = given(holding(), "A", "2026-03-01T00:00", "2026-01-01").publish(later(D, C, B), "2026-01-02")
    # A was the fourth; before the evaluation it counts as the highest that is left.
    assert brief(told)[2:] == [
        ("override_ended", "B", "D", "override_ended"),
        ("downgraded", "B", "D", "policy_changed"),
    ]
    assert tiers_of(told)[2].said.detail == "tier_gone"
    told.publish(later(), "2026-01-03")
    assert brief(told)[4:] == [("upgraded", "D", "A", "policy_changed")]
    told.tick("2026-03-01T00:00")
    assert brief(told)[5:] == [
        ("override_ended", "A", "D", "override_ended"),
        ("downgraded", "A", "D", "override_ended"),
    ]


@pytest.mark.parametrize("changed", [{"currency": "EUR"}, {"time_zone": "Europe/Berlin"}])
def test_policy_of_another_currency_or_zone_is_refused(changed: Mapping[str, Any]) -> None:
    told = two_orders(holding()).publish({**later(D), **changed}, "2026-01-06")
    assert (told.answer().dead_letters, told.member.tier) == ({(0, 3): "policy_refused"}, "C")


def test_same_policy_again_is_ignored_and_an_earlier_one_comes_back_with_a_higher_version() -> None:
    fall = later(D, {"name": "C", "frequency": 3}, change=FALLS)
    told = two_orders(holding()).publish(fall, "2026-01-06").publish(fall, "2026-01-07")
    first = told.log[0]
    told.put(first.key or b"", first.value or b"", ms("2026-01-08"))
    assert brief(told)[1:] == [("downgraded", "C", "D", "policy_changed")]
    assert told.answer().dead_letters == {(0, 5): "policy_refused"}
    told.publish(later(), "2026-01-08")
    assert brief(told)[2:] == [("upgraded", "D", "C", "policy_changed")]


def test_every_record_is_judged_by_the_policy_before_it() -> None:
    told = given(holding(), "A", "2026-03-01T00:00", "2026-01-01").publish(later(D, C, B), "2026-01-02")
    given(told, "A", "2026-03-01T00:00", "2026-01-03")
    assert told.answer().dead_letters == {(0, 3): "unknown_tier"}


def test_ticks_before_a_policy_fire_by_the_old_one_and_ticks_after_it_by_the_new_one() -> None:
    alerts = {"near_churn_days": 5, "recently_lapsed_days": 10, "mid_lapsed_days": 20, "dormant_days": 30}
    told = (
        holding()
        .paid("o1", 100, "2026-01-01")
        .tick("2026-01-09")
        .publish({**later(), "lifecycle": alerts}, "2026-01-10")
    )
    told.tick("2026-01-11T00:00")
    assert [(o.kind, o.at, o.due_at, o.reason) for o in told.outcomes[2:]] == [
        ("lifecycle.near_churn", ms("2026-01-09"), ms("2026-01-06T00:00"), "policy_changed"),
        ("lifecycle.lapsed_recently", ms("2026-01-11T00:00"), ms("2026-01-11T00:00"), "quiet"),
    ]


def test_orders_that_are_too_small_from_now_on_do_not_count_until_they_are_large_enough_again() -> None:
    told = holding().paid("o1", 100, "2026-01-01").publish({**later(), "min_order_amount": 101}, "2026-01-02")
    assert (told.member.frequency, told.member.stage, len(told.kinds)) == (0, "prospect", 2)
    told.publish({**later(), "min_order_amount": 100}, "2026-01-03")
    assert [(o.kind, o.reason) for o in told.outcomes[2:]] == [("lifecycle.first_purchase", "policy_changed")]


def test_orders_beyond_a_shorter_horizon_leave_and_nothing_brings_them_back() -> None:
    alerts = {"near_churn_days": 5, "recently_lapsed_days": 10, "mid_lapsed_days": 20, "dormant_days": 40}
    # 40 + 3 + 5 days: on 18 February the order of 1 January leaves, on the 17th it stays.
    for day, counted in (("2026-02-17", 1), ("2026-02-18", 0)):
        told = Telling({**later(), "windows": {"reported_days": 300, "return_days": 3}}).paid("o1", 100, "2026-01-01")
        told.tick(day).publish({**later(), "lifecycle": alerts}, day).publish(
            {**later(), "windows": {"reported_days": 299, "return_days": 3}}, day
        )
        assert (told.member.frequency, told.member.last_purchase_at) == (counted, ms("2026-01-01"))


def test_grids_that_a_policy_begins_to_score_are_entered_from_none_and_dropped_without_a_word() -> None:
    scored = {**later(), "segments": {"high_monetary": 50, "told": ["new", "rare_high_spend"]}}
    told = holding().paid("o1", 100, "2026-01-01").publish(scored, "2026-01-02").publish(later(), "2026-01-03")
    assert [(o.kind, o.before, o.after, o.reason) for o in told.outcomes[2:]] == [
        ("segment.entered", "", "new", "policy_changed"),
        ("segment.entered", "", "rare_high_spend", "policy_changed"),
    ]
    assert state(told).segments == ("", "", "")


def test_imported_policy_marks_its_outcomes() -> None:
    document = later(D, {"name": "C", "frequency": 3}, change=FALLS)
    told = two_orders(holding()).publish(document, "2026-01-06", ("log_time", b"%d" % ms("2026-01-06")))
    assert tiers_of(told)[-1].catch_up is True


def test_policy_is_absorbed_before_the_event_after_it() -> None:
    told = two_orders(holding()).publish(later(D, {"name": "C", "frequency": 3}, change=FALLS), "2026-01-06")
    told.paid("o3", 1, "2026-01-06")
    assert brief(told)[1:] == [("downgraded", "C", "D", "policy_changed"), ("upgraded", "D", "C", "purchase")]


def test_unknown_member_is_not_made_by_a_policy() -> None:
    told = Telling(POLICY).publish(later(), "2026-01-06").paid("o1", 100, "2026-01-07")
    assert (told.kinds[0], told.member.offset) == ("tier.joined", 2)
