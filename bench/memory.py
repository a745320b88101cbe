"""Bytes per member: rows and due index of a partition, as the kernel counts them, beside what the formula says."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from random import Random
from typing import Final

import psutil

from bench.tables import Table
from bench.workload import member_key
from scoring.state import NO_DAY, ORDER_BYTES, MemberState
from scoring.vocabulary import DAY_MS
from streams import rows
from streams.commands.output import notes
from streams.scorer.due import DueIndex

#: Open orders of a member. (The target is set for five.)
ORDERS: Final = (3, 5, 10, 50)
_NOW: Final = 1_800_000_000_000
#: When members are due: on one of the next so many midnights.
_SPAN_DAYS: Final = 60
# CPython 3.11 to 3.13 on 64 bits: a bytes object's head, its allocator's step (malloc's is as large), the largest
# object that comes from its pools, and what malloc puts before any other.
_OBJECT: Final = 33
_STEP: Final = 16
_POOLED: Final = 512
_MALLOC: Final = 8


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes per member with ``orders`` open orders: in the row, by the formula (least and most) and measured."""

    orders: int
    members: int
    row: int
    least: int
    most: int
    measured_rows: float
    measured_due: float

    @property
    def measured(self) -> float:
        """Together."""
        return self.measured_rows + self.measured_due


def object_size(length: int) -> int:
    """What a bytes object of so many bytes takes of memory."""
    size = _OBJECT + length
    if size > _POOLED:
        size += _MALLOC
    return -(-size // _STEP) * _STEP


def formula(row: int, key: int) -> tuple[int, int]:
    """Bytes per member, the index included, at least and at most: the dict is two thirds full, or has just doubled.

    A slot of the dict's table is 4 bytes, of which there are 1.5 to 3 a member; an entry 24, of which there are 1 to 2.
    Every thirtieth member is in the index of two days, with a key of their own and up to 64 bytes of a set's table.
    """
    objects = object_size(row) + object_size(key)
    return objects + 30, objects + 60 + (object_size(key) + 64) // 30 + 1


def measure_in(folder: Path, members: int) -> list[MemoryUse]:
    """Every number of orders in a process of its own, over the build in ``folder``."""
    notes().print(f"Memory: {members:,} members with {', '.join(map(str, ORDERS))} orders", highlight=False)
    found = []
    for orders in ORDERS:
        # As many bytes, whatever a row has.
        count = members * 5 // max(orders, 5)
        command = [sys.executable, "-m", "bench.memory", str(orders), str(count)]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        found.append(MemoryUse(*json.loads(done.stdout)))
    return found


def measure(orders: int, members: int) -> MemoryUse:
    """Hold so many members' rows in a dict and index them."""
    row = rows.encode(_member(orders))
    chance = Random(1)
    process = psutil.Process(os.getpid())
    begin = process.memory_info().rss
    held: dict[bytes, bytes] = {}
    for number in range(members):
        held[member_key(number)] = bytes(bytearray(row))
    with_rows = process.memory_info().rss
    index = DueIndex()
    index.begin(_NOW)
    for number in range(members):
        # A key of its own, as the member's last event brought it.
        index.move(member_key(number), 0, (_NOW // DAY_MS + 1 + chance.randrange(_SPAN_DAYS)) * DAY_MS)
    indexed = process.memory_info().rss
    least, most = formula(len(row), len(member_key(0)))
    return MemoryUse(
        orders, members, len(row), least, most, (with_rows - begin) / members, (indexed - with_rows) / members
    )


def _member(orders: int) -> MemberState:
    return MemberState(
        1, _NOW, _NOW, 2, 1, 1, _NOW, _NOW, _NOW, _NOW, orders, 5000 * orders, orders, 5000 * orders, 20_000, NO_DAY,
        19_000, 2, 0, 0, bytes(orders * ORDER_BYTES), (), b"",
    )  # fmt: skip


def table(uses: Sequence[MemoryUse]) -> Table:
    """A line for each number of open orders."""
    lines = [
        (
            f"{use.orders}",
            f"{use.row:,}",
            f"{use.least:,} to {use.most:,}",
            f"{use.measured:,.0f}",
            f"{use.measured_rows:,.0f}",
            f"{use.measured_due:,.1f}",
        )
        for use in uses
    ]
    how = (
        "Bytes per member, with member ids of 9 characters: what a process's resident memory grows by when it takes in "
        f"{uses[0].members:,} members (fewer with many orders), and what the formula in "
        "[performance.md](performance.md#memory) says."
    )
    columns = ("open orders", "row", "formula", "measured", "of it rows", "of it who is due")
    return Table("Memory", columns, lines, how)


if __name__ == "__main__":
    print(json.dumps(astuple(measure(int(sys.argv[1]), int(sys.argv[2])))))
