"""docs/cdnow.md is what its generator writes, engine and pandas agree on it, and no cut is further off than stated."""

from decimal import Decimal

import pytest

from scoring.percentile import rank_value
from streams.cuts.sketches import rank_error
from streams.demo.recompute import read_cdnow
from tests.oracle.cdnow_figures import CUT_DATES, DATES, PERCENTS, Shop, SketchCut, by_sketch
from tests.oracle.cdnow_page import PAGE, page, read_cuts
from tests.streams.cuts.exact import exact_cut, share_from

BOUND = 100 * rank_error()


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(list(read_cdnow()))


@pytest.fixture(scope="module")
def written() -> dict[tuple[str, str, int], SketchCut]:
    return read_cuts(PAGE.read_text(encoding="utf-8"))


def test_the_page_is_what_the_generator_writes(shop: Shop, written: dict[tuple[str, str, int], SketchCut]) -> None:
    assert len(written) == len(CUT_DATES) * 2 * len(PERCENTS)
    assert PAGE.read_text(encoding="utf-8") == page(shop, written), "run python -m tests.oracle.cdnow_page"


@pytest.mark.parametrize("date", DATES)
def test_engine_and_pandas_agree_on_every_member_and_every_alert(shop: Shop, date: str) -> None:
    assert shop.unlike(date) == []
    engine, pandas = shop.stages(date)
    assert engine == pandas
    assert engine.total() == 23_570


def test_engine_and_pandas_tell_as_many_near_churn_alerts_in_every_month(shop: Shop) -> None:
    engine, pandas = shop.near_churn()
    assert engine == pandas
    assert engine.total() > 30_000


def test_the_cuts_on_the_page_are_within_the_bound(shop: Shop, written: dict[tuple[str, str, int], SketchCut]) -> None:
    for (date, _, _), cut in written.items():
        values = shop.ranks[date]
        assert cut.value in values, "a cut is an observed value"
        assert abs(float(cut.reckoned) - share_from(values, cut.value)) <= BOUND


def test_fresh_sketches_are_within_three_times_the_bound(shop: Shop) -> None:
    # The bound holds with a probability of 99 %; three times that practically always.
    found = by_sketch(shop)
    for (date, tier, percent), cut in found.items():
        values = shop.ranks[date]
        assert percent in PERCENTS[tier]
        assert cut.value in values, "what was counted in the engine is what pandas counts"
        assert cut.reckoned <= Decimal(percent)
        assert abs(float(cut.reckoned) - share_from(values, cut.value)) <= 3 * BOUND
        exact = share_from(values, exact_cut(values, percent))
        assert abs(share_from(values, cut.value) - exact) <= 6 * BOUND


@pytest.mark.parametrize("date", CUT_DATES)
def test_nobody_above_a_cut_stays_below_and_nobody_falls_overnight(
    shop: Shop, written: dict[tuple[str, str, int], SketchCut], date: str
) -> None:
    ranks = {tier: rank for rank, tier in enumerate("DCBA")}
    before, after = shop.under_thresholds(date), shop.under_cuts(date, written)
    assert before.keys() == after.keys()
    for name, state in after.items():
        value = rank_value(state.tier_frequency, state.tier_monetary)
        earned = [ranks[tier] for tier, (enter, _) in PERCENTS.items() if value >= written[date, tier, enter].value]
        assert state.tier == max([before[name].tier, *earned])
