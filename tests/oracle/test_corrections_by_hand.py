"""What late orders show to have been wrong, in small stories worked out by hand from docs/rules.md, section 12."""

import json
from typing import Any

import pytest

from tests.oracle.answer import ExpectedOutcome
from tests.oracle.records import POLICY
from tests.oracle.telling import Telling, ms
from tests.oracle.test_holds_by_hand import BY_COUNT, brief, holding, state, tiers_of, two_orders

D, C, B, A = BY_COUNT
ALERTS = {"near_churn_days": 10, "recently_lapsed_days": 15, "mid_lapsed_days": 20, "dormant_days": 40}


def correcting(told: Telling, **more: Any) -> Telling:
    """The same policy, which corrects."""
    (first,) = told.log
    return Telling({**json.loads(first.value or b"")["policy"], "corrections": {"enabled": True}, **more})


def quiet(*, enabled: bool = True) -> Telling:
    """Bought on 1 January; near churn since the start of the 11th, which the tick of the 12th told."""
    told = Telling({**POLICY, "lifecycle": ALERTS, "corrections": {"enabled": enabled}})
    return told.paid("o1", 100, "2026-01-01").tick("2026-01-12")


def alerts(told: Telling) -> list[ExpectedOutcome]:
    return [o for o in told.outcomes if o.kind.startswith("lifecycle.")][1:]


def in_short(told: Telling) -> list[tuple[str, str, str]]:
    return [(o.kind.removeprefix("lifecycle."), o.before, o.after) for o in alerts(told)]


NEAR_CHURN = ("near_churn", "new", "near_churn")


def test_order_from_before_an_alert_corrects_it_and_the_recovery_is_left_out() -> None:
    told = quiet().paid("o2", 100, "2026-01-05", seen="2026-01-12")
    assert in_short(told) == [NEAR_CHURN, ("corrected", "near_churn", "active")]
    wrong, right = alerts(told)
    assert (right.reason, right.at, right.due_at, right.said.now) == ("late_event", ms("2026-01-12"), None, "active")
    assert right.said.superseded == ("lifecycle.near_churn", ms("2026-01-11T00:00"), wrong.sequence)
    assert told.answer().outcomes[right.said.supersedes] == wrong
    assert told.member.stage == state(told).told_stage == "active"


@pytest.mark.parametrize(("at", "is_late"), [("2026-01-11T00:00", True), ("2026-01-11T00:00:00.001", False)])
def test_only_an_order_from_up_to_the_instant_of_the_alert_corrects_it(at: str, *, is_late: bool) -> None:
    told = quiet().paid("o2", 100, at, seen="2026-01-12")
    assert in_short(told)[1:] == [("corrected" if is_late else "recovered", "near_churn", "active")]


@pytest.mark.parametrize(("at", "is_wrong"), [("2026-01-01T23:59:59.999", False), ("2026-01-02T00:00", True)])
def test_alert_that_would_have_been_told_all_the_same_stands(at: str, *, is_wrong: bool) -> None:
    told = quiet().paid("o2", 100, at, seen="2026-01-12")
    # Of the 2nd the member would have been near churn since the 12th, and is.
    assert in_short(told)[1:] == ([("corrected", "near_churn", "active")] if is_wrong else [])
    assert told.member.stage == "near_churn"


def test_alerts_are_corrected_oldest_first_and_told_for_their_own_instants() -> None:
    told = quiet().tick("2026-01-21").paid("o2", 100, "2026-01-06", seen="2026-01-21")
    assert in_short(told) == [
        NEAR_CHURN,
        ("lapsed_recently", "near_churn", "recently_lapsed"),
        ("lapsed_mid", "recently_lapsed", "mid_lapsed"),
        ("corrected", "near_churn", "active"),
        ("corrected", "recently_lapsed", "near_churn"),
        ("corrected", "mid_lapsed", "recently_lapsed"),
    ]
    # As of the 16th it is near churn of the 6th itself, and as of the 21st fifteen days have passed.
    assert [o.said.now for o in alerts(told)[3:]] == ["recently_lapsed"] * 3


def test_correction_takes_an_alert_out_of_the_memory() -> None:
    told = quiet().paid("o2", 100, "2026-01-02", seen="2026-01-12").paid("o3", 100, "2026-01-03", seen="2026-01-12")
    # The second order moves the boundary to the 13th; nothing is left to correct, so that this is a recovery.
    assert in_short(told)[1:] == [("corrected", "near_churn", "active"), ("recovered", "near_churn", "active")]


