"""Own rhythm, quiet days, held back alerts and segments, worked out by hand from docs/rules.md, sections 7 to 10."""

from typing import Any

import pytest

from tests.oracle.records import DAY_MS, HOUR_MS, POLICY
from tests.oracle.telling import Telling, ms

MINUTE_MS = 60_000


def living(zone: str = "UTC", **lifecycle: Any) -> Telling:
    return Telling({**POLICY, "time_zone": zone, "lifecycle": {**POLICY["lifecycle"], **lifecycle}})


def rhythmic(zone: str = "UTC", quiet_days: Any = (), **rhythm: Any) -> Telling:
    lifecycle = {"mode": "rhythm", "quiet_days": list(quiet_days), "rhythm": rhythm}
    return Telling({**POLICY, "time_zone": zone, "lifecycle": lifecycle})


def alerts(told: Telling) -> list[tuple[str, int, int | None]]:
    quiet = [o for o in told.outcomes if o.kind.startswith("lifecycle.") and o.kind != "lifecycle.first_purchase"]
    return [(o.kind.removeprefix("lifecycle."), o.at, o.due_at) for o in quiet]


def after(start: str, days: int, seconds: int) -> int:
    return ms(f"{start}T00:00") + days * DAY_MS + seconds * 1000


def test_boundaries_follow_the_median_gap_of_the_member() -> None:
    told = rhythmic()
    for number, day in enumerate(("2026-01-01", "2026-01-11", "2026-01-31", "2026-03-02")):
        told.paid(f"o{number}", 1, day)
    boundaries = [after("2026-03-02", *when) for when in ((31, 43_200), (39, 32_400), (78, 64_800), (157, 43_200))]
    assert told.member.next_due_at == boundaries[0]
    kinds = ("near_churn", "lapsed_recently", "lapsed_mid", "dormant")
    assert alerts(told.tick("2027-01-01")) == [(kind, at, at) for kind, at in zip(kinds, boundaries, strict=True)]


def test_two_gaps_have_their_mean_as_the_median_and_seconds_are_cut_off() -> None:
    told = rhythmic().paid("o1", 1, "2026-01-01").paid("o2", 1, "2026-01-11").paid("o3", 1, "2026-02-01")
    assert told.member.next_due_at == after("2026-02-01", 31, 2_468)


def test_without_a_gap_the_shops_typical_gap_counts() -> None:
    # 120 % of 30 days.
    assert rhythmic().paid("o1", 1, "2026-01-01").member.next_due_at == after("2026-01-01", 36, 0)


@pytest.mark.parametrize(
    ("rhythm", "boundary"),
    [
        ({"weight": 1, "typical_gap_days": 1, "floor_days": 20}, (24, 0)),
        ({"weight": 1, "typical_gap_days": 100, "ceiling_days": 20, "floor_days": 1}, (24, 0)),
        ({"weight": 1, "typical_gap_days": 3, "floor_days": 1, "near_churn_percent": 100}, (3, 0)),
    ],
)
def test_pace_has_a_floor_and_a_ceiling(rhythm: dict[str, Any], boundary: tuple[int, int]) -> None:
    assert rhythmic(**rhythm).paid("o1", 1, "2026-01-01").member.next_due_at == after("2026-01-01", *boundary)


def test_only_the_latest_twelve_purchase_days_have_gaps_and_two_orders_of_a_day_have_none() -> None:
    # The gap of 100 days is the twelfth from the end. The other eleven: (1 x 40 + 11 x 10) / 12 is 12.5 days.
    told = rhythmic(weight=1, typical_gap_days=40, floor_days=1, near_churn_percent=100)
    told.paid("far", 1, ms("2026-05-01") - 100 * DAY_MS)
    for number in range(12):
        told.paid(f"o{number}", 1, ms("2026-05-01") + number * 10 * DAY_MS)
    told.paid("same day", 1, ms("2026-05-01") + 110 * DAY_MS)
    assert told.member.next_due_at == after("2026-05-01", 110 + 12, 43_200)


def test_rhythm_has_no_part_in_the_horizon() -> None:
    told = rhythmic(ceiling_days=365).event("visit", "2024-09-29", seen="2026-01-01")
    told.event("visit", "2024-09-28", seen="2026-01-01")
    assert told.answer().dead_letters == {(0, 2): "too_late"}


