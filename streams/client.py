"""A client of the HTTP API for programs in Python: answers as typed records, live events that go on by themselves.

It is part of the extra ``client``, and imports nothing of the server. Instants are RFC 3339 texts in UTC, money is
minor units (cents), as in the API itself (docs/http.md). A client may be used by several threads.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import httpx
import httpx_sse
import msgspec
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from streams.serving.endings import ENDINGS, RESTART
from streams.serving.shapes import Basket, Decided, LookupRequest, LookupResponse, MemberView, Posted, Preview

__all__ = ["ApiProblem", "Basket", "Client", "LiveEvent", "MemberView", "Preview", "StreamRestarted"]

log = logging.getLogger(__name__)

#: How long an answer is waited for (s), unless said otherwise: the server's own deadline for look-ups is 0.05.
TIMEOUT_SECONDS: Final = 1.0
#: A stream says something every 15 s by default; after this long (s) without a byte its connection is dead.
_SILENCE_SECONDS: Final = 60.0
#: Between two attempts to open a stream again (s): random, twice as long at most each time, up to this.
_LONGEST_PAUSE_SECONDS: Final = 30.0
_UNKNOWN_MEMBER: Final = "urn:memberpulse:problem:unknown-member"
#: What is worth another attempt when a stream is opened: too many requests, or a server that is not ready.
_PASSING: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)


class ApiProblem(Exception):
    """The API answered with an error (RFC 9457). ``problem`` is all that it said, ``retry_after`` is in seconds."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.problem = problem
        self.retry_after = retry_after
        said = ": ".join(str(problem[part]) for part in ("title", "detail") if problem.get(part))
        super().__init__(f"HTTP {status}: {said or HTTPStatus(status).phrase}")


class LiveEvent(NamedTuple):
    """An outcome as it was told: ``event_id`` of the stream, to go on behind it later, and the CloudEvent."""

    event_id: str
    kind: str
    outcome: dict[str, Any]


class StreamRestarted(Exception):
    """The outcome topics were made anew, so that no stream can go on behind an earlier event."""


