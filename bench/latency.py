"""How long after an order is appended can a consumer read the tier change?

Orders are sent on a schedule that waits for nobody (an open loop).
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.contenders.memberpulse import Memberpulse, settings_for
from bench.job import Job
from bench.running import running
from bench.spread import percentile
from bench.workload import Standing
from streams.commands.output import notes
from streams.topics import TIER_CHANGES

#: An order of 900.00 lifts anybody to the highest tier of the shipped policy, at 800.00; who is there already takes no
#: part.
LIFTING_AMOUNT: Final = 90_000
_TOP_MONETARY: Final = 80_000
_TOP_FREQUENCY: Final = 12
#: Orders sent before those that count, in seconds: connections are made and code paths warm.
WARM_UP_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the two processes beside the scorer are told: who orders, how fast, and where to write what they saw."""

    bootstrap: str
    orders_topic: str
    changes_topic: str
    partitions: int
    members: list[str]
    rate: int
    amount: int
    sent: str
    read: str

    def save(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def from_arguments(cls) -> "Pace":
        """From the file that the first argument names."""
        return cls(**json.loads(Path(sys.argv[1]).read_text()))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    median: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Percentiles":
        """Of at least one latency in milliseconds."""
        ordered = sorted(values)
        return cls(percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])


@dataclass(frozen=True, slots=True)
class Latency:
    """Of ``orders`` orders at ``rate`` per second. ``known_members`` were in the scorer's state."""

    orders: int
    rate: int
    known_members: int
    from_append: Percentiles
    from_schedule: Percentiles


def measure(contender: Memberpulse, job: Job, standings: Mapping[bytes, Standing], rate: int, seconds: int) -> Latency:
    """Start the scorer on the state that ``job`` left and send orders that each move a tier, every member's once.

    Raises:
        ContenderFailedError: a process ended, or a change did not come within 30 s of the last order.
        ValueError: there are not enough members who can rise.
    """
    movers = [
        key.decode()
        for key, (count, spent, _) in standings.items()
        if count + 1 < _TOP_FREQUENCY and spent < _TOP_MONETARY
    ]
    wanted = rate * (seconds + WARM_UP_S)
    if len(movers) < wanted:
        raise ValueError(
            f"{wanted:,} members who can rise are needed for {seconds} s at {rate}/s; there are {len(movers):,}"
        )
    notes().print(f"Latency: {rate:,} orders/s for {seconds} s", highlight=False)
    with tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as folder:
        home = Path(folder)
        pace = Pace(
            bootstrap=job.bootstrap,
            orders_topic=job.topic,
            changes_topic=settings_for(job).topic(TIER_CHANGES),
            partitions=job.partitions,
            members=movers[:wanted],
            rate=rate,
            amount=LIFTING_AMOUNT,
            sent=str(home / "sent.json"),
            read=str(home / "read.json"),
        )
        pace.save(home / "pace.json")
        with running(contender.command(job), contender.folder) as scorer:
            scorer.wait_for("recovered")
            with running([sys.executable, "-m", "bench.awaited_changes", str(home / "pace.json")]) as reader:
                reader.wait_for("ready")
                with running([sys.executable, "-m", "bench.paced_orders", str(home / "pace.json")]) as orders:
                    orders.wait_for("sent")
                reader.wait_for("read")
        sent: list[tuple[float, int]] = json.loads((home / "sent.json").read_text())
        read: dict[str, float] = json.loads((home / "read.json").read_text())
    counted = range(rate * WARM_UP_S, wanted)
    return Latency(
        orders=len(counted),
        rate=rate,
        known_members=len(standings),
        from_append=Percentiles.of([read[event_id(n)] * 1000 - sent[n][1] for n in counted]),
        from_schedule=Percentiles.of([(read[event_id(n)] - sent[n][0]) * 1000 for n in counted]),
    )


def event_id(number: int) -> str:
    """The event id of a paced order, by which its tier change is known."""
    return f"paid-{number + 5_000_000_000:010d}"
