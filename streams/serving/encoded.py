"""Answers that are bytes already. Litestar's own response takes a tenth of a look-up's time to find that out."""

from typing import Final

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

_JSON: Final = (b"content-type", b"application/json")


class EncodedJson(ASGIResponse):
    """A JSON body as it is, or none where the status allows none."""

    __slots__ = ("_head",)

    def __init__(self, body: bytes, *, cache_control: bytes, etag: str | None = None, status_code: int = 200) -> None:
        self.body = body
        self.status_code = status_code
        self._head = [(b"cache-control", cache_control)]
        if etag is not None:
            self._head.append((b"etag", etag.encode()))
        if body:
            self._head += (_JSON, (b"content-length", b"%d" % len(body)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self._head})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
