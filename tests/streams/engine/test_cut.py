import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import pytest
from faust.types import TP

from streams.engine.cut import Cutter
from streams.engine.fencing import EX_TEMPFAIL, PauseFence
from streams.engine.observer import Observer
from streams.engine.partition import PARTITION_ROW_KEY, PartitionRow, RowPartition
from streams.engine.sending import Batches, Place
from tests.streams.engine.record_reading import records_of

SOURCE = TP("events", 0)


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(code, why)


class Rows(RowPartition):
    def offset_of(self, row: bytes) -> int:
        return int(row)

    def __init__(self) -> None:
        super().__init__(SOURCE)
        self.slices: list[int] = []
        self.dirty: list[tuple[bytes, bytes]] = []

    @property
    def dirty_count(self) -> int:
        return len(self.dirty)

    def absorb(self, records: Any) -> None: ...

    def payload(self) -> bytes:
        return b"payload"

    async def restored(self) -> None: ...

    def take_dirty(self, most: int) -> list[tuple[bytes, bytes]]:
        taken, self.dirty = self.dirty[:most], self.dirty[most:]
        self.slices.append(len(taken))
        return taken


class Scene:
    """Everything a cut talks to, writing down what it is told in order; ``failing`` names the step that fails."""

    def __init__(self, failing: str = "") -> None:
        self.told: list[str] = []
        self.failing = failing
        self.interval = 0.02
        self.partition = Rows()
        self.round: asyncio.Future[None] | None = None
        self.during_commit: Callable[[], None] = lambda: None
        self.during_write: Callable[[], None] = lambda: None

    def rounds(self) -> list["asyncio.Future[None]"]:
        return [self.round] if self.round is not None else []

    async def commit_strictly(self, offsets: Mapping[TP, int]) -> None:
        step = f"commit {offsets[SOURCE]}"
        if step == self.failing:
            raise RuntimeError("refused")
        self.told.append(step)
        self.during_commit()

    async def send(self, queued: Mapping[Place, Batches]) -> None:
        for key, value, _ in (record for batches in queued.values() for record in records_of(batches)):
            assert key is not None
            assert value is not None
            step = f"row {PartitionRow.decode(value).position}" if key == PARTITION_ROW_KEY else f"write {key.decode()}"
            if step == self.failing:
                raise RuntimeError("not taken")
            self.told.append(step)
            self.during_write()

    def cutter(self) -> Cutter:
        scene: Any = self
        cutter = Cutter(
            lambda: {SOURCE: self.partition},
            scene,
            scene,
            "changelog",
            lambda: scene,
            PauseFence(10, end),
            Observer(),
            end,
            lambda _: 4,
            self.interval,
        )
        cutter.allowed = True
        return cutter


async def test_cut_proves_ownership_then_remembers_rows_then_the_partition_row_then_commits() -> None:
    scene = Scene()
    cutter = scene.cutter()
    cutter.committed[SOURCE] = 3
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9
    assert await cutter.cut()
    assert scene.told == ["commit 3", "write ann", "row 9", "commit 9"]


async def test_partition_row_is_written_even_when_no_member_changed() -> None:
    scene = Scene()
    cutter = scene.cutter()
    scene.partition.position = 9
    assert await cutter.cut()
    assert scene.told == ["row 9", "commit 9"]


async def test_nothing_new_costs_nothing() -> None:
    scene = Scene()
    cutter = scene.cutter()
    cutter.committed[SOURCE] = 9
    scene.partition.position = 9
    assert not await cutter.cut()
    assert scene.told == []


async def test_no_row_is_written_before_the_outcomes_queued_so_far_have_arrived() -> None:
    scene = Scene()
    scene.round = asyncio.get_running_loop().create_future()
    cutter = scene.cutter()
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9
    cutting = asyncio.ensure_future(cutter.cut())
    await asyncio.sleep(0.01)
    assert scene.told == []
    scene.round.set_result(None)
    await cutting
    assert scene.told == ["write ann", "row 9", "commit 9"]


async def test_what_is_absorbed_during_a_cut_belongs_to_the_next_one() -> None:
    scene = Scene()
    cutter = scene.cutter()
    cutter.committed[SOURCE] = 3
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9

    def absorb_more() -> None:
        scene.partition.dirty.append((b"bob", b"9"))
        scene.partition.position = 10
        scene.during_commit = lambda: None

    scene.during_commit = absorb_more
    await cutter.cut()
    assert scene.told == ["commit 3", "write ann", "row 9", "commit 9"]
    await cutter.cut()
    assert scene.told[4:] == ["commit 9", "write bob", "row 10", "commit 10"]


def many(count: int) -> list[tuple[bytes, bytes]]:
    return [(b"%d" % number, b"8") for number in range(count)]


async def test_orders_go_on_while_a_cut_takes_its_rows_and_what_they_change_waits_for_the_next_one() -> None:
    scene = Scene()
    cutter = scene.cutter()
    scene.partition.dirty = many(1000)
    scene.partition.position = 9
    cutting = asyncio.ensure_future(cutter.cut())
    while len(scene.partition.slices) < 2:
        await asyncio.sleep(0)
    scene.partition.dirty.append((b"bob", b"9"))
    scene.partition.position = 10
    await cutting
    assert scene.partition.slices == [200] * 5
    assert scene.told[1000:] == ["row 9", "commit 9"]
    assert "write bob" not in scene.told
    await cutter.cut()
    assert scene.told[1002:] == ["commit 9", "write bob", "row 10", "commit 10"]


