"""The cuts of a date as they lie in the log: what is read, what is refused, and the policy under them."""

import json
from typing import Any

import msgspec
import pytest

from scoring.events import CutsPublished
from streams.codecs import decode
from streams.cuts_document import CutsDocument, CutsError, DatedCuts, DayMedians, DayQuantiles, TierCuts, with_cuts
from streams.policy_file import from_canonical, load
from streams.topics import PARTITION_KEY

PLAIN: dict[str, Any] = {"ranked": 600, "fallback": False, "tiers": {"A": {"enter": 900, "leave": 800}}}


def raw(document: object, date: str = "2026-03-01") -> bytes:
    return json.dumps({"date": date, "cuts": document}).encode()


def test_tiers_are_found_by_name_and_others_left_to_their_thresholds() -> None:
    tiers = {"A": {"enter": 900, "leave": None}, "B": {"enter": None, "leave": 5}, "D": {"enter": 1, "leave": 1}}
    policy = with_cuts(load("pyramid").to_policy(), raw({**PLAIN, "tiers": {**tiers, "Z": tiers["A"]}}))
    cuts = policy.cuts
    assert cuts is not None
    assert (cuts.date, cuts.fallback, cuts.ranks) == ("2026-03-01", False, frozenset({2, 3}))
    assert (cuts.enter, cuts.leave) == ({2: None, 3: 900}, {2: 5, 3: None})
    assert cuts.medians is None


def test_later_cuts_replace_all_of_the_earlier_ones() -> None:
    first = with_cuts(load("pyramid").to_policy(), raw({**PLAIN, "medians": dict.fromkeys(MEDIANS, 4)}))
    later = with_cuts(first, raw({**PLAIN, "fallback": True, "tiers": {}}, "2026-03-02")).cuts
    assert later is not None
    assert (later.date, later.fallback, later.ranks, later.medians) == ("2026-03-02", True, frozenset(), None)


MEDIANS = ("recency_days", "frequency", "monetary")


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"A": 81_000},
        {"ranked": 1, "tiers": {}},
        {**PLAIN, "ranked": -1},
        {**PLAIN, "ranked": 1.5},
        {**PLAIN, "fallback": 1},
        {**PLAIN, "tiers": {"A": {"enter": 0, "leave": 1}}},
        {**PLAIN, "tiers": {"A": {"enter": 1 << 63, "leave": 1}}},
        {**PLAIN, "tiers": {"A": {"enter": 1}}},
        {**PLAIN, "tiers": {"A": {"enter": "1", "leave": 1}}},
        {**PLAIN, "medians": {"frequency": 1}},
        {**PLAIN, "quantiles": {"recency_days": [1, 2, 3], "frequency": [1, 2, 3, 4]}},
    ],
    ids=str,
)
def test_what_is_no_set_of_cuts_is_refused(document: object) -> None:
    with pytest.raises(CutsError, match="cannot be used"):
        with_cuts(load("pyramid").to_policy(), raw(document))


def test_a_date_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CutsError):
        with_cuts(load("pyramid").to_policy(), raw(PLAIN, "2026-02-30"))
    with pytest.raises(CutsError):
        with_cuts(load("pyramid").to_policy(), b"{")


def test_the_largest_rank_value_is_accepted() -> None:
    largest = (1 << 63) - 1
    cuts = with_cuts(load("pyramid").to_policy(), raw({**PLAIN, "tiers": {"A": {"enter": largest, "leave": 1}}})).cuts
    assert cuts is not None
    assert cuts.enter == {3: largest}


def test_the_record_of_a_date_always_has_the_same_id_in_a_partition() -> None:
    document = CutsDocument(3, fallback=True, tiers={"A": TierCuts(5, None)})
    event = decode(PARTITION_KEY, DatedCuts("2026-03-01", msgspec.Raw(document.encode())).event(7))
    assert isinstance(event, CutsPublished)
    assert (event.event_id, event.partition, event.date) == ("cuts-2026-03-01-7", 7, "2026-03-01")
    assert json.loads(bytes(event.cuts))["tiers"] == {"A": {"enter": 5, "leave": None}}


def by_members(*keys: str, told: str = "") -> Any:
    document = json.loads(load("absolute").canonical())
    document["segments"] = {"high_monetary": 10_000, **dict.fromkeys(keys, True)}
    return from_canonical(json.dumps(document).encode()).to_policy()


DAY = CutsDocument(
    9,
    fallback=True,
    tiers={},
    medians=DayMedians(12, 3, 777),
    quantiles=DayQuantiles((2, 5, 5, 9), (1, 1, 2, 4)),
)


def test_medians_and_quantiles_of_the_day_apply_where_the_policy_asks_for_them() -> None:
    dated = raw(json.loads(DAY.encode()))
    for keys, cut, high in (
        ((), [30, 60, 90, 180], 10_000),
        (("by_median",), [30, 60, 90, 180], 777),
        (("by_quantile",), [2, 5, 5, 9], 10_000),
        (("by_median", "by_quantile"), [2, 5, 5, 9], 777),
    ):
        policy = with_cuts(by_members(*keys), dated)
        assert policy.segments is not None
        assert policy.cuts is not None
        assert policy.segments.r_cuts == cut
        assert policy.segments.marks(policy.cuts.medians).monetary == high
        assert policy.segments.f_cuts == ([2, 2, 3, 5] if "by_quantile" in keys else [2, 3, 5, 8])


def test_a_day_on_which_nobody_bought_goes_back_to_the_numbers_of_the_policy() -> None:
    first = with_cuts(by_members("by_median", "by_quantile"), raw(json.loads(DAY.encode())))
    policy = with_cuts(first, raw({"ranked": 0, "fallback": True, "tiers": {}}, "2026-03-02"))
    assert policy.segments is not None
    assert policy.cuts is not None
    assert (policy.segments.r_cuts, policy.segments.f_cuts) == ([30, 60, 90, 180], [2, 3, 5, 8])
    assert policy.segments.marks(policy.cuts.medians).monetary == 10_000


def test_quantiles_that_fall_are_refused() -> None:
    falling = {"recency_days": [2, 1, 3, 4], "frequency": [1, 2, 3, 4]}
    with pytest.raises(CutsError):
        with_cuts(by_members("by_quantile"), raw({**PLAIN, "quantiles": falling}))
