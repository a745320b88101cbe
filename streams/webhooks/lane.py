"""One partition of all the topics of an endpoint, put into the order in which the scorer decided."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from streams.webhooks.completeness import Complete
from streams.webhooks.outcome import Outcome, UnusableOutcomeError, outcome_of
from streams.webhooks.remembered import Remembered

#: Comes before every outcome: it holds up nobody.
_FIRST: Final = (-1, -1, -1)


class Waiting(NamedTuple):
    """A record that was read and is not handled yet; ``outcome`` is None, and ``problem`` says why, where it is none.

    ``timestamp`` is when it was written, in epoch milliseconds.
    """

    topic: str
    offset: int
    timestamp: int
    outcome: Outcome | None
    problem: str = ""


class Lane:
    """What waits in one partition, and how far it is done."""

    def __init__(self, number: int, begins: Mapping[str, int], memory: Remembered | None = None) -> None:
        """``begins`` are the first offsets that are not handled yet, by topic (physical name)."""
        self.number = number
        #: The first offset of each topic that is not handled yet: what is to be committed.
        self.done = dict(begins)
        self.memory = Remembered() if memory is None else memory
        #: Set whenever there may be more to do.
        self.news = asyncio.Event()
        self._read_to = dict(begins)
        self._waiting: dict[str, deque[Waiting]] = {topic: deque() for topic in begins}

    def put(self, topic: str, records: Iterable[Any]) -> None:
        """Take what was read, in log order; the records are aiokafka's."""
        queue = self._waiting[topic]
        for record in records:
            try:
                outcome, problem = outcome_of(record.value, tuple(record.headers)), ""
            except UnusableOutcomeError as error:
                outcome, problem = None, str(error)
            queue.append(Waiting(topic, record.offset, record.timestamp, outcome, problem))
            self._read_to[topic] = record.offset + 1

    def waiting(self, topic: str) -> int:
        """How many records of a topic wait here."""
        return len(self._waiting[topic])

    def next(self, complete: Complete | None) -> Waiting | None:
        """What the scorer decided first of all that waits; None when that cannot be said yet.

        Where the scorer began again after a crash, outcomes repeat. Each of them then still comes for the first time
        after all that were decided before it: what precedes it in its own topic was decided before it, too.
        """
        heads = [queue[0] for queue in self._waiting.values() if queue]
        if not heads:
            return None
        first = min(heads, key=_order)
        empty = [topic for topic, queue in self._waiting.items() if not queue]
        if first.outcome is None or self._none_before(first.outcome, empty, complete):
            return first
        return None

    def _none_before(self, outcome: Outcome, empty: Sequence[str], complete: Complete | None) -> bool:
        """Whether the topics of which nothing waits have nothing more that was decided before this."""
        if not empty:
            return True
        if complete is None:
            return False
        if complete.committed is not None and outcome.log_offset >= complete.committed:
            return False
        return all(self._read_to[topic] >= complete.ends.get(topic, 0) for topic in empty)

    def finish(self, waiting: Waiting) -> None:
        """What :meth:`next` returned is handled."""
        self._waiting[waiting.topic].popleft()
        self.done[waiting.topic] = waiting.offset + 1
        if waiting.outcome is not None:
            self.memory.refused_seconds = 0.0

    def oldest(self) -> int | None:
        """When the oldest record that waits was written, in epoch milliseconds."""
        return min((queue[0].timestamp for queue in self._waiting.values() if queue), default=None)


def _order(waiting: Waiting) -> tuple[int, int, int]:
    return _FIRST if waiting.outcome is None else waiting.outcome.order
