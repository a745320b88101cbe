"""What the oracle refuses, ignores and takes from a log, worked out by hand from docs/rules.md, sections 2 and 3."""

import pytest

from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms

A_UNTIL_MARCH = {"tier": "A", "until": "2026-03-01T00:00:00Z", "reason": "slip", "actor": "ada"}


@pytest.mark.parametrize(
    ("kind", "at", "seen", "fields", "reason"),
    [
        ("visit", "2026-01-01T00:10:00.000", "2026-01-01T00:00", {}, None),
        ("visit", "2026-01-01T00:10:00.001", "2026-01-01T00:00", {}, "quarantined"),
        ("visit", "2024-09-29T00:00", "2026-01-01T00:00", {}, None),
        ("visit", "2024-09-28T23:59:59.999", "2026-01-01T00:00", {}, "too_late"),
        ("order.paid", "2026-01-01", None, {"order_id": "o", "net_amount": 1, "currency": "EUR"}, "wrong_currency"),
        ("order.paid", "2020-01-01", "2026-01-01", {"order_id": "o", "net_amount": 1, "currency": "EUR"}, "too_late"),
        ("member.merged", "2026-01-01", None, {"into": "m"}, "merge_refused"),
        ("tier.overridden", "2027-01-01", "2026-01-01", A_UNTIL_MARCH, "quarantined"),
        ("tier.overridden", "2024-01-01", "2026-01-01", A_UNTIL_MARCH, "too_late"),
        ("tier.overridden", "2026-01-01", None, A_UNTIL_MARCH, None),
        ("tier.overridden", "2026-01-01", None, {**A_UNTIL_MARCH, "tier": "gold"}, "unknown_tier"),
        ("tier.overridden", "2024-01-01", "2026-01-01", {**A_UNTIL_MARCH, "tier": "gold"}, "too_late"),
        ("tier.override_withdrawn", "2026-01-01", None, {"reason": "slip", "actor": "ada"}, None),
    ],
)
def test_refused_event_is_a_dead_letter_and_makes_no_member(
    kind: str, at: str, seen: str | None, fields: dict[str, object], reason: str | None
) -> None:
    answer = Telling().event(kind, at, seen=seen, **fields).answer()
    assert answer.dead_letters == ({} if reason is None else {(0, 1): reason})
    assert bool(answer.members) is (reason is None)


def test_tick_that_does_not_rise_and_a_policy_said_again_are_ignored() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").tick("2026-02-01").tick("2026-01-31")
    told.put(told.log[0].key or b"", told.log[0].value or b"", 0).event("visit", "2026-01-02", seen="2026-02-01")
    assert told.member.as_of == ms("2026-02-01")
    assert told.answer().dead_letters == {}


def test_policy_of_other_content_takes_effect_and_one_of_another_zone_is_refused() -> None:
    told = Telling().paid("o1", 500, "2026-01-01")
    other = Telling({**POLICY, "version": 2, "min_order_amount": 600}).log[0]
    told.put(other.key or b"", other.value or b"", 0)
    elsewhere = Telling({**POLICY, "version": 3, "time_zone": "Asia/Tokyo"}).log[0]
    told.put(elsewhere.key or b"", elsewhere.value or b"", 0)
    assert told.answer().dead_letters == {(0, 3): "policy_refused"}
    assert told.member.frequency == 0


def test_log_time_never_falls() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").event("visit", "2026-01-01T12:10:00", seen="2025-12-01")
    assert told.answer().dead_letters == {}


def test_event_before_the_first_policy_ends_the_reading() -> None:
    told = Telling().paid("o1", 500, "2026-01-01")
    del told.log[0]
    with pytest.raises(ValueError, match=r"partition 0, offset 1: order\.paid before the first policy"):
        told.answer()