async def test_outcomes_of_a_row_that_changed_again_before_it_was_taken_arrive_before_it() -> None:
    scene = Scene()
    cutter = scene.cutter()
    scene.partition.dirty = many(300)
    scene.partition.position = 9
    cutting = asyncio.ensure_future(cutter.cut())
    await asyncio.sleep(0)
    scene.partition.dirty[-1] = (b"299", b"12")
    scene.round = asyncio.get_running_loop().create_future()
    await asyncio.sleep(0.1)
    assert scene.told == []
    scene.round.set_result(None)
    await cutting
    assert scene.told[300:] == ["row 9", "commit 9"]


async def test_a_cut_that_nobody_waits_for_spreads_its_rows_over_half_the_interval() -> None:
    scene = Scene()
    scene.interval = 0.4
    cutter = scene.cutter()
    scene.partition.dirty = many(4000)
    began = time.perf_counter()
    await cutter.cut()
    assert time.perf_counter() - began >= 0.2
    assert scene.partition.slices == [200] * 20


async def test_a_cut_that_comes_early_takes_half_of_the_time_since_the_one_before() -> None:
    scene = Scene()
    scene.interval = 60
    cutter = scene.cutter()
    scene.partition.dirty = many(1)
    await cutter.cut()
    await asyncio.sleep(0.2)
    scene.partition.dirty = many(20_000)
    async with asyncio.timeout(1):
        await cutter.cut()
    assert scene.partition.slices[1:] == [200] * 100


@pytest.mark.parametrize(("cut", "most"), [(Cutter.cut, 250_000), (Cutter.close, 900_000)])
async def test_rows_leave_in_small_batches_unless_somebody_waits_for_the_cut(
    cut: Callable[[Cutter], Any], most: int
) -> None:
    scene = Scene()
    sizes: list[int] = []

    async def send(queued: Mapping[Place, Batches]) -> None:
        sizes.extend(batch.length for batches in queued.values() for batch in batches.close())

    scene.send = send  # type: ignore[method-assign]
    scene.partition.dirty = [(b"%d" % number, b"0" * 10_000) for number in range(200)]
    await cut(scene.cutter())
    assert most * 0.9 < max(sizes) <= most


async def test_a_few_rows_are_not_spread() -> None:
    scene = Scene()
    scene.interval = 60
    cutter = scene.cutter()
    scene.partition.dirty = many(10)
    async with asyncio.timeout(1):
        await cutter.cut()


@pytest.mark.parametrize("waits", [Cutter.close, Cutter.cut, Cutter.hurry])
async def test_a_cut_that_somebody_waits_for_goes_on_at_once(waits: Callable[[Cutter], Any]) -> None:
    scene = Scene()
    scene.interval = 60
    cutter = scene.cutter()
    scene.partition.dirty = many(20_000)
    cutting = asyncio.ensure_future(cutter.cut())
    await asyncio.sleep(0)
    # Pauses of 20 ms from here on would be 2 s.
    async with asyncio.timeout(1.5):
        if (waiting := waits(cutter)) is not None:
            await waiting
        await cutting
    assert scene.partition.slices[:4] == [200, 1000, 1000, 1000]


async def test_the_last_cut_before_partitions_go_makes_no_pauses() -> None:
    scene = Scene()
    scene.interval = 60
    cutter = scene.cutter()
    scene.partition.dirty = many(20_000)
    await cutter.close()
    assert scene.partition.slices == [1000] * 20


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ("commit 3", []),
        ("write ann", ["commit 3"]),
        ("row 9", ["commit 3", "write ann"]),
        ("commit 9", ["commit 3", "write ann", "row 9"]),
    ],
)
async def test_failure_at_any_step_ends_the_process_and_nothing_follows_it(failing: str, told: list[str]) -> None:
    scene = Scene(failing)
    cutter = scene.cutter()
    cutter.committed[SOURCE] = 3
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9
    with pytest.raises(Ended) as ended:
        await cutter.cut()
    assert ended.value.args[0] == EX_TEMPFAIL
    assert scene.told == told


async def test_closed_cutter_writes_nothing_until_the_next_assignment() -> None:
    scene = Scene()
    cutter = scene.cutter()
    scene.partition.position = 5
    await cutter.close()
    assert scene.told == ["row 5", "commit 5"]
    scene.partition.position = 9
    assert not await cutter.cut()
    cutter.allowed = True
    assert await cutter.cut()


async def test_process_that_stood_still_does_not_write() -> None:
    scene = Scene()
    cutter = scene.cutter()
    cutter._fence = PauseFence(0.01, end)
    scene.partition.position = 9
    await asyncio.sleep(0.05)
    with pytest.raises(Ended):
        await cutter.cut()
    assert scene.told == []


async def test_process_that_stood_still_while_rows_were_on_their_way_writes_no_partition_row() -> None:
    scene = Scene()
    cutter = scene.cutter()
    cutter._fence = PauseFence(0.2, end)
    scene.during_write = lambda: time.sleep(0.3)
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9
    with pytest.raises(Ended):
        await cutter.cut()
    assert scene.told[-1] == "write ann"


async def test_cut_broken_off_half_way_is_never_followed_by_one_that_commits_past_it() -> None:
    scene = Scene()
    scene.round = asyncio.get_running_loop().create_future()
    cutter = scene.cutter()
    scene.partition.dirty = [(b"ann", b"8")]
    scene.partition.position = 9
    cutting = asyncio.ensure_future(cutter.cut())
    await asyncio.sleep(0.01)
    cutting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cutting
    with pytest.raises(Ended, match="broken off"):
        await cutter.cut()
    assert scene.told == []
