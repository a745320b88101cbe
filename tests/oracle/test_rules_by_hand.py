"""The oracle's answers to small stories, each worked out by hand from docs/rules.md."""

from dataclasses import replace

import pytest

from tests.oracle.records import DAY_MS, POLICY
from tests.oracle.rules import ExpectedMember
from tests.oracle.telling import Telling, ms


def test_first_purchase_joins_upgrades_and_is_greeted_in_this_order() -> None:
    told = Telling().paid("o1", 10_000, "2026-01-01")
    assert [(o.sequence, o.kind, o.reason, o.before, o.after, o.frequency, o.monetary) for o in told.outcomes] == [
        (1, "tier.joined", "joined", "", "D", 1, 10_000),
        (2, "tier.upgraded", "purchase", "D", "C", 1, 10_000),
        (3, "lifecycle.first_purchase", "purchase", "prospect", "new", 1, 10_000),
    ]
    noon = ms("2026-01-01")
    assert told.member == ExpectedMember(1, 3, noon, "C", "new", 1, 10_000, noon, ms("2026-03-02T00:00"))


def test_identity_is_made_of_epoch_member_kind_cause_and_sequence() -> None:
    told = Telling().paid("o1", 10_000, "2026-01-01")
    # uuid5 of "2|m|tier.joined|e1|1" within uuid5(NAMESPACE_URL, "https://memberpulse.dev/outcomes")
    assert next(iter(told.answer(epoch=2).outcomes)) == "1a0ebaaf-18ba-5046-b8ff-a3fb2ed60501"


@pytest.mark.parametrize(
    ("boundary", "kind", "stage"),
    [
        ("2026-03-02", "lifecycle.near_churn", "near_churn"),
        ("2026-04-01", "lifecycle.lapsed_recently", "recently_lapsed"),
        ("2026-06-30", "lifecycle.lapsed_mid", "mid_lapsed"),
        ("2027-01-01", "lifecycle.dormant", "dormant"),
    ],
)
def test_quiet_member_is_told_of_at_the_start_of_the_boundary_day_and_not_before(
    boundary: str, kind: str, stage: str
) -> None:
    due = ms(f"{boundary}T00:00")
    before = Telling().paid("o1", 500, "2026-01-01").tick(due - 1)
    assert kind not in before.kinds
    after = before.tick(due)
    last = after.outcomes[-1]
    assert (last.kind, last.at, last.due_at, last.reason, last.catch_up) == (kind, due, due, "quiet", False)
    assert (after.member.stage, after.member.as_of, after.member.offset) == (stage, due, 3)


def test_one_late_tick_tells_every_boundary_at_its_own_instant_as_caught_up() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").tick("2026-06-30T01:00:00")
    days = ("2026-03-02T00:00", "2026-04-01T00:00", "2026-06-30T00:00")
    assert [(o.at, o.catch_up) for o in told.outcomes[2:]] == [
        (ms(days[0]), True),
        (ms(days[1]), True),
        (ms(days[2]), False),
    ]
    assert told.member.as_of == ms("2026-06-30T01:00:00")


@pytest.mark.parametrize(("late_ms", "caught_up"), [(3_600_000, False), (3_600_001, True)])
def test_quiet_alert_is_caught_up_when_due_more_than_an_hour_before_its_tick(late_ms: int, *, caught_up: bool) -> None:
    told = Telling().paid("o1", 500, "2026-01-01").tick(ms("2026-03-02T00:00") + late_ms)
    assert told.outcomes[-1].catch_up is caught_up


def test_imported_history_is_caught_up_whole() -> None:
    told = Telling().paid("o1", 500, "2026-01-01", headers=(("log_time", b"1767268800000"),))
    assert [o.catch_up for o in told.outcomes] == [True, True]
    told.tick("2026-03-02T00:00", ("log_time", b"1772409600000"))
    assert told.outcomes[-1].catch_up


def test_order_leaves_the_window_with_its_tier_before_the_alert_of_the_same_instant() -> None:
    told = Telling().paid("o1", 10_000, "2026-01-01").tick("2026-12-31T23:59:59.999").tick("2027-01-01T00:00")
    downgrade, dormant = told.outcomes[-2:]
    assert (downgrade.kind, downgrade.reason, downgrade.before, downgrade.after) == (
        "tier.downgraded",
        "window_exit",
        "C",
        "D",
    )
    assert (dormant.kind, dormant.frequency, dormant.monetary) == ("lifecycle.dormant", 0, 0)
    assert told.member.next_due_at is None
    assert told.member.last_purchase_at == ms("2026-01-01")


