import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP

from streams.engine.absorbing import Absorbing
from streams.engine.assignment import Assignment
from streams.engine.batches import RecordBatch
from streams.engine.consumer import BatchConsumer
from streams.engine.early_cuts import EarlyCuts
from streams.engine.placing import Placing

SOURCE, CHANGELOG = TP("events", 0), TP("changelog", 0)


@dataclass
class Fetched:
    offset: int


def chunk(*offsets: int) -> list[Any]:
    return [Fetched(offset) for offset in offsets]


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(why)


class Bench:
    """A consumer without Kafka: what it restores and wants fetched again."""

    def __init__(self) -> None:
        self.restored: list[int] = []
        consumer: Any = BatchConsumer.__new__(BatchConsumer)
        consumer._next, consumer._refetch, consumer._seeks = {}, set(), 0
        consumer._buffered_partitions = set()
        consumer.flow_active = True
        consumer.app = SimpleNamespace(
            consumer_generation_id=5,
            tables=SimpleNamespace(
                changelog_topics={CHANGELOG.topic},
                recovery=SimpleNamespace(
                    on_changelog_chunk=lambda tp, records: self.restored.extend(r.offset for r in records)
                ),
            ),
        )
        self.consumer: Any = consumer

    def fetch(self, records: list[Any], tp: TP = CHANGELOG, *, seeks: int | None = None, generation: int = 5) -> None:
        self.consumer._restore(tp, records, {tp}, self.consumer._seeks if seeks is None else seeks, generation)


def test_changelog_records_fetched_twice_are_restored_once() -> None:
    bench = Bench()
    bench.consumer._next[CHANGELOG] = 4
    bench.fetch(chunk(2, 3, 4, 5))
    bench.fetch(chunk(3, 4))
    assert bench.restored == [4, 5]


def test_compacted_changelog_has_holes() -> None:
    bench = Bench()
    bench.consumer._next[CHANGELOG] = 4
    bench.fetch(chunk(7, 9))
    assert bench.restored == [7, 9]


def test_chunk_fetched_before_a_seek_is_not_restored_and_fetched_again() -> None:
    bench = Bench()
    seeks = bench.consumer._seeks
    bench.consumer._seeks += 2
    bench.consumer._next[CHANGELOG] = 3
    bench.fetch(chunk(8, 9), seeks=seeks)
    assert bench.restored == []
    assert bench.consumer._refetch == {CHANGELOG}
    assert bench.consumer._next[CHANGELOG] == 3


def test_chunk_fetched_after_a_seek_during_the_wait_is_restored() -> None:
    bench = Bench()
    seeks = bench.consumer._seeks
    bench.consumer._seeks += 2
    bench.consumer._next[CHANGELOG] = 3
    bench.fetch(chunk(3, 4), seeks=seeks)
    assert bench.restored == [3, 4]


def test_chunk_of_an_older_generation_is_fetched_again_not_dropped() -> None:
    bench = Bench()
    bench.fetch(chunk(1, 2), generation=4)
    assert (bench.restored, bench.consumer._refetch) == ([], {CHANGELOG})


def test_chunk_that_arrives_while_delivery_is_stopped_is_fetched_again() -> None:
    bench = Bench()
    bench.consumer.flow_active = False
    bench.fetch(chunk(1, 2))
    assert (bench.restored, bench.consumer._refetch) == ([], {CHANGELOG})


def test_source_that_was_fetched_before_it_was_paused_is_left_to_the_reader() -> None:
    bench = Bench()
    bench.fetch(chunk(1, 2), SOURCE)
    assert (bench.restored, bench.consumer._refetch, bench.consumer._next) == ([], set(), {})


