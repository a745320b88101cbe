"""The rows of a file, whatever its format, each with its own bytes for the dead letters."""

import csv
import gzip
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import IO, NamedTuple, cast

import orjson

from streams.exits import CommandError, ExitCode

_PARQUET_ROWS = 10_000


class Format(StrEnum):
    """How a file is written; ``auto`` goes by the name."""

    AUTO = "auto"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_BY_SUFFIX = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}


class Row(NamedTuple):
    """One row: its number from 1 (the header of a CSV file not counted), its bytes, and its fields or what is wrong
    with it.
    """

    number: int
    original: bytes
    fields: dict[str, object] | None
    problem: str = ""


#: Called with how many bytes of the file have been read since the last call.
Read = Callable[[int], None]


def format_of(path: Path, stated: Format = Format.AUTO) -> Format:
    """The stated format, else the one that the name tells (``.gz`` aside).

    Raises:
        CommandError: exit 64, the name tells nothing.
    """
    if stated is not Format.AUTO:
        return stated
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise CommandError(
            f"the format of {path} cannot be told from its name",
            ExitCode.USAGE,
            allowed=", ".join(_BY_SUFFIX) + ", each also with .gz (not Parquet)",
            remedy="add --format csv, jsonl or parquet",
        )
    return _BY_SUFFIX[suffix]


def read_rows(path: Path, form: Format, read: Read) -> Iterator[Row]:
    """The rows of one file in its own order.

    Raises:
        CommandError: exit 66, there is no such file; exit 65, it is not of that format; exit 69, Parquet needs its
        extra.
    """
    if form is Format.PARQUET:
        yield from _parquet(path, read)
        return
    try:
        with path.open("rb") as raw:
            lines = _lines(raw, compressed=path.suffix == ".gz", read=read)
            yield from _csv(path, lines) if form is Format.CSV else _jsonl(lines)
    except FileNotFoundError as error:
        raise CommandError(f"there is no file {path}", ExitCode.NO_INPUT, remedy="check the name") from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise CommandError(
            f"{path} is not a whole gzip file: {error}", ExitCode.DATA, remedy="fetch the file again"
        ) from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", ExitCode.IO) from error


def _lines(raw: BufferedReader, *, compressed: bool, read: Read) -> Iterator[bytes]:
    # The position of the compressed file is what the size on disk compares with.
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if compressed else raw
    told = 0
    for count, line in enumerate(source):
        if count % 4096 == 0:
            position = raw.tell()
            read(position - told)
            told = position
        yield line
    read(raw.tell() - told)


class _Tape:
    """Text lines for the csv module, which remembers the bytes of the row that it is reading."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._taken: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    def take(self) -> bytes:
        row = self._taken[0] if len(self._taken) == 1 else b"".join(self._taken)
        self._taken.clear()
        return row.rstrip(b"\r\n")


def _csv(path: Path, lines: Iterator[bytes]) -> Iterator[Row]:
    tape = _Tape(lines)
    first = next(iter(tape), None)
    if first is None:
        return
    separator = max(",;\t|", key=first.count)
    names = [name.strip() for name in next(csv.reader([first.removeprefix("\ufeff")], delimiter=separator))]
    if len(set(names)) != len(names) or not all(names):
        raise CommandError(
            f"the first line of {path} does not name every column once",
            ExitCode.DATA,
            where=f"{path}, line 1: {first.strip()[:200]!r}",
            allowed="a header line with one name per column",
            remedy="add the header line, or name the doubled or empty columns",
        )
    tape.take()
    rows = csv.reader(iter(tape), delimiter=separator)
    number = 0
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield Row(number, tape.take(), None, f"not CSV: {error}")
            continue
        if not cells:
            tape.take()
            continue
        number += 1
        original = tape.take()
        if len(cells) != len(names):
            yield Row(number, original, None, f"{len(cells)} columns; the header names {len(names)}")
        elif not original.isascii() and not _is_utf8(original):
            yield Row(number, original, None, "not UTF-8")
        else:
            yield Row(number, original, dict(zip(names, cells, strict=True)))


def _is_utf8(original: bytes) -> bool:
    try:
        original.decode()
    except UnicodeDecodeError:
        return False
    return True


def _jsonl(lines: Iterator[bytes]) -> Iterator[Row]:
    number = 0
    for line in lines:
        original = line.rstrip(b"\r\n")
        if not original.strip():
            continue
        number += 1
        try:
            fields = orjson.loads(original)
        except orjson.JSONDecodeError as error:
            yield Row(number, original, None, f"not JSON: {error}")
            continue
        if isinstance(fields, dict):
            yield Row(number, original, fields)
        else:
            yield Row(number, original, None, "not a JSON object")


def _parquet(path: Path, read: Read) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise CommandError(
            "Parquet files need pyarrow, which is not installed",
            ExitCode.UNAVAILABLE,
            where=str(path),
            remedy="install it: pip install 'memberpulse[parquet]'",
        ) from error
    try:
        with ParquetFile(path) as file:
            size, total, number = path.stat().st_size, max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    fields = {name: _plain(value) for name, value in values.items()}
                    yield Row(number, orjson.dumps(fields, default=str), fields)
                read(size * batch.num_rows // total)
    except FileNotFoundError as error:
        raise CommandError(f"there is no file {path}", ExitCode.NO_INPUT, remedy="check the name") from error
    except ArrowException as error:
        raise CommandError(f"{path} is not a Parquet file: {error}", ExitCode.DATA) from error


def _plain(value: object) -> object:
    """A cell as JSON would have it: mappings are written for JSON and CSV."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
