"""Who wrote what moves everybody? Signatures of ticks, policies and cuts, and of what steers the ticker.

Rights in Kafka are the first wall: whoever may write ``member-events`` can make time pass. With ``signing.secret`` a
tick needs the secret as well. One record per partition and minute is signed and checked; events about members never
are.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from scoring.calendar import instant_of
from streams.bad_records import BadRecord
from streams.config import SigningSettings

Header = tuple[str, bytes]

#: ``<key id>:<HMAC-SHA256 in unpadded base64url>``.
SIGNATURE_HEADER: Final = "signature"
_LOG_TIME_HEADER: Final = "log_time"


class SignedRecord(Protocol):
    """What is read of a consumed record; ``timestamp`` is the broker's, in epoch milliseconds."""

    @property
    def timestamp(self) -> int:
        """When the broker appended it."""

    @property
    def key(self) -> bytes | None:
        """The raw key."""

    @property
    def value(self) -> bytes | None:
        """The raw value."""

    @property
    def headers(self) -> Sequence[Header]:
        """In the order they were written."""


class _Secret(NamedTuple):
    secret: bytes
    #: Epoch ms from which on nothing more that it signed is taken; None: no such instant.
    until: int | None


class Signatures:
    """Signs and checks by the settings; without a secret nothing is signed and everything passes."""

    def __init__(self, settings: SigningSettings) -> None:
        self._key_id = settings.key_id
        self._since = _millis(settings.since)
        self._secrets: dict[str, _Secret] = {}
        if settings.secret is not None:
            self._secrets[settings.key_id] = _Secret(settings.secret.get_secret_value().encode(), None)
        if settings.other_secret is not None:
            other = settings.other_secret.get_secret_value().encode()
            self._secrets[settings.other_key_id] = _Secret(other, _millis(settings.other_until))

    def sign(self, key: bytes, value: bytes, headers: Sequence[Header] = ()) -> list[Header]:
        """The headers that such a record is written with: a list, since nothing else passes aiokafka's batches."""
        if not self._secrets:
            return list(headers)
        digest = _digest(self._secrets[self._key_id].secret, key, value, headers)
        return [*headers, (SIGNATURE_HEADER, self._key_id.encode() + b":" + digest)]

    def genuine(self, record: SignedRecord) -> bool:
        """Whether the record may be obeyed."""
        return self._fault(record) is None

    def check(self, record: SignedRecord) -> None:
        """Raise :class:`BadRecord` for a record that may not be obeyed."""
        fault = self._fault(record)
        if fault is not None:
            raise BadRecord(
                "forged",
                f"{fault}. Where signing.secret is set, ticks, policies and cuts are obeyed only with its signature: "
                "give every process that writes them the same secret, and look who else may write to this topic",
            )

    def _fault(self, record: SignedRecord) -> str | None:
        if not self._secrets:
            return None
        stated = next((value for name, value in record.headers if name == SIGNATURE_HEADER), None)
        if stated is None:
            demanded = self._since is None or record.timestamp >= self._since
            return f"the record has no header {SIGNATURE_HEADER}" if demanded else None
        key_id, _, digest = stated.partition(b":")
        known = self._secrets.get(key_id.decode("ascii", "replace"))
        if known is None:
            return f"the record is signed with the key {key_id[:20]!r}, which signing.key_id does not name"
        if known.until is not None and record.timestamp >= known.until:
            return f"the record is signed with the key {key_id!r}, which signs nothing since signing.other_until"
        own = _digest(known.secret, record.key or b"", record.value or b"", record.headers)
        if not hmac.compare_digest(digest, own):
            return "the record's signature is not that of its content"
        return None


def _digest(secret: bytes, key: bytes, value: bytes, headers: Sequence[Header]) -> bytes:
    """Of the key, the ``log_time`` that the record brings along, and the value; lengths keep them apart."""
    log_time = next((content for name, content in headers if name == _LOG_TIME_HEADER), b"")
    signed = b"%d %d %b%b%b" % (len(key), len(log_time), key, log_time, value)
    return base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")


def _millis(moment: datetime | None) -> int | None:
    return None if moment is None else instant_of(moment)


#: Signs nothing and passes everything.
UNSIGNED: Final = Signatures(SigningSettings())
