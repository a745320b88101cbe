"""Cuts from sketches: exact while a sketch has every value, and within its error on real orders and on heavy ties."""

import random
from collections.abc import Sequence
from importlib import resources

import pandas as pd
import pytest
from datasketches import kll_doubles_sketch
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.cuts.census import Asked
from streams.cuts.computing import FEWEST_RANKED, compute, cut_of_best, value_at
from streams.cuts.sketches import Distribution, K, MemberSketches, rank_error
from streams.cuts_document import TierCuts
from tests.streams.cuts.exact import exact_cut, exact_quantile, share_from

PYRAMID = (Asked("C", 60, 63), Asked("B", 20, 22), Asked("A", 5, 6))
PERCENTS = (5, 6, 20, 22, 60, 63)
#: The library's bound holds with a probability of 99 %; three times that practically always.
ERROR = 3 * 100 * rank_error()


def tally(values: Sequence[int]) -> list[tuple[int, int]]:
    return sorted({value: values.count(value) for value in values}.items())


def sketched(values: Sequence[int], partitions: int = 3) -> Distribution:
    """As ``partitions`` parts, each sent over the wire, merged."""
    together = Distribution()
    for part in range(partitions):
        one = Distribution()
        for value in values[part::partitions]:
            one.add(value)
        together.merge(Distribution.decode(one.encode()))
    return together


@pytest.mark.parametrize(
    ("values", "percent", "cut"),
    [
        (range(1, 101), 5, 96),
        (range(1, 101), 1, 100),
        (range(1, 101), 99, 2),
        (range(1, 20), 5, None),
        (range(1, 21), 5, 20),
        (range(1, 22), 5, 21),
        ([1, 1, 1, 1], 60, None),
        ([1, 1, 1, 2], 25, 2),
        ([1, 1, 1, 2], 24, None),
        ([1, 1, 2, 2], 50, 2),
        ([1, 1, 2, 2, 2], 59, None),
        ([1, 1, 2, 2, 2], 60, 2),
        ([7], 99, None),
        ([], 60, None),
    ],
)
def test_a_tie_that_would_overfill_stays_below(values: Sequence[int], percent: int, cut: int | None) -> None:
    assert cut_of_best(tally(list(values)), percent) == cut


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 99))
def test_a_cut_is_the_smallest_value_that_passes_few_enough(values: list[int], percent: int) -> None:
    assert cut_of_best(tally(values), percent) == exact_cut(values, percent)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.sampled_from((20, 40, 50, 60, 80)))
def test_a_quantile_is_an_observed_value(values: list[int], percent: int) -> None:
    assert value_at(tally(values), percent) == exact_quantile(values, percent)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 1 << 53), max_size=300), st.integers(1, 4))
def test_few_members_are_counted_exactly_however_they_are_spread(values: list[int], partitions: int) -> None:
    together = sketched(values, partitions)
    assert together.exact
    assert together.tally() == tally(values)
    assert together.members == len(values)


@pytest.mark.parametrize("value", [0, 1, (1 << 53) + 1, (1 << 53) + 3, (1 << 63) - 1, 1 << 63, 10**30])
def test_what_a_double_cannot_say_is_taken_a_little_too_small(value: int) -> None:
    one = Distribution()
    one.add(value)
    [(kept, members)] = one.tally()
    assert members == 1
    assert kept <= value
    assert kept < 1 << 63
    assert kept >= min(value, 1 << 62) - (value >> 50)


def assert_within_the_error(values: Sequence[int], found: Distribution) -> None:
    """No cut passes more than its share and the error, nor leaves out more than that of those who belong."""
    kept = found.tally()
    assert found.members == len(values)
    assert {value for value, _ in kept} <= set(values), "only observed values are cuts"
    for percent in PERCENTS:
        cut = cut_of_best(kept, percent)
        assert share_from(values, cut) <= percent + ERROR
        safe = exact_cut(values, percent - ERROR)
        assert share_from(values, cut) >= share_from(values, safe) - 2 * ERROR


