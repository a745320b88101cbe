"""What can be measured by itself, each part of Kafka's against a broker of its own."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import latency, members, memory, on_disk, race, scale, till
from bench.builds import Builds, builds
from bench.contenders.memberpulse import Memberpulse
from bench.latency import Latency
from bench.members import Members
from bench.memory import MemoryUse
from bench.on_disk import Store
from bench.race import Race
from bench.scale import Scale
from bench.sizes import Part, Size
from bench.surroundings import surroundings
from bench.tables import Table
from bench.till import Till
from bench.workload import Workload
from scoring.vocabulary import DAY_MS
from streams.devstack import DevStack


@dataclass(slots=True)
class Figures:
    """Everything one run found, and how many ``seconds`` each part took."""

    surroundings: Mapping[str, str]
    race: Race | None = None
    latency: Sequence[Latency] = ()
    memory: Sequence[MemoryUse] = ()
    stores: Sequence[Store] = ()
    many: Members | None = None
    scale: Sequence[Scale] = ()
    till: Till | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Run:
    """What every part is given; ``now`` is epoch ms."""

    size: Size
    made: Builds
    now: int

    @property
    def scorer(self) -> Memberpulse:
        """The fastest build."""
        return Memberpulse(self.made.compiled or self.made.pure, compiled=self.made.compiled is not None)


def measure(size: Size, date: str, wanted: Collection[Part]) -> Figures:
    """What is wanted.

    Raises:
        BuildFailedError, DevStackError, ContenderFailedError, WrongResultError: then nothing is reported.
    """
    figures = Figures(surroundings=surroundings(date))
    begun = time.monotonic()
    with builds() as made:
        figures.seconds["builds"] = time.monotonic() - begun
        run = _Run(size, made, int(time.time() * 1000))
        for part in Part:
            if part in wanted:
                begun = time.monotonic()
                _MEASURED[part](figures, run)
                figures.seconds[part] = time.monotonic() - begun
    return figures


def tables(figures: Figures) -> list[Table]:
    """The tables of what was measured, in the order of the page."""
    found: list[Table] = []
    if figures.race is not None:
        found += race.tables(figures.race)
    if figures.latency:
        found.append(latency.table(figures.latency))
    if figures.memory:
        found.append(memory.table(figures.memory))
    if figures.stores:
        found.append(on_disk.table(figures.stores))
    if figures.many is not None:
        found.append(members.table(figures.many))
    if figures.scale:
        found.append(scale.table(figures.scale))
    if figures.till is not None:
        found += till.tables(figures.till)
    return found


def _race(figures: Figures, run: _Run) -> None:
    size = run.size
    midnight = run.now // DAY_MS * DAY_MS
    workload = Workload(size.events, size.members, midnight)
    with DevStack(redis=False) as stack:
        figures.race = race.measure(run.made, stack.broker.bootstrap, workload, size.rounds, size.budget, midnight)


def _latency(figures: Figures, run: _Run) -> None:
    size = run.size
    with DevStack() as stack:
        figures.latency = latency.measure(
            run.scorer, stack.broker.bootstrap, stack.redis.url, size.members, size.rates, size.rated_orders, run.now
        )


def _memory(figures: Figures, run: _Run) -> None:
    figures.memory = memory.measure_in(run.scorer.folder, run.size.memory_members)


def _stores(figures: Figures, run: _Run) -> None:
    size = run.size
    with DevStack(redis=False) as stack:
        figures.stores = on_disk.measure(
            run.scorer, stack.broker.bootstrap, size.store_members, size.many_orders, run.now
        )


def _many(figures: Figures, run: _Run) -> None:
    size = run.size
    with DevStack(redis=False) as stack:
        figures.many = members.measure(
            run.scorer, stack.broker.bootstrap, size.many_members, size.many_orders, size.many_seconds, run.now
        )


def _scale(figures: Figures, run: _Run) -> None:
    size = run.size
    with DevStack(redis=False) as stack:
        figures.scale = scale.measure(
            run.scorer, stack.broker.bootstrap, size.workers, size.members, size.scale_orders, run.now
        )


def _till(figures: Figures, run: _Run) -> None:
    size = run.size
    with DevStack() as stack:
        figures.till = till.measure(
            run.scorer,
            stack.broker.bootstrap,
            stack.broker.pid,
            stack.redis.url,
            size.members,
            size.till_seconds,
            size.screens,
            run.now,
        )


_MEASURED: Final[Mapping[Part, Callable[[Figures, _Run], None]]] = {
    Part.RACE: _race,
    Part.LATENCY: _latency,
    Part.MEMORY: _memory,
    Part.STORE: _stores,
    Part.MEMBERS: _many,
    Part.SCALE: _scale,
    Part.TILL: _till,
}
