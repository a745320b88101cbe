"""``POST /v1/events``: canonical events into the log, each judged by itself, answered when they are safe there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import MediaType, Request, post
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, Reference, RequestBody, Schema
from litestar.types import ControllerRouterHandler

from streams.access.caller import Scope, caller_of
from streams.access.guards import requires
from streams.config import Settings
from streams.metrics.posting import PostingMetrics
from streams.pseudonyms import Pseudonyms
from streams.serving.log_writer import AT_ONCE, Fate, LogWriter, Written
from streams.serving.posted_events import Refusal, Usable, judged, parts
from streams.serving.problems import Problem
from streams.serving.shapes import EventResult, Posted
from streams.serving.told_problems import problems
from streams.topics import MEMBER_EVENTS

NDJSON: Final = "application/x-ndjson"
#: What the framework lets pass at most; the setting posting.bytes is smaller.
_LARGEST_BODY: Final = 67_108_864
RETRY_AFTER: Final = {"Retry-After": "5"}
_AGAIN: Final = "send it again, unchanged: what is in the log twice counts once"


_ORDER: Final = {
    "type": "order.paid",
    "event_id": "till-7-000123",
    "member_id": "00042",
    "occurred_at": "2026-07-22T13:26:40+09:00",
    "order_id": "o-1",
    "net_amount": 4125,
    "currency": "USD",
    "shop_id": "s-1",
}
_EVENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="a canonical event; each type has further fields",
    required=["type", "event_id", "member_id", "occurred_at"],
    properties={
        "type": Schema(type=OpenAPIType.STRING),
        "event_id": Schema(type=OpenAPIType.STRING, min_length=1, max_length=64),
        "member_id": Schema(type=OpenAPIType.STRING, min_length=1, max_length=64),
        "occurred_at": Schema(type=OpenAPIType.STRING, description="RFC 3339 with an offset"),
    },
)


@dataclass
class _TakesEvents(Operation):
    """The operation's body: read as bytes, so that the framework cannot know what it is."""

    def __post_init__(self) -> None:
        one_or_many = Schema(one_of=[_EVENT, Schema(type=OpenAPIType.ARRAY, items=_EVENT, min_items=1, max_items=1000)])
        examples: dict[str, Example | Reference] = {
            "one": Example(summary="one event", value=_ORDER),
            "many": Example(summary="several events", value=[_ORDER]),
        }
        self.request_body = RequestBody(
            required=True,
            description="one event, a list of up to 1,000, or one per line",
            content={
                "application/json": OpenAPIMediaType(schema=one_or_many, examples=examples),
                NDJSON: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)),
            },
        )


@post(
    "/events",
    guards=[requires(Scope.EVENTS_WRITE)],
    status_code=HTTPStatus.MULTI_STATUS,
    media_type=MediaType.JSON,
    request_max_body_size=_LARGEST_BODY,
    operation_class=_TakesEvents,
    responses=problems(413, 415, 503),
    response_description="What became of each event",
    summary="Write canonical events, one or up to 1,000",
    operation_id="postEvents",
    tags=["events"],
)
async def post_events(request: Request[Any, Any, Any]) -> Posted:
    """One canonical event or up to 1,000, in the log and acknowledged by all replicas when this answers.

    Events of a member keep the order of the request. Sending an event again is safe: the log has it twice then, and
    the scorer counts it once.
    """
    settings: Settings = request.app.state.settings
    caller = caller_of(request)
    pseudonyms: Pseudonyms = request.app.state.pseudonyms
    body = await _body(request, settings.posting.bytes)
    verdicts = []
    for number, event in enumerate(_parts(request, body, settings), 1):
        verdicts.append(judged(event, caller.sees_shop, pseudonyms))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    usable = [each for each in verdicts if isinstance(each, Usable)]
    writer: LogWriter = request.app.state.log_writer
    written = await writer.write(
        MEMBER_EVENTS, [(each.key, each.value) for each in usable], settings.posting.deadline_seconds
    )
    results = _results(verdicts, written)
    metrics: PostingMetrics = request.app.state.posting_metrics
    for each in results:
        metrics.events[each.result].inc()
    counts = {name: sum(each.result == name for each in results) for name in ("accepted", "refused")}
    if any(each.fate is not Fate.WRITTEN for each in written):
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Kafka did not acknowledge every event within {settings.posting.deadline_seconds:g} s. "
            "Send those again that were not accepted, or all of them, with the same event_id",
            kind="log-unavailable",
            headers=RETRY_AFTER,
            more={**counts, "events": msgspec.to_builtins(results)},
        )
    return Posted(counts["accepted"], counts["refused"], results)


HANDLERS: Final[tuple[ControllerRouterHandler, ...]] = (post_events,)


async def _body(request: Request[Any, Any, Any], most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body has more than {most:,} bytes (setting posting.bytes); send it in several requests",
                kind="too-large",
            )
    return bytes(body)


def _parts(request: Request[Any, Any, Any], body: bytes, settings: Settings) -> list[bytes]:
    media, _ = request.content_type
    if media not in ("", MediaType.JSON, NDJSON):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type is {media}; send application/json or {NDJSON}",
            kind="media-type",
        )
    try:
        found = parts(body, lines=media == NDJSON)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, str(error), kind="broken-json") from error
    if not found:
        raise Problem(HTTPStatus.BAD_REQUEST, "there is no event in the body", kind="no-event")
    if len(found) > settings.posting.events:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(found):,} events; at most {settings.posting.events:,} may come in one request (setting "
            "posting.events). Nothing was written",
            kind="too-many-events",
        )
    return found


def _results(verdicts: Sequence[Usable | Refusal], written: Sequence[Written]) -> list[EventResult]:
    following = iter(written)
    results = []
    for verdict in verdicts:
        if isinstance(verdict, Refusal):
            forbidden = verdict.reason == "forbidden_shop"
            results.append(
                EventResult(
                    "refused",
                    HTTPStatus.FORBIDDEN if forbidden else HTTPStatus.UNPROCESSABLE_ENTITY,
                    verdict.event_id,
                    reason=verdict.reason,
                    detail=verdict.detail,
                    what_to_do=verdict.what_to_do,
                )
            )
            continue
        where = next(following)
        if where.fate is Fate.WRITTEN:
            results.append(
                EventResult(
                    "accepted", HTTPStatus.ACCEPTED, verdict.event_id, MEMBER_EVENTS, where.partition, where.offset
                )
            )
        else:
            results.append(EventResult(where.fate, HTTPStatus.SERVICE_UNAVAILABLE, verdict.event_id, what_to_do=_AGAIN))
    return results
