"""What a contender is told, what it tells, and what the bench has to know of it."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from bench.workload import Standing

#: How often a process says how far it is, in seconds: a 500th of the shortest run worth a figure.
TELL_EVERY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one contender: ``events`` orders in ``topic``, which also has one policy record per partition.

    ``name`` is new for every round and begins the name of everything the contender makes in Kafka. ``disk`` is the
    directory of the product's rows where they are not to be in memory.
    """

    name: str
    bootstrap: str
    topic: str
    partitions: int
    events: int
    disk: str | None = None

    def argument(self) -> str:
        """The job as one command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_arguments(cls) -> "Job":
        """The job this process was started with."""
        return cls(**json.loads(sys.argv[1]))


class Contender(Protocol):
    """Something that folds orders into one row per member, in a process of its own.

    The process prints one JSON object per line, ``{"handled": orders so far}``, from its start until SIGTERM ends it in
    order; it need not stop by itself.
    """

    @property
    def name(self) -> str:
        """A short word for files and Kafka names."""

    @property
    def title(self) -> str:
        """What it is, for readers."""

    @property
    def most(self) -> int:
        """How many orders it reads at most: the slower ones read the first of them only."""

    @property
    def folder(self) -> Path | None:
        """Where its process is started; None: here."""

    def prepare(self, job: Job) -> None:
        """Make what it needs in Kafka."""

    def command(self, job: Job) -> Sequence[str]:
        """How its process is started."""

    def results(self, job: Job) -> str:
        """The topic whose last value per member says where the member stands."""

    def member(self, key: bytes) -> bytes:
        """The member that such a value's key is of."""

    def standing(self, value: bytes) -> Standing:
        """What such a value says."""

    def tier_changes(self, job: Job) -> str | None:
        """The topic with a record for every change of tier of the common job; None where it does another job."""

    def written(self, job: Job) -> Sequence[str]:
        """Every topic it writes: counted after the run, deleted after the round."""

    def dead_letters(self, job: Job) -> str | None:
        """The topic that must be empty, where it has one."""


def tell(**facts: object) -> None:
    """Say something to the bench, which reads this process's standard output; without a reader, end."""
    try:
        # The original one: Faust replaces sys.stdout by its log.
        print(json.dumps(facts), file=sys.__stdout__, flush=True)
    except BrokenPipeError:
        # The bench is gone: nobody would ever stop us.
        os._exit(1)


async def tell_progress(handled: Callable[[], int], stop: asyncio.Event | None = None) -> None:
    """Say how many orders are handled, fifty times a second, until ``stop`` is set."""
    while stop is None or not stop.is_set():
        tell(handled=handled())
        await asyncio.sleep(TELL_EVERY_S)
