"""What an import says of itself is true, and says what to look at."""

from pathlib import Path

import pytest

from streams.commands.importing import tell
from streams.importing.conversion import BadRow
from streams.importing.history_import import ImportReport


def test_what_an_earlier_run_sent_is_not_counted_as_the_speed_of_this_one(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ImportReport(rows=400, events=400, ticks=319, sent=1676, seconds=0.5))
    assert "1,676 records acknowledged in 0.5 s (800 events/s)" in capsys.readouterr().out
    tell(ImportReport(rows=400, events=400, ticks=319, already=1676, seconds=0.2))
    assert "0 records acknowledged in 0.2 s\n1,676 records were acknowledged by" in capsys.readouterr().out


def test_one_row_is_counted_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ImportReport(rows=1, events=1, ticks=1, sent=1, seconds=1.0))
    assert capsys.readouterr().out.startswith("1 event of 1 row; 1 tick to every partition\n1 record acknowledged")


def test_a_file_without_rows_is_said_to_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ImportReport(seconds=0.1))
    assert "the files have no rows" in capsys.readouterr().err


@pytest.mark.parametrize(("rows", "asked"), [(1, True), (2, False)])
def test_a_mapping_that_fits_no_row_is_doubted(rows: int, asked: bool, capsys: pytest.CaptureFixture[str]) -> None:
    tell(ImportReport(rows=rows, events=rows - 1, bad=[BadRow(Path("orders.csv"), 1, b"?", "bad_money", "no number")]))
    assert ("is it the right mapping" in capsys.readouterr().err) is asked