def test_purchase_days_beyond_the_horizon_are_still_remembered_as_gaps() -> None:
    # 460 days back and farther has left: reported window and tiers 365, returns 90, slack 5.
    told = rhythmic(weight=1, typical_gap_days=10, floor_days=1, ceiling_days=365, near_churn_percent=100)
    told.paid("o1", 1, "2024-01-01").paid("o2", 1, "2024-01-11").paid("o3", 1, ms("2024-01-11") + 600 * DAY_MS)
    # Gaps 10 and 600, h = 610: (1 x 10 x 86,400 + 2 x 610 x 43,200) / 3 s is 206 days 57,600 s.
    assert told.member.next_due_at == after("2024-01-11", 600 + 206, 57_600)


def test_seconds_into_a_day_of_23_hours_run_only_to_its_end() -> None:
    # Berlin, 2026-03-29 has 23 hours. 100 % of 1 day + w: gap 1.99 days is 1 day and 85,536 s after the start of L.
    rhythm: dict[str, Any] = {
        "weight": 1,
        "typical_gap_days": 1,
        "floor_days": 1,
        "near_churn_percent": 199,
        "recently_lapsed_percent": 300,
    }
    told = rhythmic("Europe/Berlin", **rhythm).paid("o1", 1, "2026-03-28")
    assert told.member.next_due_at == ms("2026-03-29T22:00")
    told = rhythmic("Europe/Berlin", **rhythm).paid("o1", 1, "2026-03-26")
    assert told.member.next_due_at == ms("2026-03-26T23:00") + 85_536_000


@pytest.mark.parametrize(
    ("quiet", "boundary"),
    [
        (["2026-01-02"], "2026-03-03"),
        (["2026-01-01"], "2026-03-02"),
        (["2026-03-02"], "2026-03-03"),
        (["2026-03-03"], "2026-03-02"),
        (["2026-02-20/2026-03-01", "2026-03-02"], "2026-03-13"),
    ],
)
def test_quiet_days_move_a_boundary_that_lies_behind_or_on_them(quiet: list[str], boundary: str) -> None:
    told = living(quiet_days=quiet).paid("o1", 1, "2026-01-01")
    assert told.member.next_due_at == ms(f"{boundary}T00:00")


def test_quiet_days_shorten_gaps_and_move_the_boundary() -> None:
    # Open days between the orders: 10 - 4 = 6. g = (1 x 10 + 1 x 6) / 2 = 8 days; the 8th open day after L, one quiet.
    told = rhythmic(
        quiet_days=("2026-01-03/2026-01-06", "2026-01-15"),
        weight=1,
        typical_gap_days=10,
        floor_days=1,
        near_churn_percent=100,
    )
    told.paid("o1", 1, "2026-01-01").paid("o2", 1, "2026-01-11")
    assert told.member.next_due_at == ms("2026-01-20T00:00")


def test_alert_is_held_back_and_dated_when_it_was_due() -> None:
    told = living(allowed_lateness_hours=6).paid("o1", 1, "2026-01-01").tick("2026-03-02T05:59:59.999")
    assert (alerts(told), told.member.stage, told.answer().further["m"].told_stage) == ([], "near_churn", "new")
    assert told.member.next_due_at == ms("2026-03-02T06:00")
    told.tick("2026-03-02T06:00")
    assert alerts(told) == [("near_churn", ms("2026-03-02T06:00"), ms("2026-03-02T00:00"))]
    assert [o.catch_up for o in told.outcomes][-1] is False


def test_held_back_alert_is_caught_up_by_its_own_instant() -> None:
    late = ms("2026-03-02T06:00") + HOUR_MS
    told = living(allowed_lateness_hours=6).paid("o1", 1, "2026-01-01").tick(late)
    assert told.outcomes[-1].catch_up is False
    told = living(allowed_lateness_hours=6).paid("o1", 1, "2026-01-01").tick(late + 1)
    assert told.outcomes[-1].catch_up is True


def test_purchase_that_arrives_in_between_leaves_nothing_to_tell() -> None:
    told = living(allowed_lateness_hours=6).paid("o1", 1, "2026-01-01").tick("2026-03-02T01:00:00")
    told.paid("o2", 1, "2026-03-01", seen="2026-03-02T02:00:00").tick("2026-03-02T07:00:00")
    assert (alerts(told), told.member.stage) == ([], "active")


def segmented(*names: str, **numbers: Any) -> Telling:
    return Telling({**POLICY, "segments": {"high_monetary": 1_000, "told": list(names), **numbers}})


def segments(told: Telling) -> list[tuple[str, str, str, str, str]]:
    found = [o for o in told.outcomes if o.kind.startswith("segment.")]
    return [(o.kind.removeprefix("segment."), o.before, o.after, o.reason, _day(o.at)) for o in found]


