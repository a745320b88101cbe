"""``GET /v1/events`` and ``GET /v1/members/{member_id}/events``: outcomes as they are told, as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final

from litestar import Litestar, Request, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from streams.access.caller import Scope, caller_of
from streams.access.guards import requires
from streams.config import Settings
from streams.metrics.live import LiveMetrics
from streams.outcome_facts import GROUPS, KINDS, OutcomeFacts, Selection
from streams.serving.live_hub import Ahead, LiveHub, NotReady, TooManyClients, TooOld
from streams.serving.live_positions import NoPosition
from streams.serving.live_reader import LiveReader
from streams.serving.live_responses import MEDIA_TYPE, EventStream
from streams.serving.live_subscription import Subscription
from streams.serving.problems import Problem
from streams.serving.shapes import StreamEvent
from streams.serving.told_problems import problems

#: How long a request waits for this process to catch up with another one that the client was connected to before.
_CATCH_UP_SECONDS: Final = 2.0
_LOOK_AGAIN_SECONDS: Final = 0.02
_RETRY_AFTER: Final = {"Retry-After": "5"}

_EXAMPLE: Final = {
    "id": "mBQUDAg",
    "event": "tier.upgraded",
    "data": '{"specversion":"1.0","id":"0b2c…","type":"memberpulse.tier.upgraded.v1","source":"/memberpulse/score",'
    '"subject":"00042","time":"2026-07-22T04:26:40.123Z","sequence":"00000000000000000003",'
    '"datacontenttype":"application/json","data":{"kind":"tier.upgraded",…}}',
}
_RESPONSES: Final = {
    200: ResponseSpec(
        StreamEvent,
        description="Server-sent events, without an end. Each has an id, an event name (the kind of outcome) and the "
        "outcome as a CloudEvent in structured JSON; a comment every 15 s. The last event before the server ends a "
        "stream is overrun, stopping, renew or restart, and says what to do",
        media_type=MEDIA_TYPE,
        generate_examples=False,
        examples=[Example(summary="a tier change", value=_EXAMPLE)],
    ),
    **problems(410, 431, 503),
}

MemberId = Annotated[str, PathParameter(description="the member's id", min_length=1, max_length=64)]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        description="the id of the last event received: the stream goes on behind it",
        max_length=32_768,
    ),
]
Types = Annotated[
    list[str] | None,
    QueryParameter(
        name="type",
        description=f"only these kinds of outcomes, or groups of them ({', '.join(GROUPS)}); may be repeated",
        examples=[Example(summary="rises and every alert", value=["tier.upgraded", "lifecycle"])],
    ),
]
Tiers = Annotated[
    list[str] | None,
    QueryParameter(name="tier", description="only members who have one of these tiers, or have just left it"),
]
Shops = Annotated[
    list[str] | None,
    QueryParameter(name="shop", description="only what an order in one of these shops caused"),
]


@get(
    "/events",
    guards=[requires(Scope.EVENTS_READ)],
    responses=_RESPONSES,
    summary="Everybody's outcomes, live",
    operation_id="followEverybody",
    tags=["events"],
)
async def everybody(
    request: Request[Any, Any, Any],
    last_event_id: LastEventId = None,
    types: Types = None,
    tiers: Tiers = None,
    shops: Shops = None,
) -> EventStream:
    """Tier changes, alerts and segment changes of all members, as the scorer tells them."""
    return await _stream(request, None, last_event_id, _selection(types, tiers, shops))


@get(
    "/members/{member_id:str}/events",
    guards=[requires(Scope.EVENTS_READ)],
    responses=_RESPONSES,
    summary="One member's outcomes, live",
    operation_id="followMember",
    tags=["events"],
)
async def of_member(
    request: Request[Any, Any, Any],
    member_id: MemberId,
    last_event_id: LastEventId = None,
    types: Types = None,
    tiers: Tiers = None,
    shops: Shops = None,
) -> EventStream:
    """Tier changes, alerts and segment changes of one member. Whether there is such a member is not told."""
    return await _stream(
        request, request.app.state.pseudonyms.of(member_id), last_event_id, _selection(types, tiers, shops)
    )


HANDLERS: Final[tuple[ControllerRouterHandler, ...]] = (everybody, of_member)


def _selection(types: list[str] | None, tiers: list[str] | None, shops: list[str] | None) -> Selection:
    try:
        return Selection.of(types or (), tiers or (), shops or ())
    except ValueError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, str(error), kind="unknown-type", more={"allowed": [*GROUPS, *KINDS]}
        ) from error


async def _stream(
    request: Request[Any, Any, Any], member_id: str | None, last_event_id: str | None, selection: Selection
) -> EventStream:
    caller = caller_of(request)
    settings: Settings = request.app.state.settings
    hub: LiveHub = request.app.state.live

    def wants(facts: OutcomeFacts) -> bool:
        return caller.sees_shop(facts.shop_id) and selection.wants(facts)

    client = await _opened(hub, wants, member_id, last_event_id)
    return EventStream(hub, client, settings.live, hub.metrics)


async def _opened(
    hub: LiveHub, wants: Callable[[OutcomeFacts], bool], member_id: str | None, last_event_id: str | None
) -> Subscription:
    until = time.monotonic() + _CATCH_UP_SECONDS
    while True:
        try:
            return hub.open(wants, member_id, last_event_id)
        except Ahead:
            if time.monotonic() > until:
                raise _too_old() from None
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TooOld:
            raise _too_old() from None
        except NoPosition as error:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"Last-Event-ID cannot be read: {error}. Send the id of an event of this very stream, or none",
                kind="bad-position",
            ) from None
        except NotReady:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the outcome topics have not been reached yet, or this process is about to stop; try again",
                kind="live-not-ready",
                headers=_RETRY_AFTER,
            ) from None
        except TooManyClients:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "as many streams are open as the setting live.clients allows; try again, or at another process",
                kind="too-many-streams",
                headers=_RETRY_AFTER,
            ) from None


def _too_old() -> Problem:
    return Problem(
        HTTPStatus.GONE,
        "what came after this Last-Event-ID is not kept any more, or it belongs to other topics. Connect again without "
        "it, and look the members up; webhooks can be replayed from a time, and the outcome topics keep everything",
        kind="position-gone",
    )


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Read the outcome topics while the app runs; the hub is ``app.state.live``."""
    settings: Settings = app.state.settings
    metrics = LiveMetrics(app.state.registry)
    hub = LiveHub(settings.live, settings.kafka.partitions, metrics)
    app.state.live = hub
    reader = LiveReader(settings, hub, metrics, app.state.now_ms)
    reading = asyncio.ensure_future(reader.run())
    try:
        yield
    finally:
        hub.end_all()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
