"""What all contenders of the common job have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.common_job import STANDING_LIST
from bench.job import Job
from bench.loading import make_topics
from bench.workload import Standing
from streams.instants import parse_instant


class CommonContender(ABC):
    """A contender that does :mod:`bench.common_job`; as a rule its results are JSON lists."""

    name: str
    title: str
    # At 15,000 orders a second, half a minute.
    most = 500_000
    folder: Path | None = None

    def prepare(self, job: Job) -> None:
        """The topic of changes; a contender makes its own changelog."""
        make_topics(job.bootstrap, [self.tier_changes(job)], job.partitions)

    @abstractmethod
    def command(self, job: Job) -> Sequence[str]:
        """How its process is started."""

    @abstractmethod
    def results(self, job: Job) -> str:
        """The topic of standings."""

    def member(self, key: bytes) -> bytes:
        """The member that a key of the results is of."""
        return key

    def standing(self, value: bytes) -> Standing:
        """Count, sum and last time of a list that also has the tier."""
        count, spent, _, last = STANDING_LIST(value)
        return count, spent, parse_instant(last)

    def written(self, job: Job) -> Sequence[str]:
        """The standings and the changes."""
        return [self.results(job), self.tier_changes(job)]

    def tier_changes(self, job: Job) -> str:
        """Where changes of tier go."""
        return f"{job.name}-tier-changes"

    def dead_letters(self, job: Job) -> str | None:  # noqa: ARG002  the protocol's
        """There is none."""
        return None
