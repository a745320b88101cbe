"""What rows on disk cost: the same members and orders with the rows in memory and in RocksDB."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.base import Base, write_in
from bench.contenders.memberpulse import Memberpulse
from bench.job import Job
from bench.loading import load
from bench.running import running
from bench.spread import Speed, speed
from bench.tables import Table
from bench.workload import Workload
from streams.commands.output import notes

_PARTITIONS: Final = 4
_TOPIC: Final = "store-orders"


@dataclass(frozen=True, slots=True)
class Store:
    """One of the two. ``memory`` is resident bytes, after recovery and after the orders."""

    name: str
    members: int
    recovered_per_second: float
    memory_recovered: int
    orders: int
    full_speed: Speed
    memory_after: int


def measure(scorer: Memberpulse, bootstrap: str, members: int, orders: int, now: int) -> list[Store]:
    """In memory, then on disk; ``now`` is epoch ms.

    Raises:
        ContenderFailedError: a process ended or stood still.
    """
    workload = Workload(orders, members, now)
    load(bootstrap, _TOPIC, _PARTITIONS, workload, orders)
    found: list[Store] = []
    with tempfile.TemporaryDirectory(prefix="memberpulse-bench-") as directory:
        for name, disk in (("memory", None), ("disk", directory)):
            notes().print(f"Store: {members:,} members' rows, {name}", highlight=False)
            job = Job(
                name=f"store-{name}",
                bootstrap=bootstrap,
                topic=_TOPIC,
                partitions=_PARTITIONS,
                events=orders,
                disk=disk,
            )
            scorer.prepare(job)
            write_in(scorer.folder, job, Base(members, 0, now))
            with running(scorer.command(job), scorer.folder) as process:
                facts = process.wait_for("recovered")
                recovered = process.memory()
                # The policies, which it leaves out of its count, are not read again.
                samples = process.samples(orders - _PARTITIONS)
                found.append(
                    Store(
                        name,
                        members,
                        facts["recovered"] / facts["seconds"],
                        recovered,
                        orders,
                        speed(samples, orders),
                        process.memory(),
                    )
                )
    return found


def table(stores: Sequence[Store]) -> Table:
    """A line for each place that rows can be in."""
    lines = [
        (
            each.name,
            f"{each.recovered_per_second:,.0f}",
            f"{each.memory_recovered / 2**20:,.0f}",
            f"{each.full_speed.per_second:,.0f}",
            f"{each.full_speed.per_cpu_second:,.0f}",
            f"{each.memory_after / 2**20:,.0f}",
        )
        for each in stores
    ]
    how = (
        f"{stores[0].members:,} members with five open orders, then {stores[0].orders:,} orders of any of them as fast "
        "as they are handled; rows in memory or in RocksDB (setting `score.store`). Memory is in MiB, of the whole "
        "process."
    )
    columns = ("rows in", "recovered records/s", "memory then", "orders/s", "orders per CPU second", "memory then")
    return Table("Rows on disk", columns, lines, how)
