"""The till, as a process: reads tier changes and notes when each could be read.

It fetches as the scorer does, one fetch always under way: at a thousand changes a second nearly every one is a fetch of
its own, and an aiokafka consumer needs a millisecond for each, which would be measured with it.
"""

import asyncio
import gc
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from faust.types import TP

from bench.base import mover_key
from bench.job import tell
from bench.pace import Pace
from streams.engine.batches import RecordBatch
from streams.engine.reading import Reader
from streams.instants import parse_instant

_FETCH_RECORDS: Final = 1000


class _Reading:
    """What has been read so far, and from where to read on."""

    def __init__(self, pace: Pace, positions: dict[TP, int]) -> None:
        self._pace = pace
        self._positions = positions
        self._wanted = {mover_key(pace.first_mover + number) for number in range(pace.movers)}
        #: By mover, when the change was at hand (epoch seconds), was decided (epoch ms), and what it says.
        self.changes: dict[bytes, tuple[float, int, bytes]] = {}
        self._heard = asyncio.Event()

    def positions(self) -> dict[TP, int]:
        """A copy, as the reader wants it."""
        return self._positions.copy()

    async def take(self, batch: RecordBatch) -> None:
        """Note what has come."""
        now = time.time()
        self._heard.set()
        self._positions[batch.tp] = batch.end
        for record in batch.records:
            # The first of each: a worker that was killed tells some again.
            if record.key in self._wanted and record.key not in self.changes:
                assert record.value is not None
                self.changes[record.key] = now, record.timestamp, record.value
        if self._pace.rest_s:
            await asyncio.sleep(self._pace.rest_s)

    async def until_done(self) -> None:
        """Return when all is read, or nothing comes any more."""
        await self._heard.wait()
        with suppress(TimeoutError):
            while len(self.changes) < len(self._wanted):
                self._heard.clear()
                async with asyncio.timeout(self._pace.silence_s):
                    await self._heard.wait()


async def _refuse(tp: TP, position: int) -> None:
    raise AssertionError(f"{tp} does not have {position}")


async def _ends(pace: Pace) -> dict[TP, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=pace.job.bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(
            [TopicPartition(pace.changes_topic, number) for number in range(pace.job.partitions)]
        )
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}
    finally:
        await consumer.stop()


async def read(pace: Pace) -> dict[bytes, tuple[float, int, bytes]]:
    """See :attr:`_Reading.changes`."""
    reading = _Reading(pace, await _ends(pace))
    client = AIOKafkaClient(loop=asyncio.get_running_loop(), bootstrap_servers=pace.job.bootstrap)
    reader = Reader(client, reading.positions, reading.take, _refuse, lambda *_: None, _FETCH_RECORDS)
    await reader.start({pace.changes_topic})
    fetching = asyncio.create_task(reader.run())
    done = asyncio.create_task(reading.until_done())
    tell(ready=True)
    try:
        await asyncio.wait({fetching, done}, return_when=asyncio.FIRST_COMPLETED)
        if fetching.done():
            fetching.result()
        return reading.changes
    finally:
        done.cancel()
        fetching.cancel()
        await reader.stop()


def main() -> None:
    """Read, write down, stop."""
    pace = Pace.from_arguments()
    gc.disable()  # Our own pauses are not the scorer's.
    changes = asyncio.run(read(pace))
    assert len(changes) == pace.movers, (
        f"{pace.movers - len(changes):,} orders moved no tier within {pace.silence_s:.0f} s"
    )
    # Appended, decided, readable. What an outcome calls recorded is the log time of its order.
    found = {
        key.decode(): (parse_instant(json.loads(value)["recorded_at"]) / 1000, decided / 1000, at)
        for key, (at, decided, value) in changes.items()
    }
    Path(pace.read).write_text(json.dumps(found))
    tell(seen=len(found))


if __name__ == "__main__":
    main()
