"""What can be measured by itself, how much of it, and how long that takes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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
    """How much of everything: ``events`` orders of ``members`` members in each of ``rounds`` rounds of the race.

    ``seconds`` is how long each part takes on two cores, the race without its rounds, of which each takes ``round_s``.
    """

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
    round_s: int
    seconds: Mapping[Part, int]

    def expected_s(self, wanted: Collection[Part]) -> int:
        """About how long these parts take on two cores, in seconds; compiling and first downloads come on top."""
        rounds = self.rounds * self.round_s if Part.RACE in wanted else 0
        return rounds + sum(self.seconds[part] for part in wanted)


FULL: Final = Size(
    events=3_000_000,
    members=200_000,
    rounds=3,
    budget=50_000,
    rates=(100, 1000, 10_000, 20_000, 50_000),
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
    round_s=430,
    seconds={
        Part.RACE: 100,
        Part.LATENCY: 135,
        Part.MEMORY: 35,
        Part.STORE: 60,
        Part.MEMBERS: 270,
        Part.SCALE: 135,
        Part.TILL: 160,
    },
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
    round_s=100,
    seconds={
        Part.RACE: 60,
        Part.LATENCY: 50,
        Part.MEMORY: 10,
        Part.STORE: 25,
        Part.MEMBERS: 70,
        Part.SCALE: 40,
        Part.TILL: 60,
    },
)