@pytest.mark.parametrize(
    ("quiet_until", "back"),
    [
        ("2026-03-02", "lifecycle.recovered"),
        ("2026-04-01", "lifecycle.reactivated"),
        ("2027-06-01", "lifecycle.reactivated"),
    ],
)
def test_lapsed_member_who_orders_again_is_welcomed_back(quiet_until: str, back: str) -> None:
    told = Telling().paid("o1", 500, "2026-01-01").tick(f"{quiet_until}T00:00").paid("o2", 500, quiet_until)
    assert (told.kinds[-1], told.outcomes[-1].after, told.member.stage) == (back, "active", "active")


def test_second_order_on_the_same_day_leaves_the_member_new_and_one_on_the_next_makes_active_silently() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").paid("o2", 500, "2026-01-01T23:59:59.999")
    assert told.member.stage == "new"
    assert told.paid("o3", 500, "2026-01-02T00:00").member.stage == "active"
    assert [kind for kind in told.kinds if kind.startswith("lifecycle")] == ["lifecycle.first_purchase"]


def test_boundary_passed_without_a_tick_is_told_by_the_next_event() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").event("visit", "2026-04-05")
    last = told.outcomes[-1]
    assert (last.kind, last.reason, last.at, last.due_at) == (
        "lifecycle.lapsed_recently",
        "other",
        ms("2026-04-05"),
        ms("2026-04-01T00:00"),
    )


def test_cancelled_latest_order_moves_recency_back_to_the_present_stage_alone() -> None:
    told = Telling().paid("o1", 500, "2026-01-01").paid("o2", 500, "2026-04-10").cancelled("o2", "2026-04-11")
    assert told.kinds[-1] == "lifecycle.lapsed_recently"
    assert (told.outcomes[-1].reason, told.outcomes[-1].due_at) == ("cancel", ms("2026-04-01T00:00"))


def test_member_whose_only_order_is_cancelled_is_a_prospect_without_a_word_and_may_be_greeted_again() -> None:
    told = Telling().paid("o1", 10_000, "2026-01-01").cancelled("o1", "2026-01-02")
    assert told.kinds[3:] == ["tier.downgraded"]
    assert (told.member.stage, told.member.last_purchase_at, told.member.next_due_at) == ("prospect", None, None)
    assert told.paid("o2", 1, "2026-01-03").kinds[4:] == ["lifecycle.first_purchase"]


@pytest.mark.parametrize(
    ("returns", "monetary", "frequency"),
    [
        ([("a", 400, 1)], 600, 1),
        ([("a", 400, 1), ("b", 300, 1)], 300, 1),
        ([("a", 400, 1), ("a", 300, 2)], 700, 1),
        ([("a", 400, 2), ("a", 300, 1)], 600, 1),
        ([("a", 400, 1), ("a", 500, 1)], 500, 1),
        ([("a", 999, 1)], 1, 1),
        ([("a", 600, 1), ("b", 600, 1)], 0, 0),
    ],
)
def test_returns_add_up_per_return_id_by_highest_revision(
    returns: list[tuple[str, int, int]], monetary: int, frequency: int
) -> None:
    told = Telling().paid("o1", 1000, "2026-01-01")
    for return_id, amount, revision in returns:
        told.returned("o1", amount, "2026-01-02", return_id=return_id, revision=revision)
    assert (told.member.monetary, told.member.frequency) == (monetary, frequency)


def test_return_before_its_order_waits_as_a_stub() -> None:
    told = Telling().returned("o1", 400, "2026-01-05")
    assert (told.kinds, told.member.stage, told.member.next_due_at) == (["tier.joined"], "prospect", None)
    told.paid("o1", 1000, "2026-01-01", seen="2026-01-05")
    assert (told.member.monetary, told.member.last_purchase_at) == (600, ms("2026-01-01"))
    assert told.outcomes[-1].reason == "purchase"


@pytest.mark.parametrize(
    ("cancelled_revision", "paid_revision", "kept"), [(1, 1, False), (1, 2, True), (2, 2, False), (3, 2, False)]
)
@pytest.mark.parametrize("cancel_first", [False, True])
def test_cancel_wins_at_an_equal_revision_in_whatever_order_they_come(
    *,
    cancelled_revision: int,
    paid_revision: int,
    kept: bool,
    cancel_first: bool,
) -> None:
    told = Telling()
    if cancel_first:
        told.cancelled("o1", "2026-01-02", revision=cancelled_revision)
    told.paid("o1", 1000, "2026-01-02", revision=paid_revision)
    if not cancel_first:
        told.cancelled("o1", "2026-01-02", revision=cancelled_revision)
    assert told.member.frequency == int(kept)


