"""The OpenAPI description of the API, and where it is served: ``/v1/docs`` and ``/v1/docs/openapi.json``."""

from typing import Any, Final

import msgspec
from litestar import Litestar, Response, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from streams.access.middleware import PUBLIC
from streams.serving.problems import Problem
from streams.serving.reference_page import ReferencePage
from streams.version import version

PATH: Final = "/v1/docs"
_SCHEME: Final = "bearer"
_TAGS: Final = (
    Tag("members", "Looking members up, and what a basket would do to them"),
    Tag("events", "Outcomes as they are told, and events into the log"),
    Tag("decisions", "What is decided by hand, with a reason and a name"),
    Tag("health", "For whatever starts, watches and balances the processes"),
)


def openapi_config() -> OpenAPIConfig:
    """What Litestar describes and serves."""
    return OpenAPIConfig(
        title="Memberpulse",
        version=version(),
        description="Tiers, lifecycle and numbers of retail members, while they shop. Errors are problem details "
        "(RFC 9457). Instants are RFC 3339 in UTC, money is minor units (cents).",
        components=Components(
            security_schemes={
                _SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="an API key ('memberpulse keys create') or a JWT; without any key in use, the API "
                    "listens on loopback alone and needs none",
                )
            }
        ),
        security=[{_SCHEME: []}],
        tags=list(_TAGS),
        render_plugins=[ReferencePage(path="/"), JsonRenderPlugin()],
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt={PUBLIC: True}, after_request=_finished
        ),
    )


def describe_exactly(app: Litestar) -> None:
    """Put msgspec's own schemas of bodies and answers in the place of Litestar's.

    Litestar leaves out what it does not know of: limits of a list's items, that unknown fields are refused.
    """
    document = app.openapi_schema
    _, exact = msgspec.json.schema_components(_structs(app), ref_template="#/components/schemas/{name}")
    schemas: dict[str, Any] = document.components.schemas
    schemas.update({name: schema for name, schema in exact.items() if name in schemas})


def _structs(app: Litestar) -> list[type[msgspec.Struct]]:
    """The bodies and answers of all routes."""
    found: dict[str, type[msgspec.Struct]] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            data = handler.parsed_fn_signature.parameters.get("data")
            answers = [each.data_container for each in (handler.responses or {}).values()]
            told = handler.parsed_fn_signature.return_type
            for each in (*([data.annotation] if data else []), *answers, told.annotation, *told.args):
                if isinstance(each, type) and issubclass(each, msgspec.Struct):
                    found[each.__name__] = each
    return list(found.values())


def _finished(response: Response[Any]) -> Response[Any]:
    """Lets the page have its own style, and instead of Litestar's own page for unknown paths below it a problem."""
    if response.status_code == 404:
        raise Problem(404, f"there is {PATH} and {PATH}/openapi.json")
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response
