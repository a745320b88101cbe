"""Member ids with a slash: in a path it is written ``%2F``, which is part of the id and parts nothing.

RFC 3986 (section 2.2) tells the two apart, but an ASGI server hands over the path decoded, in which they look the same;
only ``raw_path`` is as it was asked. So before a route is looked for, each ``%2F`` becomes a character that no request
can contain, and what was found in the path gets its slashes back. No route is ever found by a ``%2F``: what a proxy
before the API allows by its path is what the API does.
"""

from typing import Final
from urllib.parse import unquote

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

#: Half of a surrogate pair, which is in no UTF-8 and so in no decoded path.
_STAND_IN: Final = "\udc2f"


def telling_slashes_apart(router: ASGIApp) -> ASGIApp:
    """The application that looks for a route as if an encoded slash were any other character of an id."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        # A server need not give it; without it the id is not found, as before.
        raw = scope.get("raw_path") or b""
        if b"%2f" not in raw and b"%2F" not in raw:
            await router(scope, receive, send)
            return
        decoded = scope["path"]

        async def under_its_path(message: Message) -> None:
            # Where no route was found. Servers log the path, and cannot write the character.
            scope["path"] = decoded
            await send(message)

        asked = raw.partition(b"?")[0].decode("latin-1")
        scope["path"] = unquote(asked.replace("%2f", _STAND_IN).replace("%2F", _STAND_IN))
        await router(scope, receive, under_its_path)

    return routed


class SlashesBack(ASGIMiddleware):
    """Gives the path and what is taken from it their slashes back, once the route is found."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on."""
        if _STAND_IN in scope["path"]:
            scope["path"] = _slashed(scope["path"])
            # A new one: Litestar keeps what it found for the next request of the same path.
            scope["path_params"] = {name: _slashed(value) for name, value in scope["path_params"].items()}
        await next_app(scope, receive, send)


def _slashed(found: str) -> str:
    return found.replace(_STAND_IN, "/")
