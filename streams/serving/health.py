"""Is the process alive, and may it be sent requests? Neither asks Redis or Kafka: look-ups go on without both."""

from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec

from streams.serving.problems import MEDIA_TYPE, Problem, ProblemDetails


class Health(msgspec.Struct):
    """The process answers. ``policy_version`` is the newest one that was read; null: previews are not possible yet."""

    status: Literal["ok"]
    policy_version: int | None


@get("/live", operation_id="isAlive", summary="Whether the process answers; restart it when it does not")
async def is_alive(request: Request[Any, Any, State]) -> Response[Health]:
    """Answer as long as the event loop turns."""
    return _healthy(request)


@get(
    "/ready",
    operation_id="isReady",
    summary="Whether requests should be sent here; 503 while the process ends",
    responses={
        503: ResponseSpec(
            ProblemDetails, generate_examples=False, description="the process ends", media_type=MEDIA_TYPE
        )
    },
)
async def is_ready(request: Request[Any, Any, State]) -> Response[Health]:
    """Answer 503 once the process was told to end."""
    if request.app.state.stopping.is_set():
        raise Problem(503, "this process ends and takes no new requests", kind="stopping", title="Stopping")
    return _healthy(request)


def _healthy(request: Request[Any, Any, State]) -> Response[Health]:
    newest = request.app.state.policies.newest
    return Response(Health("ok", None if newest is None else newest.version), headers={"cache-control": "no-store"})


HANDLERS: Final = (is_alive, is_ready)
