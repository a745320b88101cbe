"""More workers on the same partitions: what an order costs in processor time must not rise."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench.contenders.memberpulse import Memberpulse
from bench.job import Job
from bench.loading import check, load
from bench.running import Running, Sample, running
from bench.tables import Table
from bench.workload import Standing, Workload
from streams.commands.output import notes

_PARTITIONS: Final = 12
_TOPIC: Final = "scale-orders"
#: Share of the orders before the figures begin: workers come one after the other, each with a rebalance.
_SKIPPED: Final = 0.3
#: How long nobody handles anything when all is handled.
_SILENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Scale:
    """One number of workers, all on this machine."""

    workers: int
    orders: int
    per_second: float
    per_cpu_second: float


def measure(
    scorer: Memberpulse, bootstrap: str, workers: Sequence[int], members: int, orders: int, now: int
) -> list[Scale]:
    """Each number of workers, in turns; ``now`` is epoch ms.

    Raises:
        WrongResultError, ContenderFailedError: then nothing is reported.
    """
    workload = Workload(orders, members, now)
    load(bootstrap, _TOPIC, _PARTITIONS, workload, orders)
    expected = workload.standings(orders)
    return [_with(scorer, bootstrap, count, orders, expected) for count in workers]


def _with(scorer: Memberpulse, bootstrap: str, workers: int, orders: int, expected: Mapping[bytes, Standing]) -> Scale:
    notes().print(f"Scale: {workers} worker(s) over {_PARTITIONS} partitions", highlight=False)
    job = Job(name=f"scale-{workers}", bootstrap=bootstrap, topic=_TOPIC, partitions=_PARTITIONS, events=orders)
    scorer.prepare(job)
    with ExitStack() as started, ThreadPoolExecutor(workers) as watching:
        processes = [started.enter_context(running(scorer.command(job), scorer.folder)) for _ in range(workers)]
        samples = list(watching.map(_watched, processes))
    check(scorer, job, expected, 0)
    return together(workers, orders, samples)


def _watched(process: Running) -> list[Sample]:
    """Its progress until it has handled nothing more for a while, though it is alive."""
    return process.samples_until_quiet(_SILENCE_S)


def together(workers: int, orders: int, samples: Sequence[Sequence[Sample]]) -> Scale:
    """The speed of all, from when they had handled the skipped share together, and each a part of it, until the last
    was done.
    """
    end = max(each[-1].at for each in samples)
    whole = sum(each[-1].handled for each in samples)
    instants = sorted(sample.at for each in samples for sample in each)
    begun = [each for each in samples if each[-1].handled]
    begin = next(
        at
        for at in instants
        if sum(_at(each, at).handled for each in samples) >= _SKIPPED * whole
        # What a worker's coming costs, rebalance and recovery, is no order's.
        and all(_at(each, at).handled for each in begun)
    )
    done = whole - sum(_at(each, begin).handled for each in samples)
    cpu = sum(each[-1].cpu - _at(each, begin).cpu for each in samples)
    return Scale(workers, orders, done / (end - begin), done / cpu)


def _at(samples: Sequence[Sample], at: float) -> Sample:
    """The last sample that is not later, else the first with nothing handled."""
    found = samples[0]
    for sample in samples:
        if sample.at > at:
            break
        found = sample
    return found


def table(scales: Sequence[Scale]) -> Table:
    """A line for each number of workers, held against the first."""
    first = scales[0]
    lines = [
        (
            f"{each.workers}",
            f"{each.per_second:,.0f}",
            f"{each.per_cpu_second:,.0f}",
            f"{each.per_cpu_second / first.per_cpu_second:.2f}",
        )
        for each in scales
    ]
    how = (
        f"{first.orders:,} orders in 12 partitions, shared by so many workers on the same cores as the broker; from "
        "30 % of the orders handled, and not before every worker has handled some, to the last one; every member's "
        "result checked. More workers than cores gain nothing here: what may not fall is the last column but one."
    )
    columns = ("workers", "orders/s together", "orders per CPU second", "of one worker's")
    return Table("More workers", columns, lines, how)