def test_latest_alert_decides_whether_a_return_is_told() -> None:
    told = quiet().tick("2026-01-16T00:00").paid("o2", 100, "2026-01-11T00:00", seen="2026-01-16")
    assert in_short(told)[2:] == [("corrected", "near_churn", "active"), ("corrected", "recently_lapsed", "active")]
    told = quiet().tick("2026-01-16T00:00").paid("o2", 100, "2026-01-11T12:00:00", seen="2026-01-16")
    assert in_short(told)[2:] == [("corrected", "recently_lapsed", "active")]
    # As of the 20th the second order would not have helped.
    told = quiet().paid("o2", 100, "2026-01-12T13:00:00.000").tick("2026-01-22T00:00")
    told.paid("o3", 100, "2026-01-10", seen="2026-01-22").paid("o4", 100, "2026-01-22T01:00:00.000")
    assert in_short(told)[1:] == [
        ("recovered", "near_churn", "active"),
        ("near_churn", "active", "near_churn"),
        ("corrected", "near_churn", "active"),
        ("recovered", "near_churn", "active"),
    ]


@pytest.mark.parametrize("what", ["cancel", "return", "revision", "nothing kept", "switched off", "told by an event"])
def test_other_news_correct_nothing(what: str) -> None:
    told = quiet(enabled=what != "switched off")
    if what == "revision":
        told.paid("o1", 200, "2026-01-01", revision=2, seen="2026-01-12")
    elif what == "nothing kept":
        told.paid("o2", 0, "2026-01-05", seen="2026-01-12")
    elif what == "cancel":
        told.cancelled("o2", "2026-01-05", seen="2026-01-12")
    elif what == "return":
        told.returned("o2", 1, "2026-01-05", seen="2026-01-12")
    elif what == "told by an event":
        told = Telling({**POLICY, "lifecycle": ALERTS, "corrections": {"enabled": True}})
        told.paid("o1", 100, "2026-01-01").event("visit", "2026-01-12").paid("o2", 100, "2026-01-05", seen="2026-01-12")
    else:
        told.paid("o2", 100, "2026-01-05", seen="2026-01-12")
    assert "lifecycle.corrected" not in told.kinds


def test_new_policy_forgets_what_was_told() -> None:
    told = quiet()
    new = {**POLICY, "version": 2, "lifecycle": ALERTS, "corrections": {"enabled": True}}
    told.publish(new, "2026-01-12").paid("o2", 100, "2026-01-05", seen="2026-01-12")
    assert in_short(told)[1:] == [("recovered", "near_churn", "active")]


def test_no_more_than_eight_outcomes_are_remembered() -> None:
    # Every eleventh day near churn is told, at the start of the day of the next order. The first of nine is forgotten.
    for alerts_told, corrected in ((8, 1), (9, 0)):
        told = Telling({**POLICY, "lifecycle": ALERTS, "corrections": {"enabled": True}})
        start = ms("2026-01-01")
        for place in range(alerts_told):
            told.paid(f"o{place}", 100, start + place * 11 * 86_400_000)
            told.tick(start + (place + 1) * 11 * 86_400_000 - 1)
        told.paid("late", 100, "2026-01-10", seen=told.log[-1].timestamp)
        assert told.kinds.count("lifecycle.corrected") == corrected


def at_once() -> Telling:
    """C by two orders within ten days; lost at the start of the 11th, when the first of two leaves."""
    tiers = {"window_days": 10, "levels": list(BY_COUNT)}
    return two_orders(correcting(Telling({**POLICY, "tiers": tiers})))


def test_fall_at_once_is_corrected_and_what_is_earned_now_decides() -> None:
    told = at_once().tick("2026-01-11T00:00").paid("o3", 100, "2026-01-10", seen="2026-01-11")
    assert brief(told)[1:] == [
        ("downgraded", "C", "D", "window_exit"),
        ("corrected", "D", "C", "late_event"),
        ("upgraded", "D", "C", "purchase"),
    ]
    fall, corrected = tiers_of(told)[1:3]
    assert told.answer().outcomes[corrected.said.supersedes] == fall
    assert corrected.said.now == "C"


def test_fall_at_once_is_corrected_also_when_the_tier_is_lost_by_now() -> None:
    told = at_once().tick("2026-01-12T00:00").paid("o3", 100, "2026-01-10", seen="2026-01-12")
    # As of the 11th there were the orders of the 2nd and the 10th; on the 12th the one of the 10th is alone.
    assert brief(told)[2:] == [("corrected", "D", "C", "late_event")]
    assert tiers_of(told)[-1].said.now == "D"


def fallen() -> Telling:
    """C until the start of the 22nd, and then D."""
    return two_orders(correcting(holding())).tick("2026-01-22T00:00")


def late_orders(now: str) -> Telling:
    """Two orders of the 20th come only now."""
    return fallen().tick(now).paid("o3", 100, "2026-01-20", seen=now).paid("o4", 100, "2026-01-20", seen=now)


