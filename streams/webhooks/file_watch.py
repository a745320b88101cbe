"""Was the endpoints' file changed? A changed one is taken as a whole, or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from streams.webhooks.endpoint_file import Endpoint, EndpointFileError, load
from streams.webhooks.file_stamp import stamp

log = logging.getLogger(__name__)

_ROUND_S: Final = 1.0


class WatchedFile:
    """A file that somebody may change or replace at any time. ``hang_up`` asks to read it now, changed or not."""

    def __init__(self, path: Path, hang_up: asyncio.Event | None = None, round_seconds: float = _ROUND_S) -> None:
        """Make it before the file is read for the first time: what is changed after this is noticed."""
        self._path = path
        self._hang_up = asyncio.Event() if hang_up is None else hang_up
        self._round_seconds = round_seconds
        self._judged = stamp(path)

    async def changes(self) -> AsyncIterator[dict[str, Endpoint] | EndpointFileError]:
        """The endpoints of every changed file, or what is wrong with it; without an end.

        Looked at once a second. A file is read when it was the same at two looks, so that nobody is taken at half a
        word.
        """
        before = self._judged
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._round_seconds):
                    await self._hang_up.wait()
            now = stamp(self._path)
            is_settled = now == before and now != self._judged
            before = now
            if not is_settled and not self._hang_up.is_set():
                continue
            self._hang_up.clear()
            self._judged = now
            try:
                yield await asyncio.to_thread(load, self._path)
            except EndpointFileError as error:
                yield error
