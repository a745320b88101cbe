"""The customers of the latency measurement, as a process: orders on a schedule, whatever becomes of them."""

import asyncio
import gc
import json
import time
from pathlib import Path

from aiokafka import AIOKafkaProducer

from bench.job import tell
from bench.latency import Pace, event_id
from bench.workload import paid
from streams.murmur import partition_of


async def send(pace: Pace) -> list[tuple[float, int]]:
    """Send every member's order at its time.

    When each was to be sent (epoch seconds) and was appended (epoch ms, by the broker's clock).
    """
    producer = AIOKafkaProducer(bootstrap_servers=pace.bootstrap, acks="all", linger_ms=0)
    await producer.start()
    keys = [member.encode() for member in pace.members]
    places = [partition_of(key, pace.partitions) for key in keys]
    begin = time.time() + 0.5
    sent = []
    try:
        for number, key in enumerate(keys):
            due = begin + number / pace.rate
            wait = due - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            value = paid(5_000_000_000 + number, int(key[2:]), int(due * 1000), pace.amount)
            sent.append((due, await producer.send(pace.orders_topic, value, key=key, partition=places[number])))
        return [(due, (await future).timestamp) for due, future in sent]
    finally:
        await producer.stop()


def main() -> None:
    """Send, write down, stop."""
    pace = Pace.from_arguments()
    gc.disable()  # Our own pauses are not the scorer's.
    sent = asyncio.run(send(pace))
    assert event_id(0) == "paid-5000000000"
    Path(pace.sent).write_text(json.dumps(sent))
    tell(sent=len(sent))


if __name__ == "__main__":
    main()