class Client:
    """The API at an address, as ``https://scores.example.com``; ``key`` is an API key or a token.

    Every call raises :class:`ApiProblem` for an answer that is an error, and ``httpx.TransportError`` when there is
    none within the time.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http or httpx.Client(
            base_url=url,
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            timeout=timeout_seconds,
            # Of connections that could not be made: nothing was asked yet.
            transport=httpx.HTTPTransport(retries=1),
        )
        self._sleep = sleep
        self._opening = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_random_exponential(max=_LONGEST_PAUSE_SECONDS),
            sleep=sleep,
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def member(self, member_id: str) -> MemberView | None:
        """The member; None when there is no such member, or none that this key may see."""
        try:
            answer = self._ask("GET", _of(member_id))
        except ApiProblem as problem:
            if problem.type == _UNKNOWN_MEMBER:
                return None
            raise
        return msgspec.json.decode(answer, type=MemberView)

    def members(self, member_ids: Sequence[str]) -> list[MemberView | None]:
        """Up to 100 members, read at the same moment, in the order asked for."""
        asked = msgspec.json.encode(LookupRequest(list(member_ids)))
        found = msgspec.json.decode(self._ask("POST", "/v1/lookups", asked), type=LookupResponse)
        return [each.member for each in found.members]

    def preview(self, member_id: str, basket: Basket) -> Preview:
        """What this basket would do. Nothing is written."""
        answer = self._ask("POST", f"{_of(member_id)}/preview", msgspec.json.encode(basket))
        return msgspec.json.decode(answer, type=Preview)

    def send(self, events: Iterable[Mapping[str, Any]]) -> Posted:
        """Write up to 1,000 canonical events (docs/events.md); returns when they are safe, with what became of each.

        Raises:
            ApiProblem: 503, some may not be in the log; send them again with the same ``event_id``.
        """
        return msgspec.json.decode(self._ask("POST", "/v1/events", msgspec.json.encode(list(events))), type=Posted)

    def grant_tier(self, member_id: str, tier: str, until: str, *, reason: str, actor: str | None = None) -> Decided:
        """Grant a tier as a floor until an instant (RFC 3339 with an offset)."""
        granted = {"tier": tier, "until": until, "reason": reason} | ({} if actor is None else {"actor": actor})
        answer = self._ask("PUT", f"{_of(member_id)}/tier-override", msgspec.json.encode(granted))
        return msgspec.json.decode(answer, type=Decided)

    def withdraw_tier(self, member_id: str, *, reason: str, actor: str | None = None) -> Decided:
        """Withdraw a tier that was granted."""
        return self._decide(f"{_of(member_id)}/tier-override", reason, actor)

    def erase(self, member_id: str, *, reason: str, actor: str | None = None) -> Decided:
        """Erase a member for good. It cannot be undone."""
        return self._decide(_of(member_id), reason, actor)

    def events(
        self,
        member_id: str | None = None,
        *,
        types: Sequence[str] = (),
        tiers: Sequence[str] = (),
        shops: Sequence[str] = (),
        last_event_id: str | None = None,
    ) -> Iterator[LiveEvent]:
        """Outcomes as they are told, of one member or of everybody, without an end.

        A stream that breaks or is ended by the server is opened again behind the last event. An outcome may come
        twice then: its ``id`` tells.

        Raises:
            ApiProblem: the request itself is wrong; 410: what came after ``last_event_id`` is not kept any more.
            StreamRestarted: the outcome topics were made anew; look the members up, then begin without a position.
        """
        where = "/v1/events" if member_id is None else f"{_of(member_id)}/events"
        chosen = {"type": list(types), "tier": list(tiers), "shop": list(shops)}
        while True:
            reconnect_seconds = 0.0
            with closing(self._opening(self._stream, where, chosen, last_event_id)) as stream:
                try:
                    for told in httpx_sse.EventSource(stream).iter_sse():
                        last_event_id = told.id or last_event_id
                        reconnect_seconds = (told.retry or 0) / 1000 or reconnect_seconds
                        if told.event == RESTART:
                            raise StreamRestarted(told.json()["what_to_do"])
                        if told.data and told.event not in ENDINGS:
                            yield LiveEvent(told.id, told.event, told.json())
                except httpx.TransportError as error:
                    log.info("The stream broke (%s); it is opened again", error)
            self._sleep(reconnect_seconds)

    def _stream(self, where: str, chosen: Mapping[str, list[str]], last_event_id: str | None) -> httpx.Response:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        timeout = httpx.Timeout(**self._http.timeout.as_dict() | {"read": _SILENCE_SECONDS})
        request = self._http.build_request("GET", where, params=dict(chosen), headers=headers, timeout=timeout)
        response = self._http.send(request, stream=True)
        if response.is_error:
            response.read()
            response.close()
            raise _problem(response)
        return response

    def _ask(
        self, method: str, where: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        response = self._http.request(method, where, content=body, headers=sent | dict(headers or {}))
        if response.is_error:
            raise _problem(response)
        return response.content

    def _decide(self, where: str, reason: str, actor: str | None) -> Decided:
        headers = {"Memberpulse-Reason": quote(reason)} | ({} if actor is None else {"Memberpulse-Actor": quote(actor)})
        return msgspec.json.decode(self._ask("DELETE", where, headers=headers), type=Decided)


def _of(member_id: str) -> str:
    return f"/v1/members/{quote(member_id, safe='')}"


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        said = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {"detail": "the answer is not of the API: is there another server at this address?"}
    wait = response.headers.get("Retry-After", "")
    return ApiProblem(response.status_code, said, float(wait) if wait.isdecimal() else None)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) or (isinstance(error, ApiProblem) and error.status in _PASSING)
