"""How long after an order is appended can a consumer read the tier change, and Redis answer with the new score?"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench.base import Base, write_in
from bench.contenders.memberpulse import Memberpulse
from bench.job import Job
from bench.loading import load
from bench.pace import WARM_UP_S, Change, Pace, run
from bench.running import running
from bench.spread import percentile
from bench.tables import Table
from bench.workload import Workload
from streams.commands.output import notes

_PARTITIONS: Final = 4
#: Drawn beside the page.
PICTURE: Final = "latency.svg"


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    median: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Percentiles":
        """Of at least one latency in milliseconds."""
        ordered = sorted(values)
        return cls(percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])


@dataclass(frozen=True, slots=True)
class Latency:
    """Of ``measured`` tier changes at ``rate`` orders per second.

    From the order's appending until it was decided, could be read and was in Redis; and from the instant at which it
    was to be sent until it could be read.
    """

    rate: int
    measured: int
    decided: Percentiles
    readable: Percentiles
    stored: Percentiles | None
    from_schedule: Percentiles

    @classmethod
    def of(cls, rate: int, changes: Sequence[Change]) -> "Latency":
        """Of at least one change."""
        stored = [(each.stored - each.appended) * 1000 for each in changes if each.stored is not None]
        return cls(
            rate=rate,
            measured=len(changes),
            decided=Percentiles.of((each.decided - each.appended) * 1000 for each in changes),
            readable=Percentiles.of((each.readable - each.appended) * 1000 for each in changes),
            stored=Percentiles.of(stored) if stored else None,
            from_schedule=Percentiles.of((each.readable - each.due) * 1000 for each in changes),
        )


def measure(
    scorer: Memberpulse, bootstrap: str, redis: str, members: int, rates: Sequence[int], orders: int, now: int
) -> list[Latency]:
    """At each rate, rising, for ``orders`` orders or 10 s, whichever is longer but no more than 20 s.

    One scorer and one projector, on members who are known; ``now`` is epoch ms.

    Raises:
        ContenderFailedError: a process ended, or a change did not come within 30 s of the one before.
    """
    job = Job(name="latency", bootstrap=bootstrap, topic="latency-orders", partitions=_PARTITIONS, events=0)
    blank = Pace(job=job, base=Base(members, 0, now), rate=1, seconds=1, first_mover=0, run=0, redis=redis)
    paces = [replace(blank, rate=rate, seconds=min(max(orders // rate, 5), 20)) for rate in rates]
    base = Base(members, sum(pace.movers for pace in paces), now)
    load(bootstrap, job.topic, job.partitions, Workload(0, 1, now), 0)
    scorer.prepare(job)
    write_in(scorer.folder, job, base)
    found: list[Latency] = []
    projector = [sys.executable, "-m", "bench.projecting", job.argument(), redis]
    with running(scorer.command(job), scorer.folder) as scoring, running(projector, scorer.folder) as projecting:
        projecting.wait_for("ready")
        scoring.wait_for("recovered")
        movers = 0
        for number, pace in enumerate(paces):
            notes().print(f"Latency: {pace.rate:,} orders/s for {pace.seconds} s", highlight=False)
            changes = run(scorer.folder, replace(pace, base=base, first_mover=movers, run=number))
            found.append(Latency.of(pace.rate, changes))
            movers += pace.movers
    return found


def table(latencies: Sequence[Latency]) -> Table:
    """A line for each rate, of which there is at least one."""

    def both(values: Percentiles | None) -> tuple[str, str]:
        return ("", "") if values is None else (f"{values.median:,.1f}", f"{values.p99:,.1f}")

    lines = [
        (
            f"{each.rate:,}",
            *both(each.decided),
            *both(each.readable),
            *both(each.stored),
            *both(each.from_schedule),
        )
        for each in latencies
    ]
    how = (
        "Milliseconds, median and p99, at so many orders per second, sent on a schedule that waits for nobody (an open "
        f"loop), after {WARM_UP_S} s of warm-up. Measured are members whose order lifts them to the highest tier, at "
        "most 1,000 a second; the other orders are small ones of members who stay where they are. From the broker's "
        "timestamp of the order until the scorer had decided, until a consumer had read the tier change, until Redis "
        "said that the new score was there; and from the instant at which the order was to be sent, so that a stalled "
        "system cannot hide by slowing its senders. Kafka's timestamps are whole milliseconds, the rest cut off: half "
        "of one, the mean of that, is added to them. The consumer reads as the scorer does, with one fetch always "
        "under way. Broker, Redis, scorer, projector, sender and two readers are seven processes on the same cores."
    )
    columns = ("orders/s", "decided", "p99", "readable", "p99", "in Redis", "p99", "from schedule", "p99")
    return Table("Latency", columns, lines, how, PICTURE)
