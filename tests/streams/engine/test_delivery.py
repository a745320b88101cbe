import asyncio
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from faust.types import TP

from streams.engine.app import BatchApp
from streams.engine.batches import RecordBatch
from streams.engine.consumer import BatchConsumer

SOURCE, CHANGELOG = TP("events", 0), TP("changelog", 0)


@dataclass
class Fetched:
    offset: int
    timestamp: int = 0
    timestamp_type: int = 0


def chunk(*offsets: int) -> list[Any]:
    return [Fetched(offset) for offset in offsets]


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(why)


class Bench:
    """A consumer without Kafka: what it delivers, restores and wants fetched again."""

    def __init__(self, *, batch_records: int = 100) -> None:
        self.delivered: list[RecordBatch] = []
        self.restored: list[int] = []
        self.begin, self.end = 0, 1000
        consumer: Any = BatchConsumer.__new__(BatchConsumer)
        consumer._next, consumer._refetch, consumer._seeks = {}, set(), 0
        consumer._buffered_partitions = set()
        consumer.flow_active = True
        consumer.suspend_flow = asyncio.Event()
        consumer.callback = self._deliver
        consumer.wait_first = self._wait_first
        consumer.earliest_offsets = self._begin
        consumer.highwaters = self._end
        consumer.app = SimpleNamespace(
            consumer_generation_id=5,
            fail=end,
            batch_records=batch_records,
            highwaters={},
            tables=SimpleNamespace(
                actives_ready=True,
                changelog_topics={CHANGELOG.topic},
                recovery=SimpleNamespace(
                    on_changelog_chunk=lambda tp, records: self.restored.extend(r.offset for r in records)
                ),
            ),
        )
        self.consumer: Any = consumer

    async def _begin(self, tp: TP) -> dict[TP, int]:
        return {tp: self.begin}

    async def _end(self, tp: TP) -> dict[TP, int]:
        return {tp: self.end}

    async def _deliver(self, message: Any) -> None:
        self.delivered.append(message.value)

    async def _wait_first(self, delivering: Any, suspending: Any) -> None:
        suspending.close()
        await delivering

    async def fetch(
        self, records: list[Any], tp: TP = SOURCE, *, seeks: int | None = None, generation: int = 5
    ) -> None:
        await self.consumer._deliver(tp, records, {tp}, self.consumer._seeks if seeks is None else seeks, generation)

    @property
    def spans(self) -> list[tuple[int, int]]:
        return [(batch.start, batch.end) for batch in self.delivered]


async def test_batches_form_a_chain_without_holes() -> None:
    bench = Bench(batch_records=2)
    bench.consumer._next[SOURCE] = 4
    await bench.fetch(chunk(4, 5, 6))
    await bench.fetch(chunk(7, 9))  # 8 was a transaction marker
    assert bench.spans == [(4, 6), (6, 7), (7, 10)]


async def test_records_fetched_twice_are_delivered_once() -> None:
    bench = Bench()
    bench.consumer._next[SOURCE] = 4
    await bench.fetch(chunk(2, 3, 4, 5))
    await bench.fetch(chunk(3, 4))
    assert bench.spans == [(4, 6)]


async def test_chunk_fetched_before_a_seek_is_not_delivered_and_fetched_again() -> None:
    bench = Bench()
    seeks = bench.consumer._seeks
    bench.consumer._seeks += 2
    bench.consumer._next[SOURCE] = 3
    await bench.fetch(chunk(8, 9), seeks=seeks)
    assert bench.spans == []
    assert bench.consumer._refetch == {SOURCE}
    assert bench.consumer._next[SOURCE] == 3


async def test_chunk_fetched_after_a_seek_during_the_wait_is_delivered() -> None:
    bench = Bench()
    seeks = bench.consumer._seeks
    bench.consumer._seeks += 2
    bench.consumer._next[SOURCE] = 3
    await bench.fetch(chunk(3, 4), seeks=seeks)
    assert bench.spans == [(3, 5)]


@pytest.mark.parametrize("tp", [SOURCE, CHANGELOG])
async def test_chunk_of_an_older_generation_is_fetched_again_not_dropped(tp: TP) -> None:
    bench = Bench()
    await bench.fetch(chunk(1, 2), tp, generation=4)
    assert (bench.spans, bench.restored, bench.consumer._refetch) == ([], [], {tp})


