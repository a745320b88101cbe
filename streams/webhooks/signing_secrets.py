"""Which secrets sign an endpoint's deliveries? Kept outside the endpoints' file: in variables or files, never printed.

A secret is ``whsec_`` and base64 of 24 to 64 random bytes, as the specification says. Two may live at a time: while
receivers change from the old one to the new one, every delivery carries a signature of each.
"""

import base64
import binascii
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import model_validator
from standardwebhooks import Webhook

from streams.file_rules import Part, cross_check
from streams.webhooks.file_stamp import Stamp, stamp

log = logging.getLogger(__name__)

_PREFIX: Final = "whsec_"
#: Of the decoded secret, in bytes (Standard Webhooks, "Signature scheme").
_SHORTEST, _NEW, _LONGEST = 24, 32, 64


class UnusableSecretError(Exception):
    """A secret that cannot sign; the text says why and never repeats it."""


class SecretPlace(Part):
    """Where a secret is: in an environment variable, or in a file of its own."""

    env: str | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, given: object) -> object:
        # What was found is repeated in an error: a secret written here must not come that far.
        named = list(given.values()) if isinstance(given, dict) else [given]
        if not isinstance(given, dict) or any(str(each).startswith(_PREFIX) for each in named):
            sentence = 'expected { env = "NAME OF A VARIABLE" } or { file = "PATH" }; a secret itself has no place here'
            cross_check([("", sentence)])
        return given

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Neither, or both."""
        if (self.env is None) == (self.file is None):
            yield "", "needs exactly one of env and file"

    def read(self, environment: Mapping[str, str] = os.environ) -> str:
        """The secret.

        Raises:
            UnusableSecretError: it is not there, or cannot sign.
        """
        if self.env is not None:
            found = environment.get(self.env)
            if found is None:
                raise UnusableSecretError(f"the environment has no variable {self.env}")
            return _checked(found)
        try:
            return _checked(Path(self.file or "").read_text("ascii"))
        except OSError as error:
            where = Path(self.file or "").absolute()
            raise UnusableSecretError(f"cannot be read from {where} ({error.strerror or error})") from error
        except UnicodeDecodeError as error:
            raise UnusableSecretError(f'has other characters than those of "{_PREFIX}" and base64') from error


def _checked(given: str) -> str:
    secret = given.strip()
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise UnusableSecretError(
            f'is no secret: expected "{_PREFIX}" and base64 of {_SHORTEST} to {_LONGEST} bytes; '
            "'memberpulse deliver secret' makes one"
        )
    return secret


def new_secret() -> str:
    """A new random secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_NEW)).decode()


class Signer:
    """Signs with every live secret of one endpoint. A file that was changed is read again before the next delivery."""

    def __init__(self, endpoint: str, places: Sequence[SecretPlace]) -> None:
        """``places`` were read once before, by the check of the endpoints' file.

        Raises:
            UnusableSecretError: one of them is unusable by now.
        """
        self._endpoint = endpoint
        self._places = places
        self._stamps = [_stamp(place) for place in places]
        self._keys = [Webhook(place.read()) for place in places]

    def headers(self, message_id: str, now: float, body: str) -> dict[str, str]:
        """The three headers of the specification for a delivery at ``now`` (epoch seconds)."""
        self._look_again()
        at = datetime.fromtimestamp(int(now), UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(key.sign(message_id, at, body) for key in self._keys),
        }

    def _look_again(self) -> None:
        for number, place in enumerate(self._places):
            now = _stamp(place)
            if now == self._stamps[number]:
                continue
            self._stamps[number] = now
            try:
                self._keys[number] = Webhook(place.read())
            except UnusableSecretError as error:
                log.error(  # noqa: TRY400 - the sentence says it; a traceback adds nothing
                    "Webhook endpoint %s: the changed secret in %s %s. The former one goes on signing",
                    self._endpoint,
                    place.file,
                    error,
                )
            else:
                log.info("Webhook endpoint %s signs with the new secret in %s", self._endpoint, place.file)


def _stamp(place: SecretPlace) -> Stamp | None:
    """None for variables, which never change."""
    return None if place.file is None else stamp(Path(place.file))
