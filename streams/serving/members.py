"""Looking members up: ``GET`` and ``HEAD /v1/members/{member_id}``, and ``POST /v1/lookups``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from litestar import Litestar, Request, get, post, route
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, HeaderParameter, PathParameter

from streams.access.guards import allow
from streams.serving.encoded import EncodedJson
from streams.serving.examples import IF_NONE_MATCH, LOOKED_UP, LOOKUP, MEMBER, MEMBER_ID
from streams.serving.lookup import Answer, MemberLookup
from streams.serving.policies import Policies
from streams.serving.problems import Problem
from streams.serving.redis_reading import RedisReading
from streams.serving.shapes import LookupRequest, LookupResponse, MemberView
from streams.serving.told_problems import problems

#: Members change at any moment: what was read may be kept, but is asked for again before it is used.
_CACHE: Final = b"private, no-cache"

MemberId = Annotated[
    str,
    PathParameter(
        min_length=1,
        max_length=64,
        description="as in the events, leading zeros included; a slash in it is written %2F",
        examples=[MEMBER_ID],
    ),
]


def unknown_member() -> Problem:
    """The answer for a member that does not exist, and for one that the caller may not see."""
    return Problem(
        404,
        "Redis has no such member. The id is taken exactly as it is in the events.",
        kind="unknown-member",
        title="Unknown member",
    )


@get(
    "/members/{member_id:str}",
    summary="One member: tier, stage, segments, R, F, M, what is missing to the next tier, why, and how fresh that is",
    description="Always answered within the deadline (50 ms unless set otherwise), whatever Redis does: "
    "`freshness.source` says where the value came from. 404 only when Redis answered that there is no such member. "
    "The answer has a weak ETag; If-None-Match with it is answered by 304 while nothing has changed.",
    responses={
        200: ResponseSpec(MemberView, generate_examples=False, description="the member", examples=[MEMBER]),
        304: ResponseSpec(None, description="what If-None-Match names is still so"),
        **problems(404),
    },
    operation_id="lookUpMember",
    tags=["members"],
)
async def look_up_member(
    request: Request[Any, Any, State],
    member_id: MemberId,
    if_none_match: Annotated[
        str | None, HeaderParameter(name="If-None-Match", description="an ETag of before", examples=[IF_NONE_MATCH])
    ] = None,
) -> EncodedJson:
    """Answer with one member."""
    return await _looked_up(request, member_id, if_none_match)


# What RFC 9110 says of HEAD in general needs no words in the OpenAPI file.
@route("/members/{member_id:str}", http_method="HEAD", include_in_schema=False)
async def look_up_head(
    request: Request[Any, Any, State],
    member_id: MemberId,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> EncodedJson:
    """Answer as GET does; the server leaves out the body, as it does for every HEAD."""
    return await _looked_up(request, member_id, if_none_match)


async def _looked_up(request: Request[Any, Any, State], member_id: str, if_none_match: str | None) -> EncodedJson:
    caller = allow(request, "lookup")
    lookup: MemberLookup = request.app.state.lookup
    answer = await lookup.one(member_id, caller.shops)
    if answer.source == "unknown":
        raise unknown_member()
    if if_none_match is not None and answer.etag is not None and is_named(answer.etag, if_none_match):
        return EncodedJson(b"", cache_control=_CACHE, etag=answer.etag, status_code=304)
    return EncodedJson(answer.body, cache_control=_CACHE, etag=answer.etag)


@post(
    "/lookups",
    status_code=200,
    summary="Up to 100 members at once, all read at the same moment",
    description="The result of each member is that of looking it up alone: 200 with the member, or 404.",
    responses={
        200: ResponseSpec(LookupResponse, generate_examples=False, description="the members", examples=[LOOKED_UP]),
        **problems(413),
    },
    operation_id="lookUpMembers",
    tags=["members"],
)
async def look_up_members(
    request: Request[Any, Any, State], data: Annotated[LookupRequest, BodyKwarg(examples=[LOOKUP])]
) -> EncodedJson:
    """Answer with several members."""
    caller = allow(request, "lookup")
    lookup: MemberLookup = request.app.state.lookup
    answers = await lookup.many(data.member_ids, caller.shops)
    results = b",".join(_result(asked, answer) for asked, answer in zip(data.member_ids, answers, strict=True))
    return EncodedJson(b'{"members":[%b]}' % results, cache_control=_CACHE)


def is_named(etag: str, if_none_match: str) -> bool:
    """Whether If-None-Match names an entity tag, compared weakly (RFC 9110, section 13.1.2)."""
    opaque = etag.removeprefix("W/")
    return if_none_match.strip() == "*" or any(
        each.strip().removeprefix("W/") == opaque for each in if_none_match.split(",")
    )


def _result(asked: str, answer: Answer) -> bytes:
    status, member = (404, b"null") if answer.source == "unknown" else (200, answer.body)
    return b'{"member_id":%b,"status":%d,"member":%b}' % (msgspec.json.encode(asked), status, member)


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Keep Redis and the policies of the log at hand: ``app.state.lookup`` and ``app.state.policies``."""
    state = app.state
    policies = Policies(state.settings, state.metrics)
    reading = RedisReading(state.settings, state.metrics)
    state.policies = policies
    state.lookup = MemberLookup(state.settings, reading, policies, state.metrics, state.now_ms)
    policies.start()
    await reading.warm_up()
    try:
        yield
    finally:
        await policies.stop()
        await reading.aclose()


HANDLERS: Final = (look_up_member, look_up_head, look_up_members)
