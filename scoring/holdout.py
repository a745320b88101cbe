"""Who gets no action, so that it can be seen what actions are worth (docs/rules.md, section 9.6)."""

from hashlib import blake2b
from typing import Final


class Holdout:
    """The share of members from whom actions are withheld: ``percent`` of all, drawn by ``salt``.

    Who is in it hangs on salt and member id alone, so that a member stays in or out under every later policy; a larger
    share keeps those who were in.
    """

    def __init__(self, percent: int, salt: str) -> None:
        self.percent = percent
        self.salt = salt

    def has(self, member_id: str) -> bool:
        """Whether actions are withheld from a member."""
        digest = blake2b(f"{self.salt}|{member_id}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest, "big")
        return 100 * drawn < self.percent << 64


#: Nobody is held out.
NO_HOLDOUT: Final = Holdout(0, "")
