"""Member ids as pseudonyms: what is stored and sent from ingest onwards does not tell who somebody is.

A pseudonym is ``p<key id>:`` and the HMAC-SHA256 of the id in unpadded base64url. A plain hash would not do: e-mail
addresses and card numbers can be guessed by the billion (EDPB guidelines 01/2025). Equal ids have equal pseudonyms, so
everything that counts, merges and erases works as it does with plain ids.
"""

import base64
import hashlib
import hmac
import re
from typing import Final, TypeVar

from scoring.events import MemberEvent
from streams.config import PseudonymSettings

#: The fields of canonical events that name a member, and those that list several.
MEMBER_FIELDS: Final = ("member_id", "into", "referrer_id", "absorbed", "via")
MEMBER_LISTS: Final = ("path", "members")
#: What canonical events allow; longer and empty ids stay as they are, to be refused as they always are.
_MAX_ID: Final = 64

_Event = TypeVar("_Event", bound=MemberEvent)


class Pseudonyms:
    """Gives ids their pseudonyms; without a secret every id is its own."""

    def __init__(self, settings: PseudonymSettings) -> None:
        """Only the settings' present key makes pseudonyms; those of the former key are still recognised."""
        self.key_id = settings.key_id if settings.secret is not None else None
        self._make = _Maker(settings.key_id, settings.secret.get_secret_value()) if settings.secret else None
        self._former = (
            _Maker(settings.former_key_id, settings.former_secret.get_secret_value())
            if settings.former_secret
            else None
        )
        made_by = [re.escape(maker.prefix) for maker in (self._make, self._former) if maker is not None]
        self._is_one = re.compile(f"(?:{'|'.join(made_by)})[A-Za-z0-9_-]{{43}}").fullmatch if made_by else None

    @property
    def active(self) -> bool:
        """Whether ids are hidden at all."""
        return self._make is not None

    def hide(self, plain: str) -> str:
        """The pseudonym of an id from upstream, where every id is a plain one."""
        return self._make.of(plain) if self._make is not None and 0 < len(plain) <= _MAX_ID else plain

    def of(self, member_id: str) -> str:
        """What the system knows a member by: for a plain id its pseudonym; a pseudonym, as outcomes carry it, is it."""
        return member_id if self._is_one is None or self._is_one(member_id) else self.hide(member_id)

    def former(self, plain: str) -> str | None:
        """What the member was known by under the former key; None without one."""
        return self._former.of(plain) if self._former is not None else None

    def event(self, event: _Event) -> _Event:
        """The event, with :meth:`of` all members that it names. The event itself is changed and given back."""
        if self._make is not None:
            for name in MEMBER_FIELDS:
                named = getattr(event, name, "")
                if named:
                    setattr(event, name, self.of(named))
            for name in MEMBER_LISTS:
                several = getattr(event, name, None)
                if several:
                    setattr(event, name, [self.of(each) for each in several])
        return event


class _Maker:
    def __init__(self, key_id: str, secret: str) -> None:
        self.prefix = f"p{key_id}:"
        self._secret = secret.encode()

    def of(self, plain: str) -> str:
        # Half a surrogate pair, which JSON can carry, has no UTF-8; such an id is refused later.
        digest = hmac.digest(self._secret, plain.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return self.prefix + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


#: Hides nothing.
PLAIN: Final = Pseudonyms(PseudonymSettings())
