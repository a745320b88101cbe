"""Run everything: ``python -m bench``, or a minute's version with ``--quick``."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from bench import budget, latency, members, memory, on_disk, recovery, report, rule_costs, scale, till
from bench.builds import BuildFailedError, Builds, builds
from bench.contenders.memberpulse import Memberpulse
from bench.field import KAFKA_STREAMS_BEST, engines, peers
from bench.job import Contender, Job
from bench.loading import WrongResultError, load
from bench.plot import draw
from bench.running import ContenderFailedError
from bench.surroundings import surroundings
from bench.throughput import race
from bench.workload import Workload
from scoring.vocabulary import DAY_MS
from streams.devstack import DevStack, DevStackError

_PARTITIONS: Final = 4
_HOME: Final = Path(__file__).parent


class Part(StrEnum):
    """What can be measured by itself."""

    RACE = "race"  # throughput, recovery, where the time goes
    LATENCY = "latency"
    MEMORY = "memory"
    STORE = "store"
    MEMBERS = "members"
    SCALE = "scale"
    TILL = "till"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    events: int
    members: int
    rounds: int
    budget: int
    rates: tuple[int, ...]
    rated_orders: int
    memory_members: int
    store_members: int
    many_members: int
    many_orders: int
    many_seconds: int
    scale_orders: int
    workers: tuple[int, ...]
    till_seconds: int
    screens: int


FULL: Final = Size(
    events=3_000_000,
    members=200_000,
    rounds=3,
    budget=50_000,
    rates=(100, 1000, 10_000, 50_000),
    rated_orders=200_000,
    memory_members=2_000_000,
    store_members=1_000_000,
    many_members=10_000_000,
    many_orders=500_000,
    many_seconds=40,
    scale_orders=1_500_000,
    workers=(1, 2, 4),
    till_seconds=10,
    screens=1000,
)
QUICK: Final = Size(
    events=200_000,
    members=40_000,
    rounds=1,
    budget=20_000,
    rates=(100, 1000, 10_000),
    rated_orders=20_000,
    memory_members=300_000,
    store_members=100_000,
    many_members=200_000,
    many_orders=50_000,
    many_seconds=10,
    scale_orders=200_000,
    workers=(1, 2),
    till_seconds=3,
    screens=100,
)


def measure(size: Size, date: str, wanted: Collection[Part]) -> report.Figures:
    """What is wanted, each part of Kafka's against a broker of its own."""
    now = int(time.time() * 1000)
    figures = report.Figures(surroundings=surroundings(date))
    with builds() as made:
        scorer = Memberpulse(made.compiled or made.pure, compiled=made.compiled is not None)
        if Part.RACE in wanted:
            with DevStack(redis=False) as stack, TemporaryDirectory(prefix="memberpulse-bench-") as state:
                figures.race = _race(size, made, stack.broker.bootstrap, Path(state), now // DAY_MS * DAY_MS)
        if Part.LATENCY in wanted:
            with DevStack() as stack:
                figures.latency = latency.measure(
                    scorer, stack.broker.bootstrap, stack.redis.url, size.members, size.rates, size.rated_orders, now
                )
        if Part.MEMORY in wanted:
            figures.memory = memory.measure_in(scorer.folder, size.memory_members)
        if Part.STORE in wanted:
            with DevStack(redis=False) as stack:
                figures.stores = on_disk.measure(
                    scorer, stack.broker.bootstrap, size.store_members, size.many_orders, now
                )
        if Part.MEMBERS in wanted:
            with DevStack(redis=False) as stack:
                figures.many = members.measure(
                    scorer, stack.broker.bootstrap, size.many_members, size.many_orders, size.many_seconds, now
                )
        if Part.SCALE in wanted:
            with DevStack(redis=False) as stack:
                figures.scale = scale.measure(
                    scorer, stack.broker.bootstrap, size.workers, size.members, size.scale_orders, now
                )
        if Part.TILL in wanted:
            with DevStack() as stack:
                figures.till = till.measure(
                    scorer,
                    stack.broker.bootstrap,
                    stack.broker.pid,
                    stack.redis.url,
                    size.members,
                    size.till_seconds,
                    size.screens,
                    now,
                )
    return figures


def _race(size: Size, made: Builds, bootstrap: str, state: Path, ends_at: int) -> report.Race:
    """Everybody in turns; then what the fastest scorer left is recovered, and its steps are timed one by one."""
    workload = Workload(size.events, size.members, ends_at)
    scorers = [Memberpulse(made.pure, compiled=False)]
    if made.compiled is not None:
        scorers.insert(0, Memberpulse(made.compiled, compiled=True))
    others = engines(made) + peers(state)
    field: list[Contender] = [*scorers, *others]
    jobs = _load(bootstrap, field, workload)
    results, last = race(field, jobs, workload, size.rounds)
    left = last[scorers[0].name]
    return report.Race(
        product=[results[each.name] for each in scorers],
        beside=results.get(KAFKA_STREAMS_BEST),
        common=[results[each.name] for each in others],
        members=size.members,
        recovery=recovery.recover(scorers[0], left, size.rounds),
        budget=budget.measure_in(scorers[0].folder, left, size.budget, ends_at),
        rules=rule_costs.measure_in(scorers[0].folder),
    )


def _load(bootstrap: str, field: Sequence[Contender], workload: Workload) -> dict[str, Job]:
    """A topic for each number of orders that contenders read, and every contender's job by its name."""
    jobs: dict[str, Job] = {}
    for contender in field:
        events = min(contender.most, workload.events)
        topic = f"orders-{events}"
        if topic not in {job.topic for job in jobs.values()}:
            load(bootstrap, topic, _PARTITIONS, workload, events)
        jobs[contender.name] = Job(name="", bootstrap=bootstrap, topic=topic, partitions=_PARTITIONS, events=events)
    return jobs


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="about a minute; the tables go to the terminal only")] = False,
    rounds: Annotated[int, typer.Option(min=0, help="rounds of each contender; 0: as many as usual")] = 0,
    date: Annotated[str, typer.Option(help="the date to write on the page; default: today, UTC")] = "",
    only: Annotated[list[Part] | None, typer.Option(help="measure this part alone; may be given again")] = None,
    output: Annotated[
        Path | None, typer.Option(help="the page to write; default: docs/benchmarks.md, with --quick none")
    ] = None,
) -> None:
    """Measure throughput, recovery, latency, memory and where the time goes, on this machine with a Kafka of its own.

    With ``--only`` the other tables of the page stay as they are.
    """
    size = QUICK if quick else FULL
    if rounds:
        size = Size(**{name: getattr(size, name) for name in Size.__slots__} | {"rounds": rounds})
    date = date or time.strftime("%Y-%m-%d", time.gmtime())
    try:
        figures = measure(size, date, only or list(Part))
    except (WrongResultError, ContenderFailedError, DevStackError, BuildFailedError) as error:
        Console(stderr=True).print(f"[red]bench:[/] {error}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    parts = report.sections(figures)
    report.show(Console(), parts)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    report.save_json(_HOME / "results" / f"{stamp}{'-quick' if quick else ''}.json", figures)
    page = output or (None if quick else _HOME.parent / "docs" / "benchmarks.md")
    if page is not None:
        draw(figures, page)
        before = page.read_text() if only and page.exists() else ""
        page.write_text(report.markdown(figures.surroundings, parts, before))
        Console().print(f"written: {page}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
