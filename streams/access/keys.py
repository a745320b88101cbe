"""API keys: what one looks like, what is kept of it, and whether a presented one is it.

A key is ``mp_<id>_<secret>``: the id finds the record and may be read by anybody, the secret is 256 random bits. Only
its SHA-256 is kept. A slow hash (bcrypt, argon2) protects secrets that people choose: 256 random bits cannot be guessed
at any speed, and the till pays no milliseconds per request.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from streams.access.caller import Caller, Scope

PREFIX: Final = "mp_"
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
#: Longer texts are not keys; nobody hashes megabytes for a stranger.
_MAX_LENGTH: Final = 128

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a key; instants are in UTC.

    ``shops`` are the only shops it may see (null: all), ``per_second`` its own rate (null: the setting's). A revoked
    key stays in the file, so that its name still explains old audit records.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{10}$")]
    name: Name
    sha256: Digest
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]
    shops: list[str] | None = None
    per_second: Annotated[int, msgspec.Meta(ge=1)] | None = None
    created_at: _Instant
    expires_at: _Instant | None = None
    revoked_at: _Instant | None = None

    def state(self, now: datetime) -> Literal["live", "expired", "revoked"]:
        """Whether the key opens anything at ``now``; the instant of expiry is already too late."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"

    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(
            name=f"key:{self.name}",
            scopes=frozenset(self.scopes),
            shops=None if self.shops is None else frozenset(self.shops),
            per_second=self.per_second,
        )


class NewKey(NamedTuple):
    """A key that was just made. ``text`` is the only copy of the secret there will ever be."""

    text: str
    record: KeyRecord


def new_key(
    name: str,
    scopes: list[Scope],
    *,
    now: datetime,
    shops: list[str] | None = None,
    per_second: int | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key.

    Raises:
        msgspec.ValidationError: the name or the rate is not allowed.
    """
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    fields = {
        "id": key_id,
        "name": name,
        "sha256": _digest(secret),
        "scopes": scopes,
        "shops": shops,
        "per_second": per_second,
        "created_at": now,
        "expires_at": expires_at,
    }
    return NewKey(f"{PREFIX}{key_id}_{secret}", msgspec.convert(fields, KeyRecord))


class PresentedKey(NamedTuple):
    """A text that has the form of a key."""

    id: str
    secret: str


def presented(text: str) -> PresentedKey | None:
    """The parts of a text in the form of a key; None for anything else."""
    if len(text) > _MAX_LENGTH or not text.startswith(PREFIX):
        return None
    key_id, mark, secret = text.removeprefix(PREFIX).partition("_")
    return PresentedKey(key_id, secret) if mark and key_id and secret else None


def is_it(record: KeyRecord, secret: str) -> bool:
    """Whether this is the key's secret; takes as long for any wrong one."""
    return hmac.compare_digest(record.sha256, _digest(secret))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
