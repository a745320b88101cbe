"""One request to one endpoint: was it accepted, and if not, why and when may it be tried again?"""

import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from ssl import SSLContext, create_default_context
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from streams.version import version
from streams.webhooks.addresses import ForbiddenAddressError, connector
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.file_stamp import Stamp, stamp

#: What is read of a response, in bytes. Only the status counts; a short rest lets the connection be used again.
_MOST_READ: Final = 16 * 1024
#: What a test delivery shows of it, in bytes.
_SHOWN: Final = 200
#: No endpoint may ask for more patience than this, in seconds.
_LONGEST_RETRY_AFTER_S: Final = 86_400.0


class AttemptFailed(Exception):
    """An endpoint did not accept an outcome. ``reason`` is one of ``streams.metrics.webhooks.DELIVERY_FAILURES``.

    ``retry_after`` are the seconds that the endpoint asked to be left alone.
    """

    def __init__(self, reason: str, told: str, retry_after: float = 0.0) -> None:
        super().__init__(told)
        self.reason = reason
        self.retry_after = retry_after


class Accepted(NamedTuple):
    """An endpoint's consent: its status, and the beginning of what it said, for people."""

    status: int
    said: str


class EndpointClient:
    """The connections to one endpoint. An asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, resolver: AbstractResolver | None = None) -> None:
        """Certificates are checked against ``ca_file``, or the machine's authorities without one.

        Raises:
            OSError: ``ca_file`` cannot be read.
        """
        self._endpoint = endpoint
        # Before the file is read: what is changed after this is noticed.
        self._authorities = _authorities(endpoint)
        self._tls: SSLContext = create_default_context(cafile=endpoint.ca_file)
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_up_to_date(self) -> bool:
        """Whether ``ca_file`` is still the one that was read."""
        return self._authorities == _authorities(self._endpoint)

    async def __aenter__(self) -> Self:
        """Connects nowhere yet."""
        endpoint = self._endpoint
        self._session = aiohttp.ClientSession(
            connector=connector(
                allow_private=endpoint.allow_private,
                tls=self._tls,
                most=endpoint.concurrency,
                resolver=self._resolver,
            ),
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A few bytes of a compressed body can become gigabytes.
            auto_decompress=False,
            headers={"user-agent": f"memberpulse/{version()}", "accept-encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, body: bytes, headers: dict[str, str], now: float) -> Accepted:
        """Send one request; ``now`` (epoch seconds) is what a date in ``Retry-After`` is compared with.

        Raises:
            AttemptFailed: the answer is no 2xx, or there is none within the endpoint's timeout.
        """
        assert self._session is not None, "the client was not entered"
        try:
            response = await self._session.post(self._endpoint.url, data=body, headers=headers, allow_redirects=False)
        except TimeoutError as error:
            raise AttemptFailed("timeout", f"no answer within {self._endpoint.timeout_seconds} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AttemptFailed(*_of_connection(error)) from error
        async with response:
            said = b""
            # The status is the answer: what goes wrong in the rest of it takes nothing back.
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                said = await _beginning(response)
            if response.status // 100 != 2:
                raise _refusal(response, now)
            return Accepted(response.status, said[:_SHOWN].decode("utf-8", "replace"))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    taken = bytearray()
    async for chunk in response.content.iter_any():
        taken += chunk
        if len(taken) > _MOST_READ:
            response.close()
            break
    return bytes(taken)


def _of_connection(error: Exception) -> tuple[str, str]:
    """The reason and a sentence."""
    forbidden = _forbidden(error)
    if forbidden is not None:
        return "address", f"{forbidden}; allow_private = true permits it"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", f"its name cannot be resolved ({error.os_error})"
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return "tls", f"no trusted connection ({error})"
    return "connection", f"no connection, or it was closed without an answer ({str(error) or type(error).__name__})"


def _forbidden(error: BaseException | None) -> ForbiddenAddressError | None:
    """The forbidden address that led to an error, however often it was wrapped."""
    while error is not None and not isinstance(error, ForbiddenAddressError):
        error = error.__cause__ or error.__context__
    return error


def _refusal(response: aiohttp.ClientResponse, now: float) -> AttemptFailed:
    status = response.status
    said = re.sub(r"[^\x20-\x7e]", "?", f"{status} {response.reason or ''}").strip()[:80]
    if status == 410:
        return AttemptFailed("gone", f"it answered {said}: no more deliveries are wanted")
    if 300 <= status < 400:
        return AttemptFailed("redirect", f"it answered {said}; redirects are not followed: correct the url")
    if status == 429:
        return AttemptFailed("throttled", f"it answered {said}", _retry_after(response, now))
    kind = "server_error" if status >= 500 else "client_error"
    return AttemptFailed(kind, f"it answered {said}", _retry_after(response, now) if status == 503 else 0.0)


def _retry_after(response: aiohttp.ClientResponse, now: float) -> float:
    """What ``Retry-After`` (RFC 9110, section 10.2.3) asks for, in seconds; 0 without one that can be read."""
    given = response.headers.get("Retry-After", "")
    if given.isascii() and given.isdecimal():
        wait = float(given[:9])
    else:
        try:
            wait = parsedate_to_datetime(given).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER_S)


def _authorities(endpoint: Endpoint) -> Stamp | None:
    return None if endpoint.ca_file is None else stamp(Path(endpoint.ca_file))