def test_revision_corrects_the_amount_and_never_moves_the_purchase() -> None:
    told = Telling().paid("o1", 1000, "2026-01-01").paid("o1", 10_000, "2026-01-20", revision=2)
    assert (told.member.monetary, told.member.last_purchase_at) == (10_000, ms("2026-01-01"))
    assert (told.kinds[-1], told.outcomes[-1].reason) == ("tier.upgraded", "revision")
    told.paid("o1", 7, "2025-12-30", revision=0, seen="2026-01-20")
    assert (told.member.monetary, told.member.last_purchase_at) == (10_000, ms("2025-12-30"))


@pytest.mark.parametrize(
    ("amounts", "tier"),
    [
        ([9_999], "D"),
        ([10_000], "C"),
        ([1, 1], "C"),
        ([1, 1, 1, 1], "C"),
        ([1, 1, 1, 1, 1], "B"),
        ([29_999], "C"),
        ([30_000], "B"),
        ([60_000], "B"),
        ([8_571] * 7, "B"),
        ([7_500] * 7 + [7_499], "B"),
        ([7_500] * 8, "A"),
    ],
)
def test_tier_is_the_highest_whose_thresholds_are_met_inclusively(amounts: list[int], tier: str) -> None:
    told = Telling()
    for number, amount in enumerate(amounts):
        told.paid(f"o{number}", amount, "2026-01-01")
    assert told.member.tier == tier


def test_lower_revision_of_the_same_instant_is_news_because_it_decides_what_may_move_the_purchase() -> None:
    told = Telling().paid("o1", 1000, "2026-01-01", revision=3).paid("o1", 700, "2026-01-01", revision=1)
    told.paid("o1", 1000, "2026-01-20", revision=2)
    assert (told.member.monetary, told.member.last_purchase_at) == (1000, ms("2026-01-01"))


def test_duplicate_moves_the_offset_and_nothing_else() -> None:
    once = Telling().paid("o1", 1000, "2026-01-01")
    twice = (
        Telling().paid("o1", 1000, "2026-01-01").tick("2026-02-20").paid("o1", 1000, "2026-01-01", seen="2026-02-20")
    )
    assert twice.member == replace(once.member, offset=3)


@pytest.mark.parametrize(("visits_between", "is_repeat"), [(15, True), (16, False)])
def test_visit_is_a_repeat_while_its_id_is_among_the_last_sixteen(visits_between: int, *, is_repeat: bool) -> None:
    told = Telling().event("visit", "2026-01-01", event_id="v")
    for _ in range(visits_between):
        told.event("visit", "2026-01-01")
    told.event("visit", "2026-01-09", event_id="v")
    assert told.member.as_of == ms("2026-01-01" if is_repeat else "2026-01-09")


def test_order_beyond_the_horizon_is_remembered_by_day_and_instant() -> None:
    told = Telling().paid("o1", 10_000, "2026-01-01").paid("o2", 500, ms("2026-01-01") + 460 * DAY_MS)
    assert (told.member.stage, told.member.frequency, told.member.monetary) == ("active", 1, 500)
    assert told.cancelled("o2", "2027-04-07").member.last_purchase_at == ms("2026-01-01")
    assert told.member.stage == "dormant"


@pytest.mark.parametrize(("days", "found"), [(459, True), (460, True), (461, False)])
def test_return_finds_its_order_until_an_evaluation_has_let_it_go(days: int, *, found: bool) -> None:
    told = Telling().paid("o1", 500, "2026-01-01")
    if days > 460:
        told.event("visit", ms("2026-01-01") + 460 * DAY_MS)
    told.returned("o1", 500, ms("2026-01-01") + days * DAY_MS)
    assert told.member.last_purchase_at == (None if found else ms("2026-01-01"))


def test_days_are_those_of_the_policys_time_zone_across_daylight_saving() -> None:
    # 2026-03-08 has 23 hours in New York; the order's local day is 2026-01-07, and 60 days later is 2026-03-08.
    told = Telling({**POLICY, "time_zone": "America/New_York"}).paid("o1", 500, "2026-01-08T04:59:59.999")
    assert told.member.next_due_at == ms("2026-03-08T05:00")
    told = Telling({**POLICY, "time_zone": "America/New_York"}).paid("o1", 500, "2026-01-08T05:00")
    assert told.member.next_due_at == ms("2026-03-09T04:00")
