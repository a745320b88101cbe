"""What time is it for deliveries, and how do they wait? An argument everywhere, so that days pass in a test."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time as deliveries see it."""

    def now(self) -> float:
        """This moment, in seconds since the epoch (UTC)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """This moment, in seconds since the epoch (UTC)."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
