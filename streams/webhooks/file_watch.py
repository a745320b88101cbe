"""Was the endpoints' file changed, or a ``ca_file`` that it names? A changed one is taken as a whole, or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from streams.webhooks.endpoint_file import Endpoint, EndpointFileError, load
from streams.webhooks.file_stamp import Stamp, stamp

log = logging.getLogger(__name__)

_ROUND_S: Final = 1.0


class WatchedFile:
    """A file that somebody may change or replace at any time. ``hang_up`` asks to read it now, changed or not."""

    def __init__(self, path: Path, hang_up: asyncio.Event | None = None, round_seconds: float = _ROUND_S) -> None:
        """Make it before the file is read for the first time: what is changed after this is noticed."""
        self._path = path
        self._hang_up = asyncio.Event() if hang_up is None else hang_up
        self._round_seconds = round_seconds
        self._judged = self._look(())

    def changes(
        self, in_force: Mapping[str, Endpoint] | None = None
    ) -> AsyncIterator[dict[str, Endpoint] | EndpointFileError]:
        """The endpoints of every changed file, or what is wrong with it; without an end.

        Their authorities' certificates are renewed in place, mostly: the file counts as changed when a ``ca_file``
        was, one of the endpoints ``in_force`` at first.

        Looked at once a second. A file is read when it was the same at two looks, so that nobody is taken at half a
        word.
        """
        beside = _authorities(in_force or {})
        self._judged = self._look(beside) | self._judged
        return self._changes(beside)

    async def _changes(self, beside: set[Path]) -> AsyncIterator[dict[str, Endpoint] | EndpointFileError]:
        before = self._judged
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._round_seconds):
                    await self._hang_up.wait()
            now = self._look(beside)
            is_settled = now == before and now != self._judged
            before = now
            if not is_settled and not self._hang_up.is_set():
                continue
            self._hang_up.clear()
            self._judged = now
            try:
                found = await asyncio.to_thread(load, self._path)
            except EndpointFileError as error:
                yield error
                continue
            beside = _authorities(found)
            # Of those that were watched already it stays as it was before they were read.
            before = self._judged = {path: now[path] if path in now else stamp(path) for path in (self._path, *beside)}
            yield found

    def _look(self, beside: Iterable[Path]) -> dict[Path, Stamp | None]:
        return {path: stamp(path) for path in (self._path, *beside)}


def _authorities(endpoints: Mapping[str, Endpoint]) -> set[Path]:
    return {Path(each.ca_file) for each in endpoints.values() if each.ca_file is not None}
