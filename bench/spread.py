"""The few statistics of the reports: a median with its range, percentiles, speeds between two shares of the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from bench.running import Sample


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Raises ValueError without any value."""
        return cls(median(values), min(values), max(values))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the ordered values do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("a percentile needs at least one value")
    rank = -(-share * len(ordered) // 1)
    return ordered[max(int(rank), 1) - 1]


@dataclass(frozen=True, slots=True)
class Speed:
    """Orders per second of time and per second of processor time."""

    per_second: float
    per_cpu_second: float


def speed(samples: Sequence[Sample], events: int, skipped: float = 0.1) -> Speed:
    """The speed from ``skipped`` (a share of ``events``) to the end; the beginning is interpolated between samples."""
    first = events * skipped
    later = next(number for number, sample in enumerate(samples) if sample.handled >= first)
    after = samples[later]
    before = samples[later - 1] if later else after
    between = after.handled - before.handled
    share = (first - before.handled) / between if between else 0.0
    since = before.at + share * (after.at - before.at)
    cpu_since = before.cpu + share * (after.cpu - before.cpu)
    begun = first if between else float(after.handled)
    end = samples[-1]
    done = end.handled - begun
    return Speed(done / (end.at - since), done / (end.cpu - cpu_since))
