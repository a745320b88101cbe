"""A stream of server-sent events as an HTTP answer (HTML standard, section 9.2)."""

import asyncio
import logging
from typing import Final

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from streams.config import LiveSettings
from streams.instants import instant_text
from streams.metrics.live import LiveMetrics
from streams.serving.endings import RENEW, last_event
from streams.serving.live_hub import LiveHub
from streams.serving.live_subscription import Subscription

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
#: How long a client should wait before it connects again by itself.
_RETRY_MS: Final = 2000
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # nginx would collect events until its buffer is full.
    "X-Accel-Buffering": "no",
}


class EventStream(ASGIResponse):
    """Sends what a subscription has until it ends, the client goes, or the client takes nothing for too long.

    Heartbeats carry the position as well: who gets events rarely can still go on from a position that is not old.
    """

    _should_set_content_length = False

    def __init__(self, hub: LiveHub, client: Subscription, settings: LiveSettings, metrics: LiveMetrics) -> None:
        super().__init__(headers=_HEADERS, media_type=MEDIA_TYPE)
        self._hub = hub
        self._client = client
        self._settings = settings
        self._metrics = metrics

    async def start_response(self, send: Send) -> None:
        """Send the head; whatever goes wrong, the subscription is given back."""
        try:
            await super().start_response(send)
        except BaseException:
            self._hub.close(self._client)
            raise

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send events until the end."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        except TimeoutError:
            # Ending without an end makes the server cut the connection.
            self._metrics.ended["stuck"].inc()
            log.warning("A client of a live stream took nothing for %s s", self._settings.slow_client_seconds)
        finally:
            self._hub.close(self._client)
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)

    async def _something_comes(self) -> bool:
        """Whether it came before the next heartbeat; it may have come at the very same moment."""
        try:
            async with asyncio.timeout(self._settings.heartbeat_seconds):
                await self._client.wait()
        except TimeoutError:
            return False
        return True

    async def _write(self, send: Send) -> None:
        until = asyncio.get_running_loop().time() + self._settings.stream_seconds
        await self._send(send, b"retry: %d\nid: %s\n: open\n\n" % (_RETRY_MS, self._here()))
        while (missed := self._hub.catch_up(self._client)) is not None:
            if missed:
                await self._send(send, missed)
            # Many may come back at once, each with a history to look through: the others get their turn.
            await asyncio.sleep(0)
        while not self._client.ended:
            if taken := self._client.take():
                await self._send(send, taken)
            elif not await self._something_comes() and self._client.has_everything:
                await self._send(send, self._heartbeat())
            if asyncio.get_running_loop().time() >= until:
                self._client.end(RENEW)
        await self._send(send, last_event(self._client.ended))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        """Send. Raises TimeoutError when the client takes nothing."""
        async with asyncio.timeout(self._settings.slow_client_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": True})

    def _here(self) -> bytes:
        return self._hub.here(self._client).encode()

    def _heartbeat(self) -> bytes:
        since = self._hub.silent_since
        told = "heartbeat" if since is None else f"heartbeat; Kafka has not answered since {instant_text(since)}"
        return b"id: %s\n: %s\n\n" % (self._here(), told.encode())


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
