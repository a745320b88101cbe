"""The customers, as a process: orders on a schedule, whatever becomes of them."""

import asyncio
import gc
import json
import time
from pathlib import Path

from bench.job import tell
from bench.loading import sender
from bench.pace import Pace
from bench.workload import paid
from streams.engine.sending import Batches, Place
from streams.murmur import partition_of

#: Time to write down an order before the first is sent (seconds), and to begin.
_WRITING_S = 20e-6
_BEGINNING_S = 0.5


async def send(pace: Pace) -> float:
    """Send every order at its time, those that are due at once together; when the first was due (epoch seconds)."""
    partitions = pace.job.partitions
    begin = time.time() + pace.orders * _WRITING_S + _BEGINNING_S
    orders: list[tuple[Place, bytes, bytes]] = []
    for number, (event, key, amount) in enumerate(pace.events()):
        value = paid(event, int(key[2:]), int((begin + number / pace.rate) * 1000), amount)
        if key[:2] != b"m-":
            value = value.replace(b'"member_id":"m-', b'"member_id":"p-', 1)
        orders.append(((pace.job.topic, partition_of(key, partitions)), key, value))
    async with sender(pace.job.bootstrap) as sending:
        sent = 0
        tell(begun=True)
        while sent < len(orders):
            wait = begin + sent / pace.rate - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            until = max(sent + 1, min(int((time.time() - begin) * pace.rate) + 1, len(orders)))
            now_due: dict[Place, Batches] = {}
            for place, key, value in orders[sent:until]:
                now_due.setdefault(place, Batches()).append(key, value)
            sent = until
            await sending.send(now_due)
    return begin


def main() -> None:
    """Send, write down when it began, stop."""
    pace = Pace.from_arguments()
    gc.disable()  # Our own pauses are not the scorer's.
    begin = asyncio.run(send(pace))
    Path(pace.sent).write_text(json.dumps(begin))
    tell(sent=pace.orders)


if __name__ == "__main__":
    main()
