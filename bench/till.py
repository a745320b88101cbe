"""How fast are look-ups, previews and live events over HTTP, beside a scorer at work?"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench import asked, followed
from bench.asked import Asked
from bench.base import Base, write_in
from bench.contenders.memberpulse import Memberpulse
from bench.followed import Followed
from bench.job import Job
from bench.loading import load
from bench.pace import Pace, run
from bench.shop import opened
from bench.tables import Table
from bench.workload import Workload
from bench.yielding import yield_processor

_PARTITIONS: Final = 4
#: Orders per second beside which tills ask.
BESIDE: Final = 1000
#: What the tills ask per second: look-ups, look-ups at three times the usual, previews.
LOOKUPS: Final = 1000
MANY_LOOKUPS: Final = 3000
PREVIEWS: Final = 500
#: Members whose scores are in Redis before anybody asks, by orders at this rate.
_KNOWN_RATE: Final = 2000
#: Tier changes per second that many screens follow at the same time.
SCREENS_RATE: Final = 20


@dataclass(frozen=True, slots=True)
class Till:
    """Everything that is asked and followed over HTTP."""

    asked: list[Asked]
    followed: list[Followed]


def measure(
    scorer: Memberpulse, bootstrap: str, broker: int, redis: str, members: int, seconds: int, screens: int, now: int
) -> Till:
    """Each for ``seconds``; the last with so many ``screens`` for six times as long. ``now`` is epoch ms.

    ``broker`` is the process id of Kafka, which yields the processor to the API, as scorer and projector do.

    Raises:
        ContenderFailedError: a process ended, or a change did not come.
    """
    job = Job(name="till", bootstrap=bootstrap, topic="till-orders", partitions=_PARTITIONS, events=0)
    plan = [(_KNOWN_RATE, seconds)] + [(BESIDE, seconds)] * 4 + [(SCREENS_RATE, 6 * seconds)]
    pace = Pace(job=job, base=Base(members, 0, now), rate=1, seconds=1, first_mover=0, run=0)
    movers = sum(replace(pace, rate=rate, seconds=long).movers for rate, long in plan)
    pace = replace(pace, base=Base(members, movers, now))
    load(bootstrap, job.topic, job.partitions, Workload(0, 1, now), 0)
    scorer.prepare(job)
    write_in(scorer.folder, job, pace.base)
    yield_processor(broker)
    with (
        tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as place,
        opened(scorer, pace, redis, Path(place)) as shop,
    ):
        known = shop.next_pace(*plan[0])
        run(shop.folder, replace(known, redis=redis))
        shop.members.write_bytes(b"\n".join({key: None for _, key, _ in known.events()}))
        return Till(
            [
                asked.beside_orders(shop, "look-up", LOOKUPS, BESIDE, seconds),
                asked.beside_orders(shop, "look-up", MANY_LOOKUPS, BESIDE, seconds),
                asked.beside_orders(shop, "preview", PREVIEWS, BESIDE, seconds),
                asked.alone(shop, seconds),
            ],
            [
                followed.follow(shop, 1, BESIDE, seconds),
                followed.follow(shop, screens, SCREENS_RATE, 6 * seconds),
            ],
        )


def tables(till: Till) -> list[Table]:
    """What was asked, then what was followed."""
    return [asked.table(till.asked), followed.table(till.followed)]
