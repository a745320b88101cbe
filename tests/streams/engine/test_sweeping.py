"""Sweeps between records: in slices, never for a partition that has gone, never far ahead of the broker."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.engine.assignment import Assignment
from streams.engine.disk_rows import DiskRows
from streams.engine.partition import RowPartition
from streams.engine.sweeping import Sweeping

MINE, OTHER = TP("events", 0), TP("events", 1)
MAY_WRITE = SimpleNamespace(allowed=True)


class Swept:
    """A partition with so many slices of a sweep to do."""

    dirty_count = 0

    def __init__(self, slices: int) -> None:
        self.left = slices
        self.done = 0

    @property
    def sweeping(self) -> bool:
        return self.left > 0

    def sweep(self, budget: int) -> int:
        self.left -= 1
        self.done += 1
        return budget


class Waits:
    """An outbox that has something happen while a sweep waits for it."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.most: list[int] = []
        self._meanwhile = meanwhile

    async def room(self, most: int) -> None:
        self.most.append(most)
        self._meanwhile()


async def sweep_for_a_while(partitions: dict[TP, Any], outbox: Any, cutter: Any = MAY_WRITE) -> Sweeping:
    assignment: Any = SimpleNamespace(partitions=partitions)
    early_cuts: Any = SimpleNamespace(limit=5000)
    sweeping = Sweeping(assignment, cutter, outbox, early_cuts, 50)
    sweeping.begin()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await sweeping.run()
    return sweeping


async def test_every_partition_has_its_slices_and_queues_little_ahead_of_the_broker() -> None:
    partitions = {MINE: Swept(3), OTHER: Swept(1)}
    outbox = Waits()
    sweeping = await sweep_for_a_while(partitions, outbox)
    assert [each.done for each in partitions.values()] == [3, 1]
    assert set(outbox.most) == {4000}
    assert not sweeping._wanted.is_set()


async def test_every_slice_is_a_step_that_the_progress_watch_sees() -> None:
    endless = Swept(1_000_000)
    sweeping = await sweep_for_a_while({MINE: endless}, Waits())
    assert sweeping.work() == {"a tick of events[0] is under way": 50 * endless.done}


async def test_a_partition_that_went_while_the_sweep_waited_is_left_alone() -> None:
    gone = Swept(5)
    partitions: dict[TP, Any] = {MINE: Swept(5), OTHER: gone}
    await sweep_for_a_while(partitions, Waits(lambda: partitions.update({OTHER: Swept(0)})))
    assert (partitions[MINE].done, gone.done) == (5, 0)


async def test_nothing_is_swept_between_a_revocation_and_the_next_assignment() -> None:
    partitions = {MINE: Swept(5), OTHER: Swept(5)}
    cutter = SimpleNamespace(allowed=True)
    await sweep_for_a_while(partitions, Waits(lambda: setattr(cutter, "allowed", False)), cutter)
    assert [each.done for each in partitions.values()] == [1, 0]


def test_rows_on_disk_go_with_their_partition() -> None:
    class Partition(RowPartition):
        def absorb(self, records: Any) -> None: ...

        def offset_of(self, row: bytes) -> int:
            return 0

        def take_dirty(self, most: int) -> list[tuple[bytes, bytes]]:
            return []

        def payload(self) -> bytes:
            return b""

        async def restored(self) -> None: ...

    closed: list[int] = []

    class Rows(DiskRows):
        def __init__(self) -> None: ...

        def close(self) -> None:
            closed.append(1)

    in_memory, on_disk = Partition(MINE), Partition(OTHER)
    on_disk.rows = Rows()
    assignment = Assignment({MINE: in_memory, OTHER: on_disk}.__getitem__)
    assignment.assign({MINE, OTHER}, keep=False)
    assignment.assign(set(), keep=False)
    assert (assignment.partitions, closed) == ({}, [1])
