"""An API behind authentication, small enough to see through: members of two shops, and what may be done with them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.testing import TestClient
from prometheus_client import CollectorRegistry

from streams.access.caller import Scope, caller_of
from streams.access.guards import requires
from streams.access.keys import new_key
from streams.access.keys_file import change_keys, keys_path
from streams.access.middleware import PUBLIC, authentication
from streams.config import AccessSettings, Settings
from streams.serving.problems import problem_response

MADE = datetime(2026, 1, 1, tzinfo=UTC)
MEMBERS = {"00042": frozenset({"s-1"}), "00043": frozenset({"s-2"})}


def settings_of(folder: Path, **access: Any) -> Settings:
    return Settings(data_dir=folder, access=AccessSettings(**access))


def key(settings: Settings, name: str, *scopes: Scope, **further: Any) -> str:
    """A key that is in the file; its text."""
    made = new_key(name, list(scopes), now=MADE, **further)
    change_keys(keys_path(settings), lambda present: [*present, made.record])
    return made.text


def revoke(settings: Settings, name: str) -> None:
    change_keys(keys_path(settings), lambda present: [each for each in present if each.name != name])


@get("/v1/members/{member_id:str}", guards=[requires("lookup")])
async def member(member_id: FromPath[str], request: Request[Any, Any, Any]) -> dict[str, str]:
    caller = caller_of(request)
    if member_id in MEMBERS and (caller.shops is None or not caller.shops.isdisjoint(MEMBERS[member_id])):
        return {"member_id": member_id, "asked_by": caller.name}
    raise NotFoundException(detail="this member is not known")


@get("/v1/erasures", guards=[requires("erase")])
async def erasures() -> list[str]:
    return []


@get("/livez", opt={PUBLIC: True})
async def alive() -> str:
    return "alive"


def door(settings: Settings, registry: CollectorRegistry | None = None) -> TestClient[Litestar]:
    app = Litestar(
        [member, erasures, alive],
        middleware=[authentication(settings, registry or CollectorRegistry())],
        exception_handlers={Exception: problem_response},
        openapi_config=None,
        logging_config=None,
    )
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}
