"""CDNOW once more as column arithmetic in pandas, which shares nothing with the backtest."""

import csv
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from scoring.rhythm import Rhythm
from streams.backtest.comparing import Line
from streams.backtest.purchases import Shop
from streams.backtest.report import Question, Report, backtest
from streams.backtest.sample_shops import cdnow
from tests.streams.backtest.shops import read

DAY_S = 86_400
#: 1998-07-01, when the record ends.
END_S = 10_408 * DAY_S


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    file = tmp_path_factory.mktemp("cdnow") / "cdnow.csv"
    with file.open("w", newline="") as lines:
        out = csv.writer(lines)
        out.writerow(["customer", "date", "units", "dollars", "row"])
        out.writerows(cdnow())
    return read(file)


@pytest.fixture(scope="module")
def report(shop: Shop) -> Report:
    question = Question(60, 90, (45,), (Rhythm(), Rhythm(weight=1)), resamples=60)
    return backtest(shop, question, lambda _: None)


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    """One row per member and purchase day: seconds of its start, of the next purchase (noon), and the latest gaps."""
    with (resources.files("streams.demo") / "cdnow_master.txt.gz").open("rb") as packed:
        table = pd.read_csv(packed, sep=r"\s+", compression="gzip", dtype={"customer_id": str, "date": str})
    table = table[table["dollar_value"] >= 0.01]
    day = (pd.to_datetime(table["date"], format="%Y%m%d") - pd.Timestamp("1970-01-01")).dt.days
    rows = pd.DataFrame({"member": table["customer_id"], "day": day}).drop_duplicates().sort_values(["member", "day"])
    by_member = rows.groupby("member")["day"]
    rows["start"] = rows["day"] * DAY_S
    rows["next"] = by_member.shift(-1) * DAY_S + DAY_S // 2
    rows["gap"] = by_member.diff()
    latest = rows.groupby("member")["gap"].rolling(11, min_periods=1)
    rows["median"] = latest.median().reset_index(level=0, drop=True)
    rows["gaps"] = latest.count().reset_index(level=0, drop=True).astype(int)
    return rows


def typical(spells: pd.DataFrame, weight: int) -> pd.Series:
    twice = (2 * spells["median"].fillna(0)).astype(int)
    seconds = (2 * weight * 30 + spells["gaps"] * twice) * DAY_S // (2 * (weight + spells["gaps"]))
    return seconds.clip(21 * DAY_S, 180 * DAY_S)


def expected(spells: pd.DataFrame, boundary: pd.Series) -> dict[str, float]:
    at = spells["start"] + boundary
    told = (at < spells["next"].fillna(np.inf)) & (at <= END_S)
    known = told & (at <= END_S - 90 * DAY_S)
    away = (spells["next"].fillna(np.inf) - at)[known]
    lead = (spells["start"] + 90 * DAY_S - at)[known][away >= 90 * DAY_S] / DAY_S
    return {
        "alerts": int(known.sum()),
        "too_late": int((told & ~known).sum()),
        "right": int((away >= 90 * DAY_S).sum()),
        "back_30": int((away < 30 * DAY_S).sum()),
        "back_60": int((away < 60 * DAY_S).sum()),
        "lead_median": float(lead.median()),
        "lead": float(lead.mean()),
    }


def told(line: Line) -> dict[str, float]:
    assert line.right is not None
    assert line.back_30 is not None
    assert line.back_60 is not None
    assert line.lead is not None
    assert line.lead_median is not None
    return {
        "alerts": line.alerts,
        "too_late": line.too_late,
        "right": round(line.right.value * line.alerts),
        "back_30": round(line.back_30.value * line.alerts),
        "back_60": round(line.back_60.value * line.alerts),
        "lead_median": line.lead_median,
        "lead": line.lead.value,
    }


def test_fixed_days_equal_the_column_arithmetic(report: Report, spells: pd.DataFrame) -> None:
    for place, days in ((0, 60), (3, 45)):
        fixed = report.comparisons[place].lines[0]
        assert fixed.setting == f"{days} days"
        whole = pd.Series(days * DAY_S, index=spells.index)
        assert told(fixed) == pytest.approx(expected(spells, whole), abs=1e-6)


def test_the_rhythm_as_it_is_set_equals_the_column_arithmetic(report: Report, spells: pd.DataFrame) -> None:
    own = report.comparisons[2]
    assert own.anchor == "rhythm, weight 5, 1.200 g"
    boundary = typical(spells, 5) * 1200 // 1000
    assert told(own.lines[1]) == pytest.approx(expected(spells, boundary), abs=1e-6)


def test_every_calibrated_rhythm_equals_the_column_arithmetic(report: Report, spells: pd.DataFrame) -> None:
    rhythms = [line for each in report.comparisons for line in each.lines if line.mode == "rhythm"]
    assert len(rhythms) == 7
    for line in rhythms:
        boundary = typical(spells, line.weight) * line.multiple // 1000
        assert told(line) == pytest.approx(expected(spells, boundary), abs=1e-6)


def test_modes_at_equal_volume_have_nearly_equal_volumes(report: Report) -> None:
    for comparison in report.comparisons:
        volumes = [line.alerts for line in comparison.lines]
        if comparison.by == "alerts":
            assert max(volumes) - min(volumes) <= 0.005 * min(volumes)


def test_modes_at_equal_warning_have_nearly_equal_lead_times(report: Report) -> None:
    (warning,) = [each for each in report.comparisons if each.by == "warning"]
    leads = [line.lead.value for line in warning.lines if line.lead is not None]
    assert leads == pytest.approx([30] * 4, abs=0.05)


def test_nothing_is_lost_on_the_way_from_the_file(shop: Shop, spells: pd.DataFrame) -> None:
    assert [day for bought in shop.members for day, _ in bought] == list(spells["day"])
    assert shop.end == END_S * 1000


def test_fixed_days_are_recommended_to_cdnow(report: Report) -> None:
    assert report.recommendation.mode == "fixed"
    assert report.recommendation.setting == "60 days"
    assert "fixed 60 days serves this shop better than rhythm" in report.recommendation.sentences[0]