class CountingPartition:
    """Remembers which offsets it absorbed."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.offsets: list[int] = []
        self.sweeping = False
        self.dirty_count = 0

    def absorb(self, records: Any) -> None:
        self.offsets += [record.offset for record in records]


class Reading:
    """A partition that is being read, with its log and a cutter that is not asked for anything."""

    def __init__(self, partition: Any) -> None:
        self.begin, self.end = 0, 1000
        consumer: Any = SimpleNamespace(earliest_offsets=self._begin, highwaters=self._end)
        cutter: Any = SimpleNamespace(allowed=True)
        outbox: Any = SimpleNamespace(room=_no_wait)
        early_cuts: Any = SimpleNamespace(limit=5000)
        sweeping: Any = None
        self.assignment = Assignment(lambda _: partition)
        self.assignment.assign({SOURCE}, keep=False)
        self.assignment.whole, self.assignment.reading = {SOURCE}, True
        self.placing = Placing(self.assignment, lambda: consumer, end)
        self.absorbing = Absorbing(self.assignment, cutter, outbox, early_cuts, sweeping)

    async def refuse(self, position: int) -> None:
        await self.placing.refuse(SOURCE, position, self.absorbing.reads)

    async def _begin(self, tp: TP) -> dict[TP, int]:
        return {tp: self.begin}

    async def _end(self, tp: TP) -> dict[TP, int]:
        return {tp: self.end}


async def _no_wait() -> None: ...


@pytest.mark.parametrize(
    ("start", "offsets", "absorbed"),
    [
        (5, (5, 6), [5, 6]),  # follows on
        (5, (7, 8), [7, 8]),  # with a hole: transaction markers
        (3, (3, 4, 5, 6), []),  # asked for from an earlier position
        (7, (7, 8), []),  # asked for ahead of a batch that was not absorbed
    ],
)
async def test_only_a_batch_that_follows_on_is_absorbed(
    start: int, offsets: tuple[int, ...], absorbed: list[int]
) -> None:
    partition = CountingPartition(5)
    await Reading(partition).absorbing.absorb(RecordBatch(SOURCE, start, offsets[-1] + 1, chunk(*offsets)))
    assert partition.offsets == absorbed
    assert partition.position == (offsets[-1] + 1 if absorbed else 5)


async def test_batch_of_nothing_but_markers_moves_the_position() -> None:
    partition = CountingPartition(5)
    await Reading(partition).absorbing.absorb(RecordBatch(SOURCE, 5, 7, []))
    assert (partition.offsets, partition.position) == ([], 7)


async def test_batch_that_comes_between_revocation_and_assignment_is_not_absorbed() -> None:
    partition = CountingPartition(5)
    reading = Reading(partition)
    reading.assignment.revoke()
    await reading.absorbing.absorb(RecordBatch(SOURCE, 5, 6, chunk(5)))
    assert (partition.offsets, partition.position) == ([], 5)


@pytest.mark.parametrize("gone", ["partitions", "whole"])
async def test_batch_of_a_partition_that_was_revoked_or_is_being_restored_is_not_absorbed(gone: str) -> None:
    reading = Reading(CountingPartition(0))
    getattr(reading.assignment, gone).clear()
    await reading.absorbing.absorb(RecordBatch(SOURCE, 0, 1, chunk(0)))
    assert reading.absorbing.absorbed == 0


async def test_records_deleted_before_they_were_read_end_the_process() -> None:
    reading = Reading(CountingPartition(4))
    reading.begin = 7
    with pytest.raises(Ended, match="begins at 7"):
        await reading.refuse(4)


async def test_log_that_became_shorter_than_what_was_read_ends_the_process() -> None:
    reading = Reading(CountingPartition(4))
    reading.end = 3
    with pytest.raises(Ended, match="ends at 3"):
        await reading.refuse(4)


async def test_position_that_is_no_longer_ours_is_not_refused() -> None:
    reading = Reading(CountingPartition(4))
    reading.begin = 7
    refusing = asyncio.ensure_future(reading.refuse(4))
    reading.assignment.revoke()
    await refusing


class Commits:
    """Consumer and cutter, as far as a partition that asks for a cut needs them, writing down what they hear."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.wanted = SimpleNamespace(set=lambda: self.told.append("soon"))

    def hurry(self) -> None:
        self.told.append("in a hurry")

    async def commit(self) -> None:
        self.told.append("waited")


@pytest.mark.parametrize(
    ("dirty", "waiting", "told"),
    [
        (5000, 1000, ["soon"]),  # read as they come: rows that leave in a hurry would delay outcomes
        (5000, 1001, ["in a hurry"]),
        (9999, 0, ["soon"]),
        (10_000, 0, ["in a hurry"]),
        (20_000, 0, ["in a hurry", "waited"]),
    ],
)
async def test_many_changed_members_are_remembered_early_and_in_a_hurry_only_when_orders_are_behind(
    dirty: int, waiting: int, told: list[str]
) -> None:
    partition: Any = CountingPartition(5)
    partition.dirty_count = dirty
    commits: Any = Commits()
    early_cuts = EarlyCuts(commits, lambda: commits, lambda _: waiting, 5000, 1000)
    await early_cuts.remember(SOURCE, partition)
    assert commits.told == told
