"""Orders past their return window, in small stories worked out by hand from docs/rules.md, section 4.7."""

from typing import Any

import pytest

from tests.oracle.ledger import fingerprint
from tests.oracle.records import DAY_MS, POLICY
from tests.oracle.telling import Telling, ms


def policy(version: int = 1, return_days: int = 3, **ledger: Any) -> dict[str, Any]:
    windows = {"reported_days": 365, "return_days": return_days}
    return {**POLICY, "version": version, "windows": windows, "ledger": {"seal": True, **ledger}}


def sealing(**ledger: Any) -> Telling:
    """Sealed at the start of the third day after; gone after 373 days."""
    return Telling(policy(**ledger))


def refused(told: Telling) -> list[str]:
    return list(told.answer().dead_letters.values())


@pytest.mark.parametrize(("at", "is_sealed"), [("2026-01-03T23:59:59.999", False), ("2026-01-04T00:00", True)])
@pytest.mark.parametrize("news", ["cancel", "return", "revision", "repeat"])
def test_news_about_an_order_past_its_return_window_is_too_late(news: str, at: str, *, is_sealed: bool) -> None:
    told = sealing().paid("o1", 500, "2026-01-01").tick(at)
    if news == "cancel":
        told.cancelled("o1", at)
    elif news == "return":
        told.returned("o1", 500, at)
    else:
        told.paid("o1", 500, "2026-01-01", revision=2 if news == "revision" else 1, seen=at)
    assert refused(told) == (["too_late"] if is_sealed else [])
    assert told.member.frequency == (1 if is_sealed or news in ("revision", "repeat") else 0)


def test_without_sealing_news_is_never_too_late_within_the_horizon() -> None:
    told = Telling({**policy(), "ledger": {"seal": False}}).paid("o1", 500, "2026-01-01").cancelled("o1", "2026-03-01")
    assert (refused(told), told.member.frequency) == ([], 0)


def test_instant_of_the_member_decides_and_a_refused_event_does_not_move_it() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").cancelled("o1", "2026-01-04T00:00").cancelled("o1", "2026-01-03")
    # The first cancel is what makes it the 4th, and is refused for it; the second is of the 3rd again.
    assert (refused(told), told.member.frequency, told.member.as_of) == (["too_late"], 0, ms("2026-01-03"))


def test_repeat_before_the_seal_is_a_duplicate_that_moves_the_offset_only() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").paid("o1", 500, "2026-01-01", seen="2026-01-03")
    assert (refused(told), told.member.offset, told.member.as_of) == ([], 2, ms("2026-01-01"))


def test_other_events_of_the_member_are_taken() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").event("visit", "2026-01-09").paid("o2", 500, "2026-01-09")
    assert (refused(told), told.member.frequency, told.member.monetary) == ([], 2, 1_000)


def test_order_first_seen_after_its_return_window_counts_and_is_sealed_at_once() -> None:
    told = sealing().event("visit", "2026-01-09").paid("o1", 10_000, "2026-01-01", seen="2026-01-09")
    assert (told.member.tier, told.member.frequency, told.member.last_purchase_at) == ("C", 1, ms("2026-01-01"))
    told.cancelled("o1", "2026-01-09")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


def test_cancelled_order_never_comes_back_to_life() -> None:
    told = sealing().cancelled("o1", "2026-01-01").tick("2026-01-03T23:59:59.999")
    told.paid("o1", 500, "2026-01-01", seen="2026-01-04")
    assert (refused(told), told.member.frequency) == ([], 0)
    told = sealing().cancelled("o1", "2026-01-01").tick("2026-01-04T00:00").paid("o1", 500, "2026-01-04")
    assert (refused(told), told.member.frequency) == (["too_late"], 0)


def test_stub_is_sealed_by_the_day_of_its_own_event() -> None:
    told = (
        sealing()
        .paid("o1", 500, "2026-01-01")
        .event("visit", "2026-01-05")
        .returned("o2", 1, "2026-01-03", seen="2026-01-05")
    )
    told.paid("o2", 500, "2026-01-01", seen="2026-01-05")
    # Known as of the 3rd, the order is a stub until it is paid. Paid on the 1st, it is sealed at once, less the return.
    assert (refused(told), told.member.frequency, told.member.monetary) == ([], 2, 999)


def test_returned_part_is_sealed_with_the_order() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").returned("o1", 200, "2026-01-02").tick("2026-06-01")
    assert told.event("visit", "2026-06-01").member.monetary == 300


def test_oldest_order_is_sealed_when_there_are_too_many() -> None:
    told = sealing(max_orders=2).paid("o1", 1, "2026-01-01").paid("o2", 1, "2026-01-02").cancelled("o1", "2026-01-02")
    assert (refused(told), told.member.frequency) == ([], 1)
    told = sealing(max_orders=2).paid("o1", 1, "2026-01-01").paid("o2", 1, "2026-01-02").paid("o3", 1, "2026-01-02")
    told.cancelled("o1", "2026-01-02").cancelled("o2", "2026-01-02")
    assert (refused(told), told.member.frequency) == (["too_late"], 2)


def test_late_order_may_itself_be_the_oldest() -> None:
    told = sealing(max_orders=1).paid("o2", 1, "2026-01-02").paid("o1", 1, "2026-01-01", seen="2026-01-02")
    told.cancelled("o2", "2026-01-02").cancelled("o1", "2026-01-02")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


def test_stub_counts_towards_the_cap_and_is_as_old_as_its_event() -> None:
    told = sealing(max_orders=1).cancelled("o1", "2026-01-01").paid("o2", 1, "2026-01-02").paid("o1", 1, "2026-01-02")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


