"""JSON Web Tokens (RFC 7519) of an identity provider, checked against its key set file (RFC 7517).

What RFC 8725 asks for: the algorithm is the key's, never the token's word, and only RS256 and ES256 keys are taken;
issuer, audience and expiry are demanded; unknown keys are refused.
"""

import hashlib
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from streams.access.caller import Caller, Scope
from streams.access.watched_file import WatchedFile
from streams.config import AccessSettings

ALGORITHMS: Final = ("RS256", "ES256")
_REQUIRED_CLAIMS: Final = ["iss", "aud", "exp", "sub"]
_LEAST_RSA_BITS: Final = 2048
#: A longer token is refused unread, in characters.
_MAX_LENGTH: Final = 8192
#: Verified tokens that are remembered: a till shows the same one with every request, and a signature takes 0.1 ms.
_REMEMBERED: Final = 10_000
_MAX_SUBJECT: Final = 128


class KeySetError(Exception):
    """The key set file cannot be used; the text says why."""


class BadToken(Exception):
    """A token that opens nothing; ``reason`` is ``expired`` or ``invalid``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Verified(NamedTuple):
    caller: Caller
    expires: float


class TokenKeys:
    """The public keys of a key set. Each reading of the file makes a new object, and so forgets verified tokens."""

    def __init__(self, keys: list[jwt.PyJWK]) -> None:
        self._keys = keys
        self._by_id = {key.key_id: key for key in keys if key.key_id is not None}
        self.remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    def of(self, key_id: object) -> jwt.PyJWK | None:
        """The key of a token's header: by its id, or the only one there is for a token that names none."""
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return self._by_id.get(key_id) if isinstance(key_id, str) else None


def read_key_set(path: Path) -> TokenKeys:
    """The keys of a JWKS file.

    Raises:
        KeySetError: it cannot be read, or holds anything but public RSA keys of 2,048 bits and P-256 keys.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise KeySetError(f"the key set {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeySetError(f"the key set {path} is not JSON: {error}") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise KeySetError(f'the key set {path} has no keys; {{"keys": [...]}} of RFC 7517 is expected')
    return TokenKeys([_key(path, number, entry) for number, entry in enumerate(entries)])


def _key(path: Path, number: int, entry: Any) -> jwt.PyJWK:
    where = f"key {number + 1} of the key set {path}"
    if not isinstance(entry, dict) or "d" in entry or "k" in entry:
        raise KeySetError(f"{where} is not a public key: only what verifies belongs here, never what signs")
    try:
        key = jwt.PyJWK(entry)
    except jwt.PyJWTError as error:
        raise KeySetError(f"{where} cannot be used: {type(error).__name__}") from error
    if key.algorithm_name not in ALGORITHMS:
        raise KeySetError(f"{where} is for {key.algorithm_name}; allowed are {' and '.join(ALGORITHMS)}")
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
        raise KeySetError(f"{where} has {key.key.key_size} bits; RSA keys need at least {_LEAST_RSA_BITS}")
    return key


class Tokens:
    """Who presents a token."""

    def __init__(self, settings: AccessSettings, keys: WatchedFile[TokenKeys]) -> None:
        self._settings = settings
        self._keys = keys

    def remembered(self, text: str, now: float) -> Caller | None:
        """Whoever presented this very token before, if it is still good at ``now`` (Unix seconds)."""
        known = self._keys.value().remembered.get(_digest(text)) if len(text) <= _MAX_LENGTH else None
        return known.caller if known is not None and now < known.expires else None

    def caller(self, text: str) -> Caller:
        """Whoever presents this token now; the clock is PyJWT's own, which takes none.

        Raises:
            BadToken: it was not issued for us, is expired, or nobody known signed it.
        """
        if len(text) > _MAX_LENGTH:
            raise BadToken("invalid")
        keys = self._keys.value()
        verified = self._verified(keys, text)
        keys.remembered[_digest(text)] = verified
        if len(keys.remembered) > _REMEMBERED:
            keys.remembered.popitem(last=False)
        return verified.caller

    def _verified(self, keys: TokenKeys, text: str) -> _Verified:
        try:
            key = keys.of(jwt.get_unverified_header(text).get("kid"))
            if key is None:
                raise BadToken("invalid")
            claims = jwt.decode(
                text,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=self._settings.jwt_leeway_seconds,
                options={"require": _REQUIRED_CLAIMS},
            )
        except jwt.ExpiredSignatureError as error:
            raise BadToken("expired") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise BadToken("invalid") from error
        return _Verified(self._caller(claims), claims["exp"] + self._settings.jwt_leeway_seconds)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        scopes, subject = claims.get("scope", ""), claims["sub"]
        if not isinstance(scopes, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise BadToken("invalid")
        known = {str(scope) for scope in Scope}
        return Caller(
            name=f"token:{subject}",
            scopes=frozenset(Scope(scope) for scope in scopes.split() if scope in known),
            shops=self._shops(claims.get(self._settings.jwt_shops_claim)),
        )

    @staticmethod
    def _shops(claim: object) -> frozenset[str] | None:
        if claim is None:
            return None
        if not isinstance(claim, list) or not all(isinstance(shop, str) for shop in claim):
            # Not understood is not unlimited.
            raise BadToken("invalid")
        return frozenset(claim)


def _digest(text: str) -> bytes:
    """What is remembered of a token: not the token, which would be a password in memory."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
