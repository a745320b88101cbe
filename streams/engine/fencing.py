"""Ending the process at once, and knowing when it must end: a paused process, or one that makes no progress."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from typing import NoReturn

#: Seconds that go on while the machine is suspended, which ``time.monotonic`` leaves out on Linux.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic() -> float:
    """Seconds since some instant, never falling, suspension included where the system can tell."""
    return time.clock_gettime(_CLOCK)


#: Exit codes (sysexits.h) of a process that ended itself.
EX_DATAERR = 65
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_TEMPFAIL = 75
EX_CONFIG = 78
#: Not one of them: what a shell says of a program that Ctrl-C ended.
EX_INTERRUPTED = 130


def end_process(code: int, why: str) -> NoReturn:
    """Leave at once: no flush, no orderly stop, nothing written or committed past the failure.

    Whatever was not committed is replayed by the next process, which skips what is already remembered.
    """
    sys.stdout.flush()
    print(f"memberpulse ends with exit code {code}: {why}", file=sys.stderr, flush=True)
    os._exit(code)


class PauseFence:
    """Notices that this process stood still for so long that another worker may own its partitions.

    Heartbeats come from another thread, which stands still with us when the process is stopped (SIGSTOP, a suspended
    machine).
    Half the session timeout leaves the other half before the group gives our partitions away.
    """

    #: Seconds between two beats; a gap is known this precisely.
    beat_seconds = 0.1

    def __init__(
        self,
        limit_seconds: float,
        fail: Callable[[int, str], NoReturn] = end_process,
        told: Callable[[float], None] = lambda _: None,
    ) -> None:
        """``told`` hears at every beat how many seconds late it was."""
        self.limit_seconds = limit_seconds
        self._fail = fail
        self._told = told
        self._beat_at = monotonic()

    def check(self) -> None:
        """Call before anything is written: ends the process when the last beat is too old."""
        gap = monotonic() - self._beat_at
        if gap > self.limit_seconds:
            self._fail(
                EX_TEMPFAIL,
                f"the event loop stood still for {gap:.1f} s, longer than half the session timeout "
                f"({self.limit_seconds:.1f} s); another worker may own the partitions. Start it again.",
            )

    async def run(self) -> None:
        """Beat for ever."""
        self._beat_at = monotonic()
        while True:
            await asyncio.sleep(self.beat_seconds)
            self.check()
            now = monotonic()
            self._told(max(0.0, now - self._beat_at - self.beat_seconds))
            self._beat_at = now


class ProgressWatch:
    """Ends a process that has work and does none of it, even when it does other work meanwhile."""

    def __init__(
        self,
        limit_seconds: float,
        work: Callable[[], Mapping[str, Hashable]],
        fail: Callable[[int, str], NoReturn] = end_process,
    ) -> None:
        """``work`` names every piece of work at hand, each with a value that changes with every step forward."""
        self.limit_seconds = limit_seconds
        self._work = work
        self._fail = fail

    async def run(self) -> None:
        """Look for ever, ten times per limit and at most once a second."""
        period = min(1.0, self.limit_seconds / 10)
        since: dict[str, tuple[Hashable, float]] = {}
        while True:
            await asyncio.sleep(period)
            now = monotonic()
            seen: dict[str, tuple[Hashable, float]] = {}
            for name, step in self._work().items():
                before = since.get(name)
                seen[name] = before if before is not None and before[0] == step else (step, now)
                if now - seen[name][1] > self.limit_seconds:
                    self._fail(EX_TEMPFAIL, f"no progress for {self.limit_seconds:.0f} s: {name}. Start it again.")
            since = seen
