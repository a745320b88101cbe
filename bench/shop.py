"""A running shop over HTTP: scorer, projector and API, and orders that move members who have not moved yet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contenders.memberpulse import Memberpulse
from bench.pace import Pace
from bench.running import Running, running
from bench.yielding import yield_processor


@dataclass(slots=True)
class Shop:
    """The shop's API, and what the next run has to know. ``place`` is a directory for what processes hand over."""

    folder: Path
    place: Path
    pace: Pace
    api: Running
    port: int
    runs: int = 0
    movers: int = 0

    @property
    def members(self) -> Path:
        """The file of members whom tills ask for, one a line."""
        return self.place / "members"

    def next_pace(self, rate: int, seconds: int) -> Pace:
        """Orders of movers who have not moved yet."""
        pace = replace(self.pace, rate=rate, seconds=seconds, first_mover=self.movers, run=self.runs)
        self.runs += 1
        self.movers += pace.movers
        return pace


@contextmanager
def opened(scorer: Memberpulse, pace: Pace, redis: str, place: Path) -> Iterator[Shop]:
    """The shop of the job of ``pace``, until the end of the block."""

    def module(name: str) -> list[str]:
        return [sys.executable, "-m", f"bench.{name}", pace.job.argument(), redis]

    with (
        running(scorer.command(pace.job), scorer.folder) as scoring,
        running(module("projecting"), scorer.folder) as projecting,
        running(module("serving"), scorer.folder) as api,
    ):
        for bulk in scoring, projecting:
            yield_processor(bulk.pid)
        projecting.wait_for("ready")
        port: int = api.wait_for("port")["port"]
        scoring.wait_for("recovered")
        yield Shop(scorer.folder, place, pace, api, port)
