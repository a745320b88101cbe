"""Every error that leaves over HTTP, as problem details (RFC 9457, ``application/problem+json``)."""

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
#: Before the name of a problem that has a type of its own; every other one has only its status (``about:blank``).
TYPE_PREFIX: Final = "urn:memberpulse:problem:"
_UNEXPECTED: Final = "The server could not answer this request. Nothing that it had accepted is lost; try again."

#: What Litestar calls a body that is wrong as a whole: the name of the handler's argument.
_WHOLE_BODY: Final = "data"

#: What msgspec raises of a body beside its own errors, which Litestar does not take for the client's fault.
_UNREADABLE: Final = (UnicodeDecodeError, RecursionError)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request: what, and where (a field, a parameter or a JSON pointer)."""

    detail: str
    where: str | None = None


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error (RFC 9457, section 3.1); ``errors`` is an extension that lists single faults."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] | None = None


class Problem(HTTPException):
    """The request is answered with this problem; raise it anywhere below a route.

    ``kind`` names a problem that programs tell apart: its type is ``urn:memberpulse:problem:`` and the kind.
    Without one the type is ``about:blank`` and ``title`` the phrase of the status. ``more`` are extension members.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        title: str = "",
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail=detail, status_code=status, headers=dict(headers or {}))
        #: Not ``detail``, which is the status's phrase where nothing was said.
        self.said = detail
        self.kind = kind
        self.title = title
        self.errors = list(errors)
        self.more = dict(more or {})

    def content(self) -> bytes:
        """The body."""
        known = ProblemDetails(
            type=TYPE_PREFIX + self.kind if self.kind else "about:blank",
            title=self.title or HTTPStatus(self.status_code).phrase,
            status=self.status_code,
            detail=self.said or None,
            errors=self.errors or None,
        )
        return msgspec.json.encode(msgspec.to_builtins(known) | self.more)


def problem_of(error: Exception) -> Problem:
    """What is told of an exception: never more than Litestar's own words for a wrong request."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, _UNREADABLE):
        return Problem(HTTPStatus.BAD_REQUEST, "the body is not JSON in UTF-8, or is nested too deep")
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        faults = _faults(error.extra) if isinstance(error, ValidationException) else []
        # An HTTPException's detail falls back to the phrase of its status, which the title says already.
        said = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
        if faults:
            # Litestar's sentence repeats the path, with the member's id.
            said = "the request is not what this route takes; errors says what is wrong where"
        return Problem(error.status_code, said, errors=faults, headers=error.headers)
    if isinstance(error, HTTPException) and error.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(error.status_code, error.detail, headers=error.headers)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, _UNEXPECTED)


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any exception; what nobody foresaw is logged with its traceback and told without it."""
    problem = problem_of(error)
    if isinstance(error, NotFoundException) and not problem.said:
        problem = Problem(HTTPStatus.NOT_FOUND, _no_path(request.scope["path"]))
    if isinstance(error, MethodNotAllowedException):
        sentence = f"{request.method} is not for this path; {(error.headers or {}).get('allow', 'no method')} is"
        problem = Problem(HTTPStatus.METHOD_NOT_ALLOWED, sentence, headers=error.headers)
    if problem.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("A request failed in a way that nobody foresaw", exc_info=error)
    return Response(
        problem.content(), media_type=MEDIA_TYPE, status_code=problem.status_code, headers=problem.headers or {}
    )


def _no_path(path: str) -> str:
    if path.startswith("/v1/members/"):
        return "there is no such path; a slash in a member's id is written %2F, a question mark %3F"
    return "there is no such path; /v1/docs tells what there is"


def _faults(extra: object) -> list[Fault]:
    """Litestar's list of what did not pass validation."""
    if not isinstance(extra, list):
        return []
    faults = []
    for each in extra:
        if isinstance(each, dict):
            parts = [each[part] for part in ("source", "key") if each.get(part)]
            if parts[1:] == [_WHOLE_BODY]:
                parts.pop()
            where = ".".join(str(part.value if isinstance(part, Enum) else part) for part in parts)
            faults.append(Fault(str(each.get("message", "not valid")), where or None))
    return faults
