"""In a shop of regular buyers the rhythm warns earlier, or as early and far more often rightly."""

import csv
from pathlib import Path

import pytest

from scoring.rhythm import Rhythm
from streams.backtest.comparing import Line
from streams.backtest.report import Question, Report, backtest
from streams.backtest.sample_shops import main, regular_buyers
from streams.exits import ExitCode
from tests.streams.backtest.shops import read


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    file = tmp_path_factory.mktemp("regular") / "regular.csv"
    with file.open("w", newline="") as lines:
        out = csv.writer(lines)
        out.writerow(["customer", "date", "units", "dollars", "row"])
        out.writerows(regular_buyers(1_500, 1))
    return backtest(read(file), Question(60, 90, (), (Rhythm(), Rhythm(weight=2)), resamples=200), lambda _: None)


def pair(report: Report, comparison: int) -> tuple[Line, Line]:
    fixed, rhythm, *_ = report.comparisons[comparison].lines
    return fixed, rhythm


def test_the_rhythm_is_recommended(report: Report) -> None:
    assert report.recommendation.mode == "rhythm"
    assert report.recommendation.sentences[0].endswith("serves this shop better than fixed 60 days")


def test_with_as_many_alerts_it_warns_weeks_earlier(report: Report) -> None:
    fixed, rhythm = pair(report, 0)
    assert abs(fixed.alerts - rhythm.alerts) <= 0.01 * fixed.alerts
    assert rhythm.lead_minus_fixed is not None
    assert rhythm.lead_minus_fixed.low is not None
    assert rhythm.lead_minus_fixed.low > 10


def test_with_as_much_warning_it_gives_fewer_alerts_and_more_of_them_are_right(report: Report) -> None:
    fixed, rhythm = pair(report, 1)
    assert rhythm.alerts < 0.7 * fixed.alerts
    assert rhythm.minus_fixed is not None
    assert rhythm.minus_fixed.low is not None
    assert rhythm.minus_fixed.low > 0.2


def test_the_shop_is_the_same_at_every_call_and_other_with_another_seed() -> None:
    assert list(regular_buyers(50, 1)) == list(regular_buyers(50, 1))
    assert list(regular_buyers(50, 1)) != list(regular_buyers(50, 2))


def test_a_sample_shop_is_written_to_stdout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["cdnow"]) == ExitCode.OK
    rows = capsys.readouterr().out.splitlines()
    assert rows[:2] == ["customer,date,units,dollars,row", "00001,19970101,1,11.77,1"]
    assert len(rows) == 69_660
    assert main(["regular"]) == ExitCode.OK
    assert len({row.split(",")[0] for row in capsys.readouterr().out.splitlines()[1:]}) == 5_000


@pytest.mark.parametrize("arguments", [[], ["other"], ["cdnow", "regular"]])
def test_an_unknown_sample_is_refused(arguments: list[str]) -> None:
    assert main(arguments) == ExitCode.USAGE
