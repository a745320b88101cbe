"""Authentication around every route: who asks, may they ask that often, and is it they who ask?"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.exceptions import PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry

from streams.access.authentication import Credentials
from streams.access.caller import LOOPBACK
from streams.access.exposure import is_loopback, is_open
from streams.access.keys_file import KeysFileError, keys_path
from streams.access.rates import Header, Rates
from streams.access.watched_file import WatchedFile
from streams.config import Settings
from streams.metrics.access import AccessMetrics

log = logging.getLogger(__name__)

#: A route whose ``opt`` has this key is for everybody.
PUBLIC: Final = "public"


class Authentication(ASGIMiddleware):
    """Puts the :class:`streams.access.caller.Caller` into ``scope["user"]``; without one, no route runs.

    Access is open (whoever reaches loopback may do anything) until the first key is made, which this notices within a
    second. It never opens again: when the file of keys vanishes, nobody gets in.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    exclude_opt_key = PUBLIC

    def __init__(self, settings: Settings, metrics: AccessMetrics, unix: Callable[[], float] = time.time) -> None:
        """Read the keys.

        Raises:
            KeysFileError: the file of keys cannot be used.
            KeySetError: the key set file cannot be used.
        """
        access = settings.access
        self._open = is_open(settings)
        self._has_keys = WatchedFile(keys_path(settings), Path.exists, KeysFileError)
        self._refused = metrics.refused
        self._rates = Rates(access.requests_per_second, access.failures_per_minute, unix)
        self._credentials = Credentials(settings, self._rates, metrics, unix)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate and count the request, then pass it on.

        Raises:
            NotAuthorizedException: no credential, or one that opens nothing.
            PermissionDeniedException: a browser was tricked into asking an open API.
            TooManyRequestsException: the caller, or refusals of its address, are too many.
        """
        headers = dict(scope["headers"])
        if self._open and self._has_keys.value():
            self._open = False
            log.info("A key was made: from now on nobody is answered without one")
        if self._open:
            self._refuse_foreign_pages(headers)
            scope["user"] = LOOPBACK
            await next_app(scope, receive, send)
            return
        authorization = headers.get(b"authorization")
        client = scope.get("client")
        caller = self._credentials.caller(
            None if authorization is None else authorization.decode("latin-1"), client[0] if client else ""
        )
        scope["user"] = caller
        try:
            told = self._rates.take(caller)
        except Exception:
            self._refused["rate"].inc()
            raise
        await next_app(scope, receive, _telling(send, told))

    def _refuse_foreign_pages(self, headers: dict[bytes, bytes]) -> None:
        """Without keys, being on this machine is the credential, which every page in its browser has, too.

        A page of another site shows itself by its Origin, one whose name was rebound to 127.0.0.1 by the Host.
        """
        host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname
        origin = headers.get(b"origin")
        from_here = origin is None or is_loopback(urlsplit(origin.decode("latin-1")).hostname or "")
        if not (from_here and is_loopback(host or "")):
            self._refused["origin"].inc()
            raise PermissionDeniedException(
                detail="without keys only programs on this machine are answered, and no page of another site: "
                "ask for 127.0.0.1 or localhost, or make a key by 'memberpulse keys create'"
            )


def authentication(settings: Settings, registry: CollectorRegistry) -> Authentication:
    """The middleware for these settings, with its metrics in ``registry``.

    Raises:
        KeysFileError: the file of keys cannot be used.
        KeySetError: the key set file cannot be used.
    """
    return Authentication(settings, AccessMetrics(registry))


def _telling(send: Send, told: tuple[Header, ...]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *told]
        await send(message)

    return sending
