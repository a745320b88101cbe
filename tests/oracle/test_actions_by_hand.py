"""Offers that are remembered for their caps, worked out by hand from docs/rules.md, section 9.6."""

from typing import Any

from tests.oracle.records import POLICY
from tests.oracle.telling import Telling


def offering(**cap: Any) -> dict[str, Any]:
    """Tea for whoever of tier D or C is close to leaving."""
    tea = {"stage": "near_churn", "offer": "tea", "message_key": "t", **cap}
    return {**POLICY, "actions": [{"tier": tier, **tea} for tier in ("D", "C")]}


def reasons(told: Telling, member_id: str = "m") -> list[str]:
    """Why each near-churn alert has no action; empty where it has one."""
    alerts = [o for o in told.outcomes if o.kind == "lifecycle.near_churn" and o.member_id == member_id]
    return [o.said.advised.reason for o in alerts if o.said.advised is not None]


def test_a_policy_that_does_not_count_forgets_what_was_recommended() -> None:
    for between, then in (({"cap_days": 365}, "capped"), ({}, "")):
        told = Telling(offering(cap_days=365)).paid("o1", 1_000, "2026-01-10").tick("2026-03-11")
        told.publish({**offering(**between), "version": 2, "min_order_amount": 2}, "2026-04-01")
        told.publish({**offering(cap_days=365), "version": 3}, "2026-04-02")
        told.paid("o2", 1_000, "2026-04-03").tick("2026-06-02")
        assert reasons(told) == ["", then]


def test_a_policy_with_fewer_days_forgets_what_is_older_for_good() -> None:
    for days, then in ((22, "capped"), (21, "")):
        told = Telling(offering(cap_days=365)).paid("o1", 1_000, "2026-01-10").tick("2026-03-11").tick("2026-04-01")
        told.publish({**offering(cap_days=days), "version": 2, "min_order_amount": 2}, "2026-04-01")
        told.publish({**offering(cap_days=365), "version": 3}, "2026-04-02")
        told.paid("o2", 1_000, "2026-04-03").tick("2026-06-02")
        assert reasons(told) == ["", then]


def test_offers_stay_with_the_id_that_had_them_through_a_merge_and_back() -> None:
    told = Telling(offering(cap_days=365)).paid("o1", 1_000, "2026-01-10", member_id="s").tick("2026-03-11")
    told.paid("o2", 1_000, "2026-03-12", member_id="s")
    told.event("member.merged", "2026-03-13", member_id="s", into="t").deliver()
    told.event("member.unmerged", "2026-03-20", member_id="s", into="t").deliver()
    told.tick("2026-05-20")
    assert reasons(told, "s") == ["", "capped"]
    assert told.answer().further["t"].offers == ()


def test_the_other_of_two_ids_is_offered_what_one_of_them_had() -> None:
    told = Telling(offering(cap_days=365)).paid("o1", 1_000, "2026-01-10", member_id="s").tick("2026-03-11")
    told.paid("o2", 1_000, "2026-03-12", member_id="s")
    told.event("member.merged", "2026-03-13", member_id="s", into="t").deliver().tick("2026-05-20")
    assert (reasons(told, "s"), reasons(told, "t")) == ([""], [""])
