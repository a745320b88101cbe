"""Rows of files as canonical events, and the rows that cannot be any."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from scoring.calendar import instant_of
from scoring.vocabulary import FUTURE_ALLOWANCE_MS
from streams.bad_records import BadRecord
from streams.importing.ordering import Entry
from streams.importing.readers import Format, Read, Row, format_of, read_rows
from streams.mapping import CanonicalBytes, Mapping, ShopTraffic

#: When this many rows in a row cannot be used, before any that can, the mapping is not for this file.
HOPELESS_ROWS = 1000


class _When(msgspec.Struct):
    occurred_at: datetime


_when = msgspec.json.Decoder(_When).decode


class BadRow(NamedTuple):
    """A row that is no event: where it stands, its own bytes, and why."""

    file: Path
    number: int
    original: bytes
    reason: str
    detail: str

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of its dead letter; the first three are its identity."""
        return [
            ("dl_topic", f"import:{self.file.name}".encode()),
            ("dl_partition", b"0"),
            ("dl_offset", b"%d" % self.number),
            ("dl_reason", self.reason.encode()),
            ("dl_detail", self.detail.encode()),
        ]


class Conversion:
    """The events of some files, in the files' own order, counted while they are read; bad rows are collected.

    ``skipped`` counts the rows that the mapping says to leave out.
    """

    def __init__(self, files: Sequence[Path], form: Format, mapping: Mapping, now: int) -> None:
        self.rows = 0
        self.skipped = 0
        self.bad: list[BadRow] = []
        self._files = [(path, format_of(path, form)) for path in files]
        self._apply: Callable[[dict[str, object]], CanonicalBytes | None] = mapping.apply
        # The rules refuse what lies further ahead (docs/rules.md, section 3).
        self._latest = now + FUTURE_ALLOWANCE_MS

    def entries(self, read: Read) -> Iterator[Entry]:
        """Every event; ``read`` is told how many bytes of the files were read.

        Raises:
            HopelessFile: not one of the first 1,000 rows could be used.
        """
        for path, form in self._files:
            for row in read_rows(path, form, read):
                self.rows += 1
                try:
                    made = self._event(row)
                except BadRecord as bad:
                    self._refuse(path, row, bad)
                    continue
                if made is None:
                    self.skipped += 1
                    continue
                event, at = made
                yield Entry(at, self.rows, event.key, event.value, isinstance(event, ShopTraffic))

    def _event(self, row: Row) -> tuple[CanonicalBytes, int] | None:
        if row.fields is None:
            raise BadRecord("malformed_row", row.problem)
        event = self._apply(row.fields)
        if event is None:
            return None
        at = instant_of(_when(event.value).occurred_at)
        if at > self._latest:
            raise BadRecord("quarantined", "its time is more than 10 minutes in the future")
        return event, at

    def _refuse(self, path: Path, row: Row, bad: BadRecord) -> None:
        self.bad.append(BadRow(path, row.number, row.original, bad.reason, bad.detail))
        if len(self.bad) == self.rows == HOPELESS_ROWS:
            raise HopelessFile(self.bad[:3])


class HopelessFile(Exception):
    """None of the first rows could be used; ``first`` shows some of them."""

    def __init__(self, first: Sequence[BadRow]) -> None:
        super().__init__(f"not one of the first {HOPELESS_ROWS:,} rows can be used")
        self.first = first