async def test_chunk_that_arrives_while_delivery_is_stopped_is_fetched_again() -> None:
    bench = Bench()
    bench.consumer.flow_active = False
    await bench.fetch(chunk(1, 2))
    assert (bench.spans, bench.consumer._refetch) == ([], {SOURCE})


async def test_source_waits_for_recovery_and_the_changelog_does_not() -> None:
    bench = Bench()
    bench.consumer.app.tables.actives_ready = False
    await bench.fetch(chunk(1))
    await bench.fetch(chunk(1, 2), CHANGELOG)
    assert (bench.spans, bench.restored) == ([], [1, 2])
    assert bench.consumer._refetch == {SOURCE}


async def test_delivery_stopped_between_two_batches_fetches_the_rest_again() -> None:
    bench = Bench(batch_records=1)
    bench.consumer._next[SOURCE] = 1
    deliver = bench.consumer.callback

    async def stop_after_first(message: Any) -> None:
        await deliver(message)
        bench.consumer.flow_active = False

    bench.consumer.callback = stop_after_first
    await bench.fetch(chunk(1, 2, 3))
    assert bench.spans == [(1, 2)]
    assert bench.consumer._refetch == {SOURCE}


async def test_records_deleted_before_they_were_read_end_the_process() -> None:
    bench = Bench()
    bench.consumer._next[SOURCE] = 4
    bench.begin = 7
    with pytest.raises(Ended, match="begins at 7"):
        await bench.fetch(chunk(7, 8))
    assert bench.spans == []


async def test_log_that_became_shorter_than_what_was_read_ends_the_process() -> None:
    bench = Bench()
    bench.consumer._next[SOURCE] = 4
    bench.end = 3
    with pytest.raises(Ended, match="ends at 3"):
        await bench.fetch(chunk(1, 2))


class CountingPartition:
    """Remembers which offsets it absorbed."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.offsets: list[int] = []
        self.sweeping = False
        self.dirty_count = 0

    def absorb(self, records: Any) -> None:
        self.offsets += [record.offset for record in records]


def app_with(partition: CountingPartition) -> tuple[Any, dict[TP, int]]:
    again: dict[TP, int] = {}
    app: Any = SimpleNamespace(
        partitions={SOURCE: partition},
        consumer=SimpleNamespace(fetch_again=lambda tp, offset: again.update({tp: offset})),
        settings=SimpleNamespace(dirty_rows_limit=5000),
        outbox=SimpleNamespace(room=_no_wait),
        cutter=SimpleNamespace(allowed=True),
        _absorbed=0,
    )
    return app, again


async def _no_wait() -> None: ...


@pytest.mark.parametrize(
    ("start", "offsets", "absorbed", "fetched_again"),
    [
        (5, (5, 6), [5, 6], {}),  # follows on
        (3, (3, 4), [], {}),  # all absorbed before
        (3, (3, 4, 5, 6), [5, 6], {}),  # half absorbed before
        (7, (7, 8), [], {SOURCE: 5}),  # the batch before it never came
    ],
)
async def test_only_a_batch_that_follows_on_is_absorbed(
    start: int, offsets: tuple[int, ...], absorbed: list[int], fetched_again: dict[TP, int]
) -> None:
    partition = CountingPartition(5)
    app, again = app_with(partition)
    await BatchApp.absorb(app, RecordBatch(SOURCE, start, offsets[-1] + 1, chunk(*offsets)))
    assert partition.offsets == absorbed
    assert again == fetched_again
    assert partition.position == (offsets[-1] + 1 if absorbed else 5)


async def test_batch_that_comes_between_revocation_and_assignment_is_not_absorbed() -> None:
    partition = CountingPartition(5)
    app, _ = app_with(partition)
    app.cutter.allowed = False
    await BatchApp.absorb(app, RecordBatch(SOURCE, 5, 6, chunk(5)))
    assert (partition.offsets, partition.position) == ([], 5)


async def test_batch_of_a_partition_that_was_revoked_is_not_absorbed() -> None:
    app, again = app_with(CountingPartition(0))
    app.partitions = defaultdict(lambda: None)
    await BatchApp.absorb(app, RecordBatch(SOURCE, 0, 1, chunk(0)))
    assert app._absorbed == 0
    assert again == {}
