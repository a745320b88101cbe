"""Who is how fast: everybody in turns; then what the fastest scorer left is recovered, and its steps are timed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import budget, recovery, rule_costs, throughput
from bench.builds import Builds
from bench.contenders.memberpulse import Memberpulse
from bench.field import KAFKA_STREAMS_BEST, engines, peers
from bench.job import Contender, Job
from bench.loading import load
from bench.tables import Table
from bench.throughput import Results
from bench.workload import Workload

_PARTITIONS: Final = 4
#: Drawn beside the page.
PICTURE: Final = "benchmarks.svg"


@dataclass(frozen=True, slots=True)
class Race:
    """``product`` is the scorer with all its rules, the fastest build first, ``common`` the common job, our engine
    first; ``beside`` is the peer of the common job that the product is held against, None where it could not be run.
    """

    product: Sequence[Results]
    beside: Results | None
    common: Sequence[Results]
    members: int
    recovery: recovery.Recovery
    budget: Sequence[budget.Step]
    rules: Sequence[rule_costs.RuleCost]


def measure(made: Builds, bootstrap: str, workload: Workload, rounds: int, steps: int, ends_at: int) -> Race:
    """``rounds`` rounds over the workload, ``steps`` orders for each step of the budget; ``ends_at`` is epoch ms.

    Raises:
        WrongResultError, ContenderFailedError: then nothing is reported.
    """
    scorers = [Memberpulse(made.pure, compiled=False)]
    if made.compiled is not None:
        scorers.insert(0, Memberpulse(made.compiled, compiled=True))
    with TemporaryDirectory(prefix="memberpulse-bench-") as state:
        others = engines(made) + peers(Path(state))
        field: list[Contender] = [*scorers, *others]
        jobs = _load(bootstrap, field, workload)
        results, last = throughput.race(field, jobs, workload, rounds)
    left = last[scorers[0].name]
    return Race(
        product=[results[each.name] for each in scorers],
        beside=results.get(KAFKA_STREAMS_BEST),
        common=[results[each.name] for each in others],
        members=workload.members,
        recovery=recovery.recover(scorers[0], left, rounds),
        budget=budget.measure_in(scorers[0].folder, left, steps, ends_at),
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


def tables(race: Race) -> list[Table]:
    """The two fields, then what the fastest scorer takes its time for."""
    return [
        _common(race),
        _product(race),
        recovery.table(race.recovery),
        budget.table(race.budget, race.product[0].per_cpu_second.median),
        rule_costs.table(race.rules),
    ]


def _common(race: Race) -> Table:
    how = (
        f"Orders of about 250 bytes of {race.members:,} members in 4 partitions. Everybody decodes each order, "
        "keeps count, sum, last time and tier (by the sum) per member, writes a record whenever the tier moves, "
        "remembers its state (a changelog in Kafka; Bytewax: SQLite; PyFlink: checkpoints on disk) and commits every "
        "second, in one process; PyFlink's Java and Python are counted together. Compiled are our engine and, as "
        "Java's are, the lines that count the orders. From "
        f"10 % of the orders handled to the last one; {len(race.common[0].speeds)} round(s) in turns; slower "
        "contenders read the first of the orders. Times: how many times as fast the first line is."
    )
    return Table("The common job", throughput.COLUMNS, throughput.lines(race.common), how, PICTURE)


def _product(race: Race) -> Table:
    written = sum(race.product[0].written.values()) / race.product[0].events
    how = (
        f"The scorer applies the shipped policy to the same orders and writes {written:.1f} records per order "
        "(outcomes, scores, changelog), with commits every second. Compiled means the optional build by mypyc (`make "
        "compile`). For comparison, the last line is from the table above: a peer that does the common job only."
    )
    field = [*race.product, *([] if race.beside is None else [race.beside])]
    return Table("The product with its rules", throughput.COLUMNS, throughput.lines(field), how)
