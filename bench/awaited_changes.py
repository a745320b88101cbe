"""The till, as a process: reads tier changes and notes when each could be read."""

import asyncio
import gc
import json
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.base import mover_key
from bench.job import tell
from bench.pace import Pace
from streams.instants import parse_instant


async def read(pace: Pace) -> dict[bytes, tuple[float, int, bytes]]:
    """By mover, when the change was at hand (epoch seconds), was decided (epoch ms), and what it says."""
    wanted = {mover_key(pace.first_mover + number) for number in range(pace.movers)}
    consumer = AIOKafkaConsumer(bootstrap_servers=pace.job.bootstrap)
    await consumer.start()
    try:
        tps = [TopicPartition(pace.changes_topic, number) for number in range(pace.job.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_end(*tps)
        for tp in tps:
            await consumer.position(tp)
        tell(ready=True)
        changes: dict[bytes, tuple[float, int, bytes]] = {}
        heard = None
        while len(changes) < len(wanted) and (heard is None or time.time() - heard < pace.silence_s):
            fetched = await consumer.getmany(timeout_ms=1000)
            now = time.time()
            for records in fetched.values():
                for record in records:
                    # The first of each: a worker that was killed tells some again.
                    if record.key in wanted and record.key not in changes:
                        changes[record.key] = now, record.timestamp, record.value
                heard = now
            await asyncio.sleep(pace.rest_s)
        return changes
    finally:
        await consumer.stop()


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
