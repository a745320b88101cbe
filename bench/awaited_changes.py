"""The till of the latency measurement, as a process: reads tier changes and notes when each could be read."""

import asyncio
import gc
import json
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.job import tell
from bench.latency import Pace

#: After so long without a change (in seconds) no more will come.
_SILENCE_S = 30.0


async def read(pace: Pace) -> list[tuple[float, bytes]]:
    """Every tier change from now on, with the instant (epoch seconds) at which it was at hand, until all have come."""
    consumer = AIOKafkaConsumer(bootstrap_servers=pace.bootstrap)
    await consumer.start()
    try:
        tps = [TopicPartition(pace.changes_topic, number) for number in range(pace.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_end(*tps)
        tell(ready=True)
        changes: list[tuple[float, bytes]] = []
        heard = time.time()
        while len(changes) < len(pace.members) and time.time() - heard < _SILENCE_S:
            fetched = await consumer.getmany(timeout_ms=1000)
            now = time.time()
            for records in fetched.values():
                changes += [(now, record.value) for record in records]
                heard = now
        return changes
    finally:
        await consumer.stop()


def main() -> None:
    """Read, match by the causing event's id, write down."""
    pace = Pace.from_arguments()
    gc.disable()  # Our own pauses are not the scorer's.
    changes = asyncio.run(read(pace))
    at: dict[str, float] = {}
    for instant, value in changes:
        at.setdefault(json.loads(value)["cause"]["event_id"], instant)
    assert len(at) == len(pace.members), (
        f"{len(pace.members) - len(at):,} orders moved no tier within {_SILENCE_S:.0f} s"
    )
    Path(pace.read).write_text(json.dumps(at))
    tell(read=len(at))


if __name__ == "__main__":
    main()
