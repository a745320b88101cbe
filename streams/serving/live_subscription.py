"""One client of a live stream: what still has to be sent to it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from streams.config import LiveSettings
from streams.outcome_facts import OutcomeFacts
from streams.serving.endings import OVERRUN
from streams.serving.live_entries import LiveEntry
from streams.serving.live_positions import OF_A_MEMBER, OF_EVERYBODY, packed, text_of


class Subscription:
    """``indices`` are the partitions that concern it, ``member_id`` the one member or None for everybody.

    Behind at first, then ``live``: until then the hub replays the history to it from ``serial`` on, and ``position``
    is where it stands.
    """

    def __init__(
        self,
        wants: Callable[[OutcomeFacts], bool],
        member_id: str | None,
        indices: Sequence[int],
        settings: LiveSettings,
    ) -> None:
        self.wants = wants
        self.member_id = member_id
        self.indices = indices
        self.sort = OF_EVERYBODY if member_id is None else OF_A_MEMBER
        self.position: list[int] = []
        self.serial = 0
        self.live = False
        #: The name of the last event, once the stream is to end.
        self.ended = ""
        self._most_events = settings.queue_events
        self._most_bytes = settings.queue_bytes
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Queue an event; a client that is too far behind is ended, and what it has not taken is dropped."""
        if self.ended:
            return
        self._queue.append(frame)
        self._bytes += len(frame)
        if len(self._queue) > self._most_events or self._bytes > self._most_bytes:
            self.end(OVERRUN)
        else:
            self._wake.set()

    def end(self, name: str) -> None:
        """Let the next event be the last one, by its name."""
        if not self.ended:
            self.ended = name
            self._queue.clear()
            self._wake.set()

    def take(self) -> bytes:
        """Everything that is queued, possibly nothing."""
        taken = b"".join(self._queue)
        self._queue.clear()
        self._bytes = 0
        self._wake.clear()
        return taken

    @property
    def has_everything(self) -> bool:
        """Whether nothing is queued: only then is the client where everything is."""
        return not self._queue and not self.ended

    async def wait(self) -> None:
        """Until something is queued or the stream is to end."""
        await self._wake.wait()

    def replayed(self, entry: LiveEntry) -> bytes:
        """The event of an entry of the history, b"" where it is not wanted; the position moves behind it."""
        place = entry.index - self.indices[0]
        self.position[place] = max(self.position[place], entry.next_offset)
        return entry.frame(self.position_text()) if self.wants(entry.facts) else b""

    def misses(self, entry: LiveEntry) -> bool:
        """Whether an entry of the history lies behind the position."""
        place = entry.index - self.indices[0]
        return (
            0 <= place < len(self.position)
            and entry.offset >= self.position[place]
            and self.member_id in (None, entry.facts.member_id)
        )

    def position_text(self) -> str:
        """The position while the stream is not live."""
        return text_of(self.sort, map(packed, self.position))
