"""Screens, as a process: follow the live events of everybody, and note what comes when."""

import asyncio
import gc
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

from bench.job import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """``screens`` follow ``query`` until SIGTERM; ``found`` is where it goes.

    Of the first screen it is noted when each member's first event came.
    """

    port: int
    screens: int
    query: str
    found: str

    @classmethod
    def from_arguments(cls) -> "Following":
        """From the JSON that the first argument is."""
        return cls(**json.loads(sys.argv[1]))

    def argument(self) -> str:
        """For :meth:`from_arguments`."""
        return json.dumps(asdict(self))


class Screen(asyncio.Protocol):
    """One stream: how many events it had, and whether it was ended."""

    def __init__(self, query: str, *, noting: bool) -> None:
        self._query = query
        self._noting = noting
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self.open = asyncio.Event()
        self.events = 0
        self.ended = ""
        self.seen: dict[str, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        # Not an isinstance: uvloop's transports are of no class of asyncio's.
        cast(asyncio.WriteTransport, transport).write(
            b"GET /v1/events%b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % self._query.encode()
        )

    def connection_lost(self, _exc: Exception | None) -> None:
        """A stream that ended without a word."""
        self.ended = self.ended or "cut"
        self.open.set()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Events, whole ones or not, of the parser."""
        now = time.time()
        self.open.set()
        *whole, self._rest = (self._rest + body).split(b"\n\n")
        for event in whole:
            _, found, data = event.partition(b"\ndata: ")
            if event.startswith(b"event: "):
                self.ended = event.partition(b"\n")[0].decode()[len("event: ") :]
            elif found:
                self.events += 1
                if self._noting:
                    self.seen.setdefault(json.loads(data)["subject"], now)


async def follow(following: Following) -> list[Screen]:
    """Open the streams, tell, and read until told to end."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    screens = []
    for number in range(following.screens):
        noting = number == 0
        _, screen = await loop.create_connection(
            lambda noting=noting: Screen(following.query, noting=noting),  # type: ignore[misc]  # a default, not a parameter
            "127.0.0.1",
            following.port,
        )
        await screen.open.wait()
        screens.append(screen)
    tell(open=len(screens))
    await stop.wait()
    return screens


def main() -> None:
    """Follow, write down, stop."""
    following = Following.from_arguments()
    gc.disable()  # Our own pauses are not the server's.
    screens = uvloop.run(follow(following))
    found = {
        "events": [screen.events for screen in screens],
        "ended": [screen.ended for screen in screens],
        "seen": screens[0].seen,
    }
    Path(following.found).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
