"""What is decided by hand over HTTP: a tier granted until a date, its withdrawal, and the erasure of a member.

Each goes into the log as an event, after the audit was told who decides it and why. The scorer carries it out.
"""

import hashlib
import time
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec
from litestar import Request, delete, put
from litestar.exceptions import PermissionDeniedException
from litestar.params import HeaderParameter, JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from scoring.events import Instant, MemberErased, TierOverridden, TierOverrideWithdrawn
from streams.access.caller import Caller, Scope, caller_of
from streams.access.guards import requires
from streams.auditing import audit_record
from streams.bad_records import BadRecord
from streams.by_hand import ByHand, checked, said_by
from streams.config import Settings
from streams.serving.log_writer import Fate, LogWriter
from streams.serving.posting import RETRY_AFTER
from streams.serving.problems import Problem
from streams.serving.shapes import Decided
from streams.serving.told_problems import problems
from streams.topics import AUDIT, MEMBER_EVENTS

_REASON: Final = "why; kept in the log and in the audit"
_ACTOR: Final = "who decides it; the caller's own name unless given"
#: Of the deadline, what the second record gets at least.
_LAST_CHANCE_SECONDS: Final = 0.5


class Granted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tier as a floor until an instant."""

    tier: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="a tier of the policy", examples=["A"])]
    until: Annotated[
        Instant, msgspec.Meta(description="RFC 3339 with an offset", examples=["2027-01-01T00:00:00+09:00"])
    ]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, description=_REASON, examples=["a complaint"])]
    actor: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description=_ACTOR)] | None = None


MemberId = Annotated[str, PathParameter(description="the member's id", min_length=1, max_length=64)]
Reason = Annotated[
    str,
    HeaderParameter(
        name="Memberpulse-Reason", description=f"{_REASON}; UTF-8 beyond ASCII percent-encoded", max_length=1500
    ),
]
Actor = Annotated[
    str | None,
    HeaderParameter(
        name="Memberpulse-Actor",
        description=f"{_ACTOR}; UTF-8 beyond ASCII percent-encoded",
        max_length=192,
    ),
]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="the caller's own id of this decision: sent again with it, it is the same decision and counts once",
        max_length=128,
    ),
]
_RESPONSES: Final = problems(503)


@put(
    "/members/{member_id:str}/tier-override",
    guards=[requires(Scope.OVERRIDE)],
    status_code=HTTPStatus.ACCEPTED,
    responses=_RESPONSES,
    response_description="It is in the log",
    summary="Grant a tier by hand, until an instant",
    operation_id="grantTier",
    tags=["decisions"],
)
async def grant(
    request: Request[Any, Any, Any], member_id: MemberId, data: JSONBody[Granted], key: Key = None
) -> Decided:
    """The member has at least this tier until the instant given. A later grant replaces it."""
    common = _common(request, member_id, data.reason, data.actor, key)
    if data.until <= common["occurred_at"]:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"until is {data.until.isoformat()}, which has passed", kind="in-the-past"
        )
    policy = request.app.state.policies.newest
    if policy is not None and data.tier not in policy.tier_names:
        known = ", ".join(policy.tier_names)
        raise Problem(HTTPStatus.BAD_REQUEST, f"there is no tier {data.tier!r}; there are {known}", kind="unknown-tier")
    return await _carry_out(request, TierOverridden(tier=data.tier, until=data.until, **common))


@delete(
    "/members/{member_id:str}/tier-override",
    guards=[requires(Scope.OVERRIDE)],
    status_code=HTTPStatus.ACCEPTED,
    responses=_RESPONSES,
    response_description="It is in the log",
    summary="Withdraw a tier that was granted by hand",
    operation_id="withdrawTier",
    tags=["decisions"],
)
async def withdraw(
    request: Request[Any, Any, Any], member_id: MemberId, reason: Reason, actor: Actor = None, key: Key = None
) -> Decided:
    """The member has the tier again that the rules give. Without an override in force nothing changes."""
    return await _carry_out(request, TierOverrideWithdrawn(**_common(request, member_id, unquote(reason), actor, key)))


@delete(
    "/members/{member_id:str}",
    guards=[requires(Scope.ERASE)],
    status_code=HTTPStatus.ACCEPTED,
    responses=_RESPONSES,
    response_description="It is in the log",
    summary="Erase a member for good",
    operation_id="eraseMember",
    tags=["decisions"],
)
async def erase(
    request: Request[Any, Any, Any], member_id: MemberId, reason: Reason, actor: Actor = None, key: Key = None
) -> Decided:
    """State and score go, and no later event brings them back. It cannot be undone. What is in the log stays there."""
    return await _carry_out(request, MemberErased(**_common(request, member_id, unquote(reason), actor, key)))


HANDLERS: Final[tuple[ControllerRouterHandler, ...]] = (grant, withdraw, erase)


def _common(
    request: Request[Any, Any, Any], member_id: str, reason: str, actor: str | None, key: str | None
) -> dict[str, Any]:
    caller: Caller = caller_of(request)
    if caller.shops is not None:
        raise PermissionDeniedException(
            detail=f"{caller.name} is limited to some shops; this would change a member for all of them"
        )
    if not reason.strip():
        raise Problem(HTTPStatus.BAD_REQUEST, "the reason is empty; say why", kind="no-reason")
    said = unquote(actor) if actor else caller.name
    known_by = request.app.state.pseudonyms.of(member_id)
    common = said_by(known_by, reason, said, request.app.state.now_ms(), "http")
    if key:
        # Of this caller, route and member: the same key of another caller is another decision.
        named = msgspec.json.encode((caller.name, request.method, request.scope["path"], known_by, key))
        common["event_id"] = f"http-{hashlib.sha256(named).hexdigest()[:32]}"
    return common


async def _carry_out(request: Request[Any, Any, Any], event: ByHand) -> Decided:
    try:
        record = checked(event)
    except BadRecord as bad:
        raise Problem(HTTPStatus.BAD_REQUEST, bad.detail, kind=bad.reason.replace("_", "-")) from bad
    writer: LogWriter = request.app.state.log_writer
    settings: Settings = request.app.state.settings
    until = time.monotonic() + settings.posting.deadline_seconds
    told = audit_record(event, caller=caller_of(request).name, via="http")
    if (await writer.write(AUDIT, [told], settings.posting.deadline_seconds))[0].fate is not Fate.WRITTEN:
        raise _unavailable("the audit could not be told, so nothing was done", event.event_id)
    (written,) = await writer.write(MEMBER_EVENTS, [record], max(_LAST_CHANCE_SECONDS, until - time.monotonic()))
    if written.fate is Fate.NOT_SENT:
        raise _unavailable("nothing was done, although the audit has it", event.event_id)
    if written.fate is Fate.UNKNOWN:
        raise _unavailable("it may have been written or not; doing it again is safe", event.event_id)
    kind = str(event.__struct_config__.tag)
    return Decided(event.event_id, kind, event.member_id, MEMBER_EVENTS, written.partition, written.offset)


def _unavailable(what: str, event_id: str) -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"Kafka did not acknowledge in time: {what}",
        kind="log-unavailable",
        headers=RETRY_AFTER,
        more={"event_id": event_id},
    )
