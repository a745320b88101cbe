"""Orders per second: a process for each contender, rounds in turns, results checked before speeds are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.common_job import tier_changes
from bench.job import Contender, Job
from bench.loading import check, delete_topics
from bench.running import running
from bench.spread import Speed, Spread, speed
from bench.tables import spread_text
from bench.workload import Workload
from streams.commands.output import notes
from streams.commands.progress import amount

#: What :func:`lines` has for each contender.
COLUMNS: Final = ("", "orders", "orders/s", "times", "orders per CPU second", "times", "memory, MiB")


@dataclass(slots=True)
class Results:
    """Every round of one contender; ``written`` is what it wrote in its last one, by topic."""

    title: str
    events: int
    speeds: list[Speed] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> Spread:
        """Orders per second."""
        return Spread.of([each.per_second for each in self.speeds])

    @property
    def per_cpu_second(self) -> Spread:
        """Orders per second of processor time."""
        return Spread.of([each.per_cpu_second for each in self.speeds])


def ratios(ours: Results, theirs: Results) -> tuple[Spread, Spread]:
    """How many times as fast, round by round: by time, by processor time."""
    pairs = list(zip(ours.speeds, theirs.speeds, strict=True))
    return (
        Spread.of([a.per_second / b.per_second for a, b in pairs]),
        Spread.of([a.per_cpu_second / b.per_cpu_second for a, b in pairs]),
    )


def race(
    field_: Sequence[Contender], jobs: Mapping[str, Job], workload: Workload, rounds: int
) -> tuple[dict[str, Results], dict[str, Job]]:
    """Run every contender ``rounds`` times in turns; results and the last round's job by contender name.

    What a round wrote is deleted before the contender's next one; the last round's stays.

    Raises:
        WrongResultError, ContenderFailedError: then nothing is reported.
    """
    results = {each.name: Results(each.title, jobs[each.name].events) for each in field_}
    sizes = {job.events for job in jobs.values()}
    expected = {events: workload.standings(events) for events in sizes}
    changes = {events: tier_changes(workload, events) for events in sizes}
    last: dict[str, Job] = {}
    for number in range(1, rounds + 1):
        for contender in field_:
            if contender.name in last:
                delete_topics(last[contender.name].bootstrap, list(contender.written(last[contender.name])))
            base = jobs[contender.name]
            job = Job(
                name=f"{contender.name}-{number}",
                bootstrap=base.bootstrap,
                topic=base.topic,
                partitions=base.partitions,
                events=base.events,
            )
            last[contender.name] = job
            notes().print(f"Round {number} of {rounds}: {contender.title}, {job.events:,} orders", highlight=False)
            contender.prepare(job)
            with running(contender.command(job), contender.folder) as process:
                samples = process.samples(job.events)
                memory = process.memory()
            result = results[contender.name]
            result.written = check(contender, job, expected[job.events], changes[job.events])
            result.speeds.append(speed(samples, job.events))
            result.memory.append(memory)
            told = amount(result.speeds[-1].per_second, "orders/s")
            notes().print(
                f"  {told}, {amount(result.speeds[-1].per_cpu_second, 'orders')} per CPU second", highlight=False
            )
    return results, last


def lines(everybody: Sequence[Results]) -> list[tuple[str, ...]]:
    """A line for each, held against the first."""
    found: list[tuple[str, ...]] = []
    for results in everybody:
        times, cpu_times = ratios(everybody[0], results)
        own = results is everybody[0]
        found.append(
            (
                results.title,
                f"{results.events:,}",
                spread_text(results.per_second),
                "" if own else spread_text(times, 1),
                spread_text(results.per_cpu_second),
                "" if own else spread_text(cpu_times, 1),
                f"{max(results.memory) / 2**20:,.0f}",
            )
        )
    return found
