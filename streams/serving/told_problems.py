"""How the OpenAPI file describes the problems that routes answer with."""

from http import HTTPStatus
from typing import Final

from litestar.openapi.datastructures import ResponseSpec

from streams.serving.problems import MEDIA_TYPE, ProblemDetails

_WORDS: Final = {
    HTTPStatus.BAD_REQUEST: "the request is not what this route takes; errors says where",
    HTTPStatus.UNAUTHORIZED: "no key or token, or one that opens nothing",
    HTTPStatus.FORBIDDEN: "the key or token does not have the scope",
    HTTPStatus.NOT_FOUND: "there is no such member, or the caller may not see it",
    HTTPStatus.CONFLICT: "the member was merged into another",
    HTTPStatus.GONE: "what came after Last-Event-ID is not kept any more: begin without it",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than serve.max_body_bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body is of another type than this route takes",
    HTTPStatus.UNPROCESSABLE_ENTITY: "well-formed, but the rules refuse it; detail says why",
    HTTPStatus.TOO_MANY_REQUESTS: "asked too often; Retry-After says when to ask again",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "the head is larger than access.max_header_bytes",
    HTTPStatus.SERVICE_UNAVAILABLE: "not possible at the moment; Retry-After says when to ask again",
}
#: What any route behind authentication may answer.
_ALWAYS: Final = (400, 401, 403, 429)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """For ``responses=`` of a route handler: these statuses, and those that every route may answer with."""
    return {
        status: ResponseSpec(
            ProblemDetails,
            generate_examples=False,
            description=_WORDS[HTTPStatus(status)],
            media_type=MEDIA_TYPE,
        )
        for status in sorted({*_ALWAYS, *statuses})
    }
