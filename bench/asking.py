"""Tills, as a process: ask the HTTP API on a schedule that waits for nobody, and note how long each answer took.

A request is written when it is due, even when its connection still waits for other answers (HTTP/1.1 pipelining): a
server that stands still cannot make the tills ask less, and its pause is in every latency that it caused.
"""

import asyncio
import gc
import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

import httptools
import uvloop

from bench.job import tell

_BASKET: Final = b'{"net_amount":4125,"currency":"USD"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """``rate`` requests a second for ``seconds``, over ``connections``; 0: each connection as fast as it is answered.

    ``members`` names a file of member ids, one per line; ``preview`` asks what a basket would do instead of looking up.
    ``found`` is where the answers' latencies go.
    """

    port: int
    rate: int
    seconds: float
    connections: int
    members: str
    preview: bool
    found: str

    @classmethod
    def from_arguments(cls) -> "Asking":
        """From the JSON that the first argument is."""
        return cls(**json.loads(sys.argv[1]))

    def argument(self) -> str:
        """For :meth:`from_arguments`."""
        return json.dumps(asdict(self))


class Answers:
    """Latencies (s) of good answers, and what was wrong with the others."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.wrong: dict[str, int] = {}

    def note(self, status: int, member: bytes, body: bytes, seconds: float) -> None:
        """An answer is right when it is of the member who was asked for, and read from Redis just now."""
        if status == 200 and b'"member_id":"%b"' % member in body and b'"source":"redis"' in body:
            self.latencies.append(seconds)
        else:
            what = str(status) if status != 200 else "another member, or stale"
            self.wrong[what] = self.wrong.get(what, 0) + 1


class Till(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: Answers, *, preview: bool) -> None:
        self._answers = answers
        self._preview = preview
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.answered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # Not an isinstance: uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Whatever was not answered never will be."""
        self._answers.wrong["connection lost"] = self._answers.wrong.get("connection lost", 0) + len(self.waiting)
        self.waiting.clear()
        self.answered.set()

    def ask(self, due: float, member: bytes) -> None:
        """Write a request that was due at ``due`` (:func:`time.perf_counter`)."""
        self.waiting.append((due, member))
        if self._preview:
            head = b"POST /v1/members/%b/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            self._transport.write(head % member + b"Content-Length: %d\r\n\r\n%b" % (len(_BASKET), _BASKET))
        else:
            self._transport.write(b"GET /v1/members/%b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % member)

    def data_received(self, data: bytes) -> None:
        """Read answers."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """A part of an answer, of the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """An answer is whole, says the parser."""
        due, member = self.waiting.popleft()
        self._answers.note(self._parser.get_status_code(), member, self._body, time.perf_counter() - due)
        self._body = b""
        self.answered.set()


async def ask(asking: Asking, members: list[bytes]) -> Answers:
    """Ask, and wait at most 10 s for the last answers."""
    answers = Answers()
    loop = asyncio.get_running_loop()
    tills = []
    for _ in range(asking.connections):
        _, till = await loop.create_connection(lambda: Till(answers, preview=asking.preview), "127.0.0.1", asking.port)
        tills.append(till)
    if asking.rate:
        begin = time.perf_counter()
        for number in range(int(asking.rate * asking.seconds)):
            due = begin + number / asking.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tills[number % len(tills)].ask(due, members[number % len(members)])
    else:
        end = time.perf_counter() + asking.seconds
        await asyncio.gather(*(_as_fast_as_answered(till, members[n:], end) for n, till in enumerate(tills)))
    async with asyncio.timeout(10):
        for till in tills:
            while till.waiting:
                till.answered.clear()
                await till.answered.wait()
    return answers


async def _as_fast_as_answered(till: Till, members: list[bytes], end: float) -> None:
    number = 0
    while (now := time.perf_counter()) < end:
        till.answered.clear()
        till.ask(now, members[number % len(members)])
        await till.answered.wait()
        number += 1


def main() -> None:
    """Ask, write down, stop."""
    asking = Asking.from_arguments()
    gc.disable()  # Our own pauses are not the server's.
    begin = time.perf_counter()
    answers = uvloop.run(ask(asking, Path(asking.members).read_bytes().split()))
    found = {"seconds": time.perf_counter() - begin, "latencies": answers.latencies, "wrong": answers.wrong}
    Path(asking.found).write_text(json.dumps(found))
    tell(asked=len(answers.latencies))


if __name__ == "__main__":
    main()
