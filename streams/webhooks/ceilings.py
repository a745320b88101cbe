"""How many requests may an endpoint get per second and per hour? Whoever wants to send queues, in order.

Sliding windows: in no second and in no hour there are more requests than allowed. A library that only says yes or no
would leave the queue, the injected time and the memory of former processes to us all the same.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from streams.webhooks.clock import Clock

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


class SentByMinute:
    """How many requests were made in which minute of the last hour, as one short text to commit beside an offset."""

    def __init__(self, text: str = "") -> None:
        """``text`` is what :meth:`text` made; anything else counts as nothing."""
        self._counts: Counter[int] = Counter()
        for entry in text.split(","):
            minute, _, count = entry.partition(":")
            if minute.isdecimal() and count.isdecimal():
                self._counts[int(minute)] = int(count)

    def add(self, now: float) -> None:
        """Count one request, made at ``now`` (epoch seconds)."""
        self._counts[int(now) // _MINUTE_S] += 1

    def text(self, now: float) -> str:
        """The last hour: ``29713640:12,29713641:3``, minutes since the epoch. At most 61 entries."""
        first = (int(now) - _HOUR_S) // _MINUTE_S
        self._counts = Counter({minute: count for minute, count in self._counts.items() if minute >= first})
        return ",".join(f"{minute}:{count}" for minute, count in sorted(self._counts.items()))

    def instants(self, now: float) -> list[float]:
        """When the requests were made, each as late as it can have been."""
        return [
            instant
            for minute, count in self._counts.items()
            for instant in [min(now, float((minute + 1) * _MINUTE_S))] * count
        ]


class Ceilings:
    """The queue before one endpoint. Requests leave in the order in which they asked."""

    def __init__(self, per_second: int, per_hour: int | None, clock: Clock) -> None:
        self._limits = [(1.0, per_second)] if per_hour is None else [(1.0, per_second), (float(_HOUR_S), per_hour)]
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=max(most for _, most in self._limits))
        self._turn = asyncio.Lock()
        #: The part of the ceilings that is this process's: its part of the endpoint's partitions.
        self.share = 1.0

    def remember(self, sent: Iterable[float]) -> None:
        """Begin with requests that were made before (epoch seconds), by this process or another."""
        self._sent = deque(sorted(sent), maxlen=self._sent.maxlen)

    async def turn(self) -> None:
        """Wait until one more request is within both ceilings, and count it."""
        async with self._turn:
            while (wait := self._wait(self._clock.now())) > 0:
                await self._clock.sleep(wait)
            self._sent.append(self._clock.now())

    def _wait(self, now: float) -> float:
        """For how many seconds nothing may be sent."""
        return max(self._wait_for(seconds, most * self.share, now) for seconds, most in self._limits)

    def _wait_for(self, seconds: float, most: float, now: float) -> float:
        if most < 1:
            # Less than one request in a window is one in a longer window.
            seconds, most = seconds / most, 1
        count = int(most)
        return 0 if len(self._sent) < count else self._sent[-count] + seconds - now
