"""Rows of files, and their own bytes for the dead letters."""

import gzip
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from streams.exits import CommandError, ExitCode
from streams.importing.readers import Format, Row, format_of, read_rows


def rows(path: Path, form: Format) -> list[Row]:
    return list(read_rows(path, form, lambda _: None))


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_orders_of_a_csv_file_have_the_names_of_its_header(tmp_path: Path, separator: str) -> None:
    content = "\ufeffmember,total\r\nm1,1.50\r\n".replace(",", separator)
    path = write(tmp_path, "a.csv", content.encode())
    assert rows(path, Format.CSV) == [Row(1, f"m1{separator}1.50".encode(), {"member": "m1", "total": "1.50"})]


def test_order_over_two_lines_keeps_both_as_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'member,note\nm1,"a\nb"\nm2,c\n')
    assert [(row.original, row.fields) for row in rows(path, Format.CSV)] == [
        (b'm1,"a\nb"', {"member": "m1", "note": "a\nb"}),
        (b"m2,c", {"member": "m2", "note": "c"}),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"m1", "1 columns; the header names 2"), (b"m1,2,3", "3 columns; the header names 2"), (b"m\xff,2", "not UTF-8")],
)
def test_broken_csv_row_is_told_and_the_next_one_is_read(tmp_path: Path, line: bytes, problem: str) -> None:
    path = write(tmp_path, "a.csv", b"member,total\n" + line + b"\nm2,5\n")
    broken, good = rows(path, Format.CSV)
    assert broken == Row(1, line, None, problem)
    assert good == Row(2, b"m2,5", {"member": "m2", "total": "5"})


@pytest.mark.parametrize("header", [b"member,member", b"member,"])
def test_header_that_does_not_name_every_column_once_is_refused(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(CommandError) as refused:
        rows(write(tmp_path, "a.csv", header + b"\nm1,2\n"), Format.CSV)
    assert refused.value.code is ExitCode.DATA


def test_orders_of_compressed_json_lines_are_read_past_broken_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl.gz", gzip.compress(b'{"member":"m1"}\n\n[1]\n{"member":\n{"member":"m2"}'))
    found = rows(path, format_of(path))
    assert [row.fields for row in found] == [{"member": "m1"}, None, None, {"member": "m2"}]
    assert [row.number for row in found] == [1, 2, 3, 4]
    assert found[2].original == b'{"member":'


def test_orders_of_a_parquet_file_look_like_those_of_json(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"member": ["m1"], "total": [Decimal("1.50")], "at": [datetime(2026, 1, 1, 12, tzinfo=UTC)], "units": [2]}
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    [row] = rows(tmp_path / "a.parquet", Format.PARQUET)
    assert row.fields == {"member": "m1", "total": "1.50", "at": "2026-01-01T12:00:00+00:00", "units": 2}


def test_missing_pyarrow_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CommandError) as refused:
        rows(tmp_path / "a.parquet", Format.PARQUET)
    assert "memberpulse[parquet]" in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.CSV", Format.CSV), ("a.tsv.gz", Format.CSV), ("a.ndjson", Format.JSONL), ("a.pq", Format.PARQUET)],
)
def test_name_tells_the_format(name: str, form: Format) -> None:
    assert format_of(Path(name)) is form


def test_name_that_tells_nothing_asks_for_the_format() -> None:
    with pytest.raises(CommandError) as refused:
        format_of(Path("orders.dat"))
    assert refused.value.code is ExitCode.USAGE
    assert format_of(Path("orders.dat"), Format.JSONL) is Format.JSONL


@pytest.mark.parametrize(
    ("name", "content", "code"), [("a.csv", None, ExitCode.NO_INPUT), ("a.csv.gz", b"no gzip", ExitCode.DATA)]
)
def test_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes | None, code: ExitCode) -> None:
    if content is not None:
        write(tmp_path, name, content)
    with pytest.raises(CommandError) as refused:
        rows(tmp_path / name, Format.CSV)
    assert refused.value.code is code
