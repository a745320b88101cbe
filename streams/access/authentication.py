"""Which caller does a credential belong to?"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from litestar.exceptions import NotAuthorizedException

from streams.access.caller import Caller
from streams.access.keys import KeyRecord, is_it, presented
from streams.access.keys_file import KeysFileError, keys_path, read_keys
from streams.access.rates import Rates
from streams.access.tokens import BadToken, KeySetError, Tokens, read_key_set
from streams.access.watched_file import WatchedFile
from streams.config import Settings
from streams.metrics.access import AccessMetrics

_BEARER: Final = "bearer "
_REALM: Final = 'Bearer realm="memberpulse"'


class _Known(NamedTuple):
    record: KeyRecord
    caller: Caller


#: Compared with where there is no such key, so that an unknown id takes as long as a wrong secret.
_NOBODY: Final = _Known(
    KeyRecord(id="0" * 10, name="nobody", sha256="0" * 64, scopes=[], created_at=datetime(2000, 1, 1, tzinfo=UTC)),
    Caller(name="nobody", scopes=frozenset()),
)


class Credentials:
    """Every key and token that opens this API."""

    def __init__(self, settings: Settings, rates: Rates, metrics: AccessMetrics, unix: Callable[[], float]) -> None:
        """Read the files.

        Raises:
            KeysFileError: the file of keys cannot be used.
            KeySetError: the key set file cannot be used.
        """
        access = settings.access
        self._rates = rates
        self._refused = metrics.refused
        self._unix = unix
        self._keys: WatchedFile[dict[str, _Known]] = WatchedFile(keys_path(settings), _by_id, KeysFileError)
        self._tokens = (
            None
            if access.jwt_keys_file is None
            else Tokens(access, WatchedFile(access.jwt_keys_file, read_key_set, KeySetError))
        )

    def caller(self, authorization: str | None, address: str) -> Caller:
        """The caller of an Authorization header.

        Raises:
            NotAuthorizedException: there is no credential, or it opens nothing.
            TooManyRequestsException: this address was refused too often.
        """
        if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
            self._refused["missing"].inc()
            raise NotAuthorizedException(
                detail="a key or token is needed: Authorization: Bearer <key>", headers={"WWW-Authenticate": _REALM}
            )
        text, now = authorization[len(_BEARER) :].strip(), self._unix()
        caller = self._of_key(text, now) or (self._tokens.remembered(text, now) if self._tokens else None)
        return caller or self._of_new_token(text, address)

    def _of_key(self, text: str, now: float) -> Caller | None:
        key = presented(text)
        if key is None:
            return None
        known = self._keys.value().get(key.id, _NOBODY)
        good = is_it(known.record, key.secret) and known.record.state(datetime.fromtimestamp(now, UTC)) == "live"
        return known.caller if good else None

    def _of_new_token(self, text: str, address: str) -> Caller:
        self._rates.refuse_after_failures(address)
        reason = "invalid"
        if self._tokens is not None and presented(text) is None:
            try:
                return self._tokens.caller(text)
            except BadToken as bad:
                reason = bad.reason
        self._rates.failed(address)
        self._refused[reason].inc()
        # One sentence for all: whether a key exists, was revoked or is mistyped is nobody's business.
        raise NotAuthorizedException(
            detail="this key or token opens nothing: it is unknown, expired or revoked",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )


def _by_id(path: Path) -> dict[str, _Known]:
    # A file that was taken away takes its keys with it.
    return {key.id: _Known(key, key.caller()) for key in read_keys(path) or []}
