"""How fast a worker is back: changelog records restored per second, by starting the scorer on what it wrote before."""

from dataclasses import dataclass
from time import perf_counter

from bench.contenders.memberpulse import Memberpulse
from bench.job import Job
from bench.running import running
from bench.spread import Spread
from bench.tables import Table, spread_text
from streams.commands.output import notes
from streams.commands.progress import amount


@dataclass(frozen=True, slots=True)
class Recovery:
    """One or more recoveries of the same changelog. Times are seconds, ``memory`` is bytes."""

    records: int
    members: int
    per_second: Spread
    ready_seconds: Spread
    memory: int


def recover(scorer: Memberpulse, job: Job, rounds: int) -> Recovery:
    """Recover the state that ``job`` left, ``rounds`` times.

    The time runs from the beginning of recovery until the worker may absorb events; ``ready_seconds`` from the start of
    the process.
    """
    per_second: list[float] = []
    ready: list[float] = []
    records = members = memory = 0
    for number in range(1, rounds + 1):
        with running(scorer.command(job), scorer.folder) as process:
            facts = process.wait_for("recovered")
            ready.append(perf_counter() - process.started)
            memory = process.memory()
        records, members = facts["recovered"], facts["members"]
        per_second.append(records / facts["seconds"])
        notes().print(
            f"Recovery {number} of {rounds}: {records:,} records, {amount(per_second[-1], 'records/s')}",
            highlight=False,
        )
    return Recovery(records, members, Spread.of(per_second), Spread.of(ready), memory)


def table(recovery: Recovery) -> Table:
    """One line."""
    line = (
        f"{recovery.records:,}",
        f"{recovery.members:,}",
        spread_text(recovery.per_second),
        spread_text(recovery.ready_seconds, 1),
        f"{recovery.memory / 2**20:,.0f}",
    )
    how = (
        "The changelog is the one that the scorer wrote above, not compacted. The speed is from the beginning of "
        "recovery until the worker absorbs events again; the seconds are from the start of the process."
    )
    columns = ("changelog records", "members", "records/s", "seconds", "memory, MiB")
    return Table("Recovery", columns, [line], how)
