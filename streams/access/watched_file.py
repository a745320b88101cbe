"""A small file that is read again when it has changed, so that a revoked key is refused without a restart."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How old the knowledge may be, in seconds.
LOOK_EVERY_SECONDS: Final = 1.0


class WatchedFile(Generic[T]):
    """What ``read`` makes of the file at ``path``, at most a second old.

    A file that became unusable leaves what was read last in force, and says so once: a slip of an editor must not
    close every till. A file that is gone is for ``read`` to judge.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], T],
        unusable: type[Exception],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file for the first time; ``unusable`` is what ``read`` raises, and is raised here too."""
        self._path = path
        self._read = read
        self._unusable = unusable
        self._monotonic = monotonic
        self._mark = self._marks()
        self._value = read(path)
        self._next_look = monotonic() + LOOK_EVERY_SECONDS

    def value(self) -> T:
        """The latest usable content."""
        now = self._monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY_SECONDS
            self._look()
        return self._value

    def _look(self) -> None:
        mark = self._marks()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = self._read(self._path)
        except self._unusable as error:
            log.error("%s. What was read before stays in force", error)  # noqa: TRY400 - the text says it all
        else:
            log.info("Read %s again: it had changed", self._path)

    def _marks(self) -> tuple[int, ...]:
        """What differs when the file is another one; nothing when there is none."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - called for every second of traffic; a Path's is no clearer
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ino, status.st_size, status.st_mode
