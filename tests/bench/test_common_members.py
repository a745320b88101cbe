"""The common job as our engine does it: what it counts, remembers, and tells."""

import asyncio
from collections.abc import Iterable

from faust.types import TP

from bench.common_job import tier_changes
from bench.contenders.common_members import CommonPartition, read
from bench.workload import Standing, Workload
from streams.engine.batches import Record
from streams.instants import parse_instant
from streams.topics import PARTITION_KEY

_ORDERS = 400
_WORKLOAD = Workload(_ORDERS, 60, 1_700_000_000_000)


class Counting:
    """One partition with all orders, its changelog, and the changes of tier that it told."""

    def __init__(self) -> None:
        self.changelog: list[tuple[bytes, bytes]] = []
        self.changes: list[bytes | None] = []
        self.begin()

    def begin(self) -> None:
        """A new process, which restores."""
        self.partition = CommonPartition(TP("orders", 0), lambda *put: self.changes.append(put[3]), "changes")
        self.partition.restore([Record(number, 0, *row) for number, row in enumerate(self.changelog)])
        asyncio.run(self.partition.restored())

    def absorb(self, orders: Iterable[int]) -> None:
        raw = [order.record() for order in _WORKLOAD.orders(_ORDERS)]
        self.partition.absorb([Record(number, 0, *raw[number]) for number in orders])

    def cut(self, most: int = 1_000) -> None:
        while taken := self.partition.take_dirty(most):
            self.changelog += taken

    def standings(self) -> dict[bytes, Standing]:
        found = {key: read(key, row) for key, row in dict(self.changelog).items()}
        return {key: (each.count, each.spent, parse_instant(each.last)) for key, each in found.items()}


def test_rows_say_what_the_orders_say_and_every_change_of_tier_is_told() -> None:
    counting = Counting()
    counting.partition.absorb([Record(0, 0, PARTITION_KEY, b"{}"), Record(1, 0, None, b"{}")])
    for first in range(0, _ORDERS, 100):
        counting.absorb(range(first, first + 100))
        counting.cut(7)
    assert counting.standings() == _WORKLOAD.standings(_ORDERS)
    assert len(counting.changes) == tier_changes(_WORKLOAD, _ORDERS)


def test_orders_that_a_restored_row_has_are_not_counted_again() -> None:
    counting = Counting()
    counting.absorb(range(300))
    counting.cut()
    counting.absorb(range(300, 350))
    counting.begin()
    counting.absorb(range(_ORDERS))
    counting.cut()
    assert counting.standings() == _WORKLOAD.standings(_ORDERS)


def test_cut_remembers_whoever_changed_since_the_last_one_and_nobody_else() -> None:
    counting = Counting()
    counting.absorb(range(100))
    counting.cut()
    counting.changelog.clear()
    counting.absorb(range(100, 103))
    assert counting.partition.dirty_count == len(_keys(100, 103))
    counting.absorb(range(100, 103))
    counting.cut()
    assert [key for key, _ in counting.changelog] == _keys(100, 103)


def test_row_whose_last_record_is_an_older_one_is_written_again() -> None:
    counting = Counting()
    counting.absorb(range(1))
    counting.cut()
    [(key, older)] = counting.changelog
    newer = next(number for number in range(1, _ORDERS) if _keys(number, number + 1) == [key])
    counting.absorb([newer])
    counting.cut()
    counting.changelog.append((key, older))
    counting.begin()
    counting.changelog.clear()
    counting.cut()
    assert [read(*row).count for row in counting.changelog] == [2]


def _keys(first: int, end: int) -> list[bytes]:
    raw = [order.record()[0] for order in _WORKLOAD.orders(end)]
    return list(dict.fromkeys(raw[first:end]))