def _cdnow() -> pd.DataFrame:
    with (resources.files("streams.demo") / "cdnow_master.txt.gz").open("rb") as packed:
        table = pd.read_csv(packed, sep=r"\s+", compression="gzip", dtype={"customer_id": str, "date": str})
    table["at"] = pd.to_datetime(table["date"], format="%Y%m%d")
    table["cents"] = (table["dollar_value"] * 100).round().astype("int64")
    return table[table["cents"] > 0]


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return _cdnow()


@pytest.mark.parametrize("date", ["1997-01-20", "1997-02-01", "1997-04-01", "1997-09-15", "1998-01-01", "1998-07-01"])
def test_real_orders_are_cut_where_every_value_would_cut_them(orders: pd.DataFrame, date: str) -> None:
    today = pd.Timestamp(date)
    window = orders[(orders["at"] < today) & (orders["at"] > today - pd.Timedelta(days=365))]
    members = window.groupby("customer_id")["cents"].agg(["size", "sum"])
    values = [int(value) for value in members["size"] * members["sum"]]
    assert_within_the_error(values, sketched(values, partitions=4))


@pytest.mark.parametrize(
    "weights",
    [
        {1: 94, 2: 1, 3: 5},
        {1: 95, 2: 5},
        {1: 80, 2: 15, 3: 4, 4: 1},
        {1: 41, 7: 39, 8: 15, 9: 5},
        dict.fromkeys(range(1, 12), 1),
        {1: 1},
    ],
    ids=str,
)
def test_ties_by_the_thousand_are_cut_within_the_error(weights: dict[int, int]) -> None:
    chance = random.Random(7)
    values = chance.choices(list(weights), list(weights.values()), k=60_000)
    found = sketched(values)
    assert not found.exact
    assert_within_the_error(values, found)


def test_a_day_of_everybody() -> None:
    sketches = MemberSketches()
    for number in range(1, 1_001):
        sketches.rank.add(number)
    for days, frequency, money in ((5, 1, 100), (9, 2, 200), (1, 4, 50), (7, 1, 900)):
        sketches.recency.add(days)
        sketches.frequency.add(frequency)
        sketches.monetary.add(money)
    found = compute(MemberSketches.unpack(sketches.pack()), PYRAMID)
    assert (found.ranked, found.fallback) == (1_000, False)
    assert found.tiers == {"C": TierCuts(401, 371), "B": TierCuts(801, 781), "A": TierCuts(951, 941)}
    # Of four, the lower one of the two in the middle; of days the upper one, which is the lower recency.
    assert found.medians is not None
    assert (found.medians.recency_days, found.medians.frequency, found.medians.monetary) == (7, 1, 100)
    assert found.quantiles is not None
    assert found.quantiles.recency_days == (1, 5, 7, 9)
    assert found.quantiles.frequency == (1, 1, 2, 4)


@pytest.mark.parametrize(("ranked", "fallback"), [(FEWEST_RANKED - 1, True), (FEWEST_RANKED, False)])
def test_few_ranked_members_are_not_cut(ranked: int, fallback: bool) -> None:
    sketches = MemberSketches()
    for number in range(1, ranked + 1):
        sketches.rank.add(number)
    found = compute(sketches, PYRAMID)
    assert (found.ranked, found.fallback) == (ranked, fallback)
    assert (found.medians, found.quantiles) == (None, None)


def test_a_sketch_of_another_size_or_of_no_sense_is_refused() -> None:
    assert rank_error() < 0.00073
    assert K == 4000
    for packed in (b"", b"\0" * 8, Distribution().encode()[:4]):
        with pytest.raises(ValueError, match="not a quantile sketch"):
            Distribution.decode(packed)
    with pytest.raises(ValueError, match="parameter 200, where 4000 is needed"):
        Distribution.decode(kll_doubles_sketch(200).serialize())
