"""Who is asking, and what may they do?"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol


class Scope(StrEnum):
    """What a key or token can be allowed to do."""

    LOOKUP = "lookup"
    PREVIEW = "preview"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    OVERRIDE = "override"
    ERASE = "erase"


ALL_SCOPES: Final = frozenset(Scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An authenticated caller.

    ``name`` is fit for logs and the audit: ``key:<name of the key>``, ``token:<subject>`` or ``loopback``. ``shops``
    are the only shops that the caller may see; None is no limit. ``per_second`` is the most requests; None is no limit.
    """

    name: str
    scopes: frozenset[Scope]
    shops: frozenset[str] | None = None
    per_second: int | None = None

    def sees_shop(self, shop_id: str | None) -> bool:
        """Whether an event or outcome of this shop is for this caller. What names no shop is for unlimited ones."""
        return self.shops is None or shop_id in self.shops


#: Who asks where access is open, on loopback without any key.
LOOPBACK: Final = Caller(name="loopback", scopes=ALL_SCOPES)


class Connection(Protocol):
    """What is read of a Litestar connection or request; whoever only makes keys need not import the framework."""

    @property
    def scope(self) -> Mapping[str, Any]:
        """The ASGI scope."""


def caller_of(connection: Connection) -> Caller:
    """The caller that the middleware has put there.

    Raises:
        RuntimeError: the route is not behind :class:`streams.access.middleware.Authentication`: a defect.
    """
    caller = connection.scope.get("user")
    if isinstance(caller, Caller):
        return caller
    raise RuntimeError(f"{connection.scope['path']} is served without authentication")
