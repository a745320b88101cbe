"""The demonstration's own recomputation against pandas, on the real orders, and on a few of them by hand."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from streams.demo.recompute import CdnowRow, RecomputedMember, read_cdnow, recompute
from tests.oracle.cdnow_pandas import DAY_MS, cdnow_by_pandas
from tests.oracle.records import POLICY
from tests.oracle.telling import ms

FIRST_TICK = ms("1997-01-02T00:00")


@pytest.fixture(scope="module")
def rows() -> list[CdnowRow]:
    return list(read_cdnow())


def midnights(until: str) -> list[int]:
    return list(range(FIRST_TICK, ms(f"{until}T00:00") + 1, DAY_MS))


def as_members(table: pd.DataFrame) -> dict[str, RecomputedMember]:
    columns: dict[str, list[Any]] = {str(name): table[name].tolist() for name in table}
    found = {}
    for place, member_id in enumerate(table.index):
        values = {name: column[place] for name, column in columns.items()}
        last = values["last_purchase_at"]
        found[str(member_id)] = RecomputedMember(**{**values, "last_purchase_at": None if pd.isna(last) else last})
    return found


@pytest.mark.parametrize("until", ["1997-07-01", "1997-12-31", "1998-04-01", "1998-07-01"])
def test_every_member_is_the_same_in_both_ways(rows: list[CdnowRow], until: str) -> None:
    ticks = midnights(until)
    assert recompute(rows, POLICY, ticks) == as_members(cdnow_by_pandas(POLICY, ticks))


@pytest.mark.parametrize(
    "changed",
    [
        {"windows": {"reported_days": 30, "return_days": 0}},
        {"min_order_amount": 1500},
        {
            "tiers": {
                "window_days": 90,
                "levels": [
                    {"name": "low"},
                    {"name": "mid", "frequency": 2},
                    {"name": "top", "monetary": 5000, "frequency": 3, "match": "all"},
                ],
            }
        },
        {"lifecycle": {"near_churn_days": 1, "recently_lapsed_days": 2, "mid_lapsed_days": 10, "dormant_days": 20}},
    ],
    ids=["short window", "high minimum", "other tiers", "quick lifecycle"],
)
def test_every_threshold_of_the_policy_is_obeyed_in_both_ways(rows: list[CdnowRow], changed: dict[str, Any]) -> None:
    policy, ticks = {**POLICY, **changed}, midnights("1998-07-01")
    found = recompute(rows, policy, ticks)
    assert found == as_members(cdnow_by_pandas(policy, ticks))
    assert found != recompute(rows, POLICY, ticks)


def row(number: int, day: str, amount: int, member: str = "00042") -> CdnowRow:
    return CdnowRow(number, member, date.fromisoformat(day), 1, amount)


def test_rows_of_the_file_are_orders_at_noon_with_whole_cents(rows: list[CdnowRow]) -> None:
    assert rows[0] == row(1, "1997-01-01", 1177, "00001")
    assert (rows[0].order_id, rows[0].purchased_at) == ("cdnow-1", ms("1997-01-01"))
    assert len(rows) == 69_659
    assert rows[-1].order_id == "cdnow-69659"


def test_member_who_lapses_and_returns_by_hand() -> None:
    orders = [row(1, "1997-01-01", 6000), row(2, "1997-01-01", 4000), row(3, "1997-06-30", 0), row(4, "1997-07-01", 50)]
    member = recompute(orders, POLICY, midnights("1998-01-01"))["00042"]
    assert member == RecomputedMember(
        frequency=1,
        monetary=50,
        last_purchase_at=ms("1997-07-01"),
        tier="D",
        stage="mid_lapsed",
        alerts=(
            ("lifecycle.first_purchase", ms("1997-01-01")),
            ("lifecycle.near_churn", ms("1997-03-02T00:00")),
            ("lifecycle.lapsed_recently", ms("1997-04-01T00:00")),
            ("lifecycle.lapsed_mid", ms("1997-06-30T00:00")),
            ("lifecycle.reactivated", ms("1997-07-01")),
            ("lifecycle.near_churn", ms("1997-08-30T00:00")),
            ("lifecycle.lapsed_recently", ms("1997-09-29T00:00")),
            ("lifecycle.lapsed_mid", ms("1997-12-28T00:00")),
        ),
    )


def test_both_orders_of_one_day_count_while_the_day_is_inside_the_window() -> None:
    orders = [row(1, "1997-01-01", 6000), row(2, "1997-01-01", 6000)]
    inside = recompute(orders, POLICY, midnights("1997-12-31"))["00042"]
    assert (inside.frequency, inside.monetary, inside.tier, inside.stage) == (2, 12_000, "C", "mid_lapsed")
    outside = recompute(orders, POLICY, midnights("1998-01-01"))["00042"]
    assert (outside.frequency, outside.monetary, outside.tier, outside.stage) == (0, 0, "D", "dormant")


def test_member_with_nothing_but_free_orders_is_a_prospect_without_alerts() -> None:
    member = recompute([row(1, "1997-01-01", 0)], POLICY, midnights("1998-01-01"))["00042"]
    assert member == RecomputedMember(0, 0, None, "D", "prospect", ())


def test_purchase_before_the_tick_of_a_boundary_spares_the_alert() -> None:
    # In Auckland noon UTC is already tomorrow: the boundary 1997-03-03 begins at 11:00 UTC, an hour before the order.
    orders = [row(1, "1997-01-01", 500), row(2, "1997-03-02", 500)]
    policy = {**POLICY, "time_zone": "Pacific/Auckland"}
    assert recompute(orders, policy, midnights("1997-03-04"))["00042"].alerts == (
        ("lifecycle.first_purchase", ms("1997-01-01")),
    )
    quiet = recompute(orders[:1], policy, midnights("1997-03-04"))["00042"].alerts
    assert quiet[1:] == (("lifecycle.near_churn", ms("1997-03-02T11:00")),)


def test_without_a_tick_there_is_no_instant_to_recompute_for() -> None:
    with pytest.raises(ValueError, match="no ticks"):
        recompute([], POLICY, [])