def test_fall_at_a_hold_end_is_undone_and_the_hold_begins_where_the_tier_was_lost() -> None:
    told = fallen().tick("2026-01-25").paid("o3", 100, "2026-01-20", seen="2026-01-25")
    assert brief(told)[2:] == []
    told.paid("o4", 100, "2026-01-13", seen="2026-01-25")
    assert brief(told)[2:] == [("corrected", "D", "C", "late_event"), ("upgraded", "D", "C", "late_event")]
    assert (state(told).held_until, tiers_of(told)[2].held_until) == (ms("2026-02-11T00:00"), ms("2026-02-11T00:00"))


@pytest.mark.parametrize(("now", "is_undone"), [("2026-02-10T23:59:59.999", True), ("2026-02-11T00:00", False)])
def test_fall_is_corrected_but_not_undone_when_the_hold_would_be_over_too(now: str, *, is_undone: bool) -> None:
    told = late_orders(now)
    upgraded = [("upgraded", "D", "C", "late_event")] if is_undone else []
    assert brief(told)[2:] == [("corrected", "D", "C", "late_event"), *upgraded]
    assert tiers_of(told)[2].said.now == ("C" if is_undone else "D")


def test_tier_given_back_rests_on_its_instant() -> None:
    told = fallen().tick("2026-01-25").paid("o3", 100, "2026-01-20", seen="2026-01-25")
    told.paid("o4", 100, "2026-01-13", seen="2026-01-25").cancelled("o4", "2026-01-26")
    assert brief(told)[4:] == [("downgraded", "C", "D", "cancel")]


def test_undone_fall_and_a_rise_by_the_same_order_are_one_upgrade() -> None:
    told = fallen().tick("2026-01-25")
    for order in ("o3", "o4", "o5"):
        told.paid(order, 100, "2026-01-20", seen="2026-01-25")
    assert brief(told)[2:] == [
        ("corrected", "D", "C", "late_event"),
        ("upgraded", "D", "C", "late_event"),
        ("upgraded", "C", "B", "purchase"),
    ]


def test_truth_is_no_higher_than_the_tier_that_was_lost() -> None:
    told = two_orders(correcting(holding(D, {"name": "C", "frequency": 2}, {"name": "B", "monetary": 900})))
    told.tick("2026-01-25").paid("o3", 1_000, "2026-01-20", seen="2026-01-25")
    # Alone it is worth a B; who fell from C would have stayed C then. One order is no C, but B stands above it.
    assert brief(told)[1:] == [
        ("downgraded", "C", "D", "hold_end"),
        ("corrected", "D", "C", "late_event"),
        ("upgraded", "D", "B", "late_event"),
    ]


def test_fall_told_by_an_event_or_below_an_override_is_not_remembered() -> None:
    told = two_orders(correcting(holding())).event("visit", "2026-01-25")
    told.paid("o3", 100, "2026-01-20", seen="2026-01-25").paid("o4", 100, "2026-01-20", seen="2026-01-25")
    assert brief(told)[1:] == [("downgraded", "C", "D", "hold_end"), ("upgraded", "D", "C", "purchase")]


@pytest.mark.parametrize(("amount", "truths"), [(300, ["B", "B"]), (299, ["C"]), (99, [])])
def test_every_later_fall_within_the_hold_was_wrong_too(amount: int, truths: list[str]) -> None:
    # A year's tier, earned in 2025: B until 2027, C until 2028, then nothing; grace is until 31 January.
    levels = (D, {"name": "C", "monetary": 100}, {"name": "B", "monetary": 300})
    windows = {"reported_days": 30, "return_days": 90}
    told = correcting(holding(*levels, window="calendar_year", grace_days=30), windows=windows)
    told.paid("o1", 300, "2025-11-03").tick("2028-02-01")
    falls = tiers_of(told)[1:]
    assert [(o.before, o.after, o.at) for o in falls] == [
        ("B", "C", ms("2027-01-31T00:00")),
        ("C", "D", ms("2028-01-31T00:00")),
    ]
    told.paid("o2", amount, "2027-01-10", seen="2028-02-01")
    # 300 keep B until 2029 as of the first fall: the second from C, which by itself could have led no higher than C,
    # was none from B. 299 keep C as of the second.
    corrected = [o for o in tiers_of(told)[3:] if o.kind == "tier.corrected"]
    assert [o.after for o in corrected] == truths
    assert [o.said.superseded for o in corrected] == [
        (o.kind, o.at, o.sequence) for o in falls[len(falls) - len(truths) :]
    ]
    if truths:
        upgrade = tiers_of(told)[-1]
        assert (upgrade.after, upgrade.reason, upgrade.held_until) == (truths[-1], "late_event", ms("2029-01-01T00:00"))