def _day(at: int) -> str:
    return next(f"{m:02}-{d:02}" for m in range(1, 13) for d in range(1, 32) if at // DAY_MS == _number(m, d))


def _number(month: int, day: int) -> int:
    try:
        return ms(f"2026-{month:02}-{day:02}") // DAY_MS
    except ValueError:
        return -1


def names(told: Telling) -> tuple[str, str, str]:
    return told.answer().further["m"].segments


def test_prospect_has_a_name_in_the_grid_alone_and_leaves_it_with_the_first_order() -> None:
    told = segmented("prospect", "new", "rare_low_spend").event("visit", "2026-01-01")
    assert (names(told), segments(told)) == (("prospect", "", ""), [("entered", "", "prospect", "other", "01-01")])
    told.paid("o1", 1, "2026-01-02")
    assert segments(told)[1:] == [
        ("left", "prospect", "new", "purchase", "01-02"),
        ("entered", "prospect", "new", "purchase", "01-02"),
        ("entered", "", "rare_low_spend", "purchase", "01-02"),
    ]
    told.cancelled("o1", "2026-01-03")
    assert segments(told)[4:] == [
        ("left", "new", "prospect", "cancel", "01-03"),
        ("entered", "new", "prospect", "cancel", "01-03"),
        ("left", "rare_low_spend", "", "cancel", "01-03"),
    ]


@pytest.mark.parametrize(
    ("day", "grid", "kind"),
    [
        ("2026-01-31", "new", "general_development"),
        ("2026-02-01", "promising", "general_development"),
        ("2026-03-02", "promising", "general_development"),
        ("2026-03-03", "about_to_sleep", "general_development"),
        ("2026-03-31", "about_to_sleep", "general_development"),
        ("2026-04-01", "about_to_sleep", "general_win_back"),
        ("2026-04-02", "hibernating", "general_win_back"),
    ],
)
def test_recency_falls_the_day_after_a_cut_and_in_the_types_on_its_day(day: str, grid: str, kind: str) -> None:
    told = segmented().paid("o1", 1, "2026-01-01").tick(f"{day}T00:00")
    assert names(told) == (grid, "rare_low_spend", kind)


def test_timer_tells_segments_as_quiet_when_only_recency_moved_and_else_as_window_exit() -> None:
    told = segmented("promising", "general_win_back", "frequent_low_spend").paid("o1", 1, "2026-01-01")
    told.tick("2026-04-01T00:00")
    assert segments(told) == [
        ("entered", "new", "promising", "quiet", "02-01"),
        ("left", "promising", "about_to_sleep", "quiet", "03-03"),
        ("entered", "general_development", "general_win_back", "quiet", "04-01"),
    ]
    told = segmented("frequent_low_spend").paid("o1", 1, ms("2026-02-01") - 364 * DAY_MS).paid("o2", 1, "2026-01-31")
    told.tick("2026-02-02T00:00")
    assert segments(told) == [
        ("entered", "rare_low_spend", "frequent_low_spend", "purchase", "01-31"),
        ("left", "frequent_low_spend", "rare_low_spend", "window_exit", "02-02"),
    ]


@pytest.mark.parametrize(
    ("amounts", "quadrant", "kind"),
    [
        ([1_000], "rare_low_spend", "general_development"),
        ([1_001], "rare_high_spend", "important_development"),
        ([500, 500], "frequent_low_spend", "general_value"),
        ([500, 501], "frequent_high_spend", "important_value"),
    ],
)
def test_high_is_strictly_above_the_number(amounts: list[int], quadrant: str, kind: str) -> None:
    told = segmented()
    for number, amount in enumerate(amounts):
        told.paid(f"o{number}", amount, "2026-01-01")
    assert names(told)[1:] == (quadrant, kind)


@pytest.mark.parametrize(("orders", "grid"), [(1, "new"), (2, "potential_loyalist"), (5, "champion"), (8, "champion")])
def test_frequency_scores_from_its_cuts_on(orders: int, grid: str) -> None:
    told = segmented()
    for number in range(orders):
        told.paid(f"o{number}", 1, "2026-01-01")
    assert names(told)[0] == grid


def test_member_whose_orders_all_left_the_window_is_no_prospect() -> None:
    told = segmented().paid("o1", 2_000, "2026-01-01").tick("2027-06-01T00:00")
    assert names(told) == ("hibernating", "rare_low_spend", "general_win_back")