@pytest.mark.parametrize("names", [("o1", "o2"), ("o2", "o1")])
def test_of_orders_of_one_instant_the_one_with_the_smaller_fingerprint_is_sealed(names: tuple[str, str]) -> None:
    told = sealing(max_orders=1)
    for name in names:
        told.paid(name, 1, "2026-01-01")
    smaller = min(names, key=fingerprint)
    told.cancelled(smaller, "2026-01-01")
    assert refused(told) == ["too_late"]


def test_fingerprint_is_the_one_of_the_text() -> None:
    # b2sum --length 64, of the bytes "o1".
    assert f"{fingerprint('o1'):016x}" == "b4536ee010d86a97"


def forgetful() -> Telling:
    """Two hashes of three are known on the 9th: that of o1, of the 1st, was forgotten."""
    told = sealing(max_hashes=2)
    for order, day in (("o1", "2026-01-01"), ("o2", "2026-01-02"), ("o3", "2026-01-03")):
        told.paid(order, 100, day)
    return told.event("visit", "2026-01-09")


def test_forgotten_orders_go_on_counting_and_the_others_are_refused() -> None:
    told = forgetful().cancelled("o2", "2026-01-09")
    assert (refused(told), told.member.frequency, told.member.monetary) == (["too_late"], 3, 300)


def test_news_about_a_forgotten_order_is_a_stub() -> None:
    told = forgetful().cancelled("o1", "2026-01-09")
    assert (refused(told), told.member.frequency) == ([], 3)


@pytest.mark.parametrize(("day", "reason"), [("2026-01-01", ["too_late"]), ("2026-01-02", [])])
def test_no_unknown_order_can_be_paid_on_a_forgotten_day(day: str, reason: list[str]) -> None:
    told = forgetful().paid("o4", 100, day, seen="2026-01-09")
    assert (refused(told), told.member.frequency) == (reason, 3 if reason else 4)


def test_order_that_is_in_the_ledger_can_be_paid_on_a_forgotten_day() -> None:
    told = (
        forgetful().returned("o4", 1, "2026-01-08", seen="2026-01-09").paid("o4", 100, "2026-01-01", seen="2026-01-09")
    )
    assert (refused(told), told.member.frequency, told.member.monetary) == ([], 4, 399)


def test_forgotten_day_is_the_latest_day_of_a_forgotten_hash() -> None:
    # The late order's day is the earliest, so its own hash goes; the 1st was forgotten before, and remains so.
    told = forgetful().paid("o0", 100, "2026-01-02", seen="2026-01-09").paid("o4", 100, "2026-01-02", seen="2026-01-09")
    assert (refused(told), told.member.frequency) == (["too_late"], 4)


def test_policy_that_asks_for_more_does_not_touch_what_is_sealed() -> None:
    for now, counted in (("2026-01-03", 0), ("2026-01-04", 1)):
        told = sealing().paid("o1", 500, "2026-01-01").tick(now).event("visit", now)
        told.publish({**policy(2), "min_order_amount": 501}, now)
        assert told.member.frequency == counted


def test_longer_return_window_brings_nothing_back() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").event("visit", "2026-01-04")
    told.publish(policy(2, return_days=30), "2026-01-04").cancelled("o1", "2026-01-05")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


def test_shorter_return_window_seals_with_the_policy() -> None:
    told = Telling(policy(return_days=30)).paid("o1", 500, "2026-01-01").tick("2026-01-04")
    assert told.publish(policy(2), "2026-01-04").member.offset == 3
    told.publish(policy(3, return_days=30), "2026-01-04").cancelled("o1", "2026-01-05")
    assert refused(told) == ["too_late"]


def test_sealed_orders_stay_sealed_when_a_policy_seals_no_more() -> None:
    told = sealing().paid("o1", 500, "2026-01-01").event("visit", "2026-01-04")
    told.publish({**policy(2), "ledger": {"seal": False}}, "2026-01-04").paid("o2", 500, "2026-01-04")
    told.cancelled("o1", "2026-02-01").cancelled("o2", "2026-02-01")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


@pytest.mark.parametrize(("days", "is_gone"), [(372, False), (373, True)])
def test_sealed_order_leaves_by_the_horizon_and_its_id_is_new_again(days: int, *, is_gone: bool) -> None:
    told = (
        sealing()
        .paid("o1", 500, "2026-01-01")
        .event("visit", "2026-01-09")
        .event("visit", ms("2026-01-01") + days * DAY_MS)
    )
    assert (told.member.stage, told.member.last_purchase_at) == ("dormant", ms("2026-01-01"))
    told.paid("o1", 500, ms("2026-01-01") + days * DAY_MS)
    assert (refused(told), told.member.frequency) == ([], 1) if is_gone else (["too_late"], 0)


def test_order_is_sealed_on_the_day_of_purchase_without_a_return_window() -> None:
    told = Telling(policy(return_days=0)).paid("o1", 500, "2026-01-01").cancelled("o1", "2026-01-01T13:00:00.000")
    assert (refused(told), told.member.frequency) == (["too_late"], 1)


def test_order_of_arrival_does_not_matter_before_the_seal() -> None:
    events: list[Any] = [
        lambda told: told.paid("o1", 500, "2026-01-01", seen="2026-01-03"),
        lambda told: told.returned("o1", 200, "2026-01-02", seen="2026-01-03"),
        lambda told: told.paid("o1", 600, "2026-01-01", revision=2, seen="2026-01-03"),
    ]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        told = sealing()
        for place in order:
            events[place](told)
        told.event("visit", "2026-02-01")
        assert (told.member.frequency, told.member.monetary) == (1, 400)
