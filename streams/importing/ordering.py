"""Entries in the order of their time, however large the files are."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import IO, NamedTuple

import msgspec

#: Entries sorted in memory at a time, about 600 bytes each: half a gigabyte. More are sorted in runs of this size on
#: disk.
RUN_ENTRIES = 800_000
_BLOCK_ENTRIES = 2_000
_LENGTH = Struct(">Q")


class Entry(NamedTuple):
    """One canonical event. ``at`` is its event time in epoch milliseconds, ``position`` its place in the files.

    ``traffic`` marks a visit without a member, which belongs in ``shop-traffic``.
    """

    at: int
    position: int
    key: bytes
    value: bytes
    traffic: bool = False


_decode_block = msgspec.msgpack.Decoder(list[tuple[int, int, bytes, bytes, bool]]).decode


def in_time_order(entries: Iterable[Entry], scratch: Path, run_entries: int = RUN_ENTRIES) -> Iterator[Entry]:
    """The entries by (at, position).

    What does not fit in one run is kept in temporary files in ``scratch``, as large as the events themselves, until the
    last entry was taken or the iterator is closed.
    """
    source = iter(entries)
    run = sorted(islice(source, run_entries))
    if len(run) < run_entries:
        yield from run
        return
    with ExitStack() as files:
        runs: list[Iterator[Entry]] = []
        while run:
            file = files.enter_context(tempfile.TemporaryFile(dir=scratch))
            _write(run, file)
            runs.append(_read(file))
            run = sorted(islice(source, run_entries))
        yield from heapq.merge(*runs)


def _write(run: list[Entry], file: IO[bytes]) -> None:
    for start in range(0, len(run), _BLOCK_ENTRIES):
        block = msgspec.msgpack.encode([tuple(entry) for entry in run[start : start + _BLOCK_ENTRIES]])
        file.write(_LENGTH.pack(len(block)) + block)
    file.seek(0)


def _read(file: IO[bytes]) -> Iterator[Entry]:
    while length := file.read(_LENGTH.size):
        yield from map(Entry._make, _decode_block(file.read(_LENGTH.unpack(length)[0])))
