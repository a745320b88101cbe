"""Under which id is an outcome told? The same for the same decision (docs/rules.md, section 9)."""

from hashlib import sha1
from typing import Final

from scoring.forwards import NAMESPACE

_NAMESPACE_HASHED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


def outcome_id(epoch: int, member_id: str, kind: str, cause: str, sequence: int) -> str:
    """The same for the same decision, however often it is taken: consumers drop repeats by it."""
    # uuid.uuid5 step by step, at a third of its cost; set are the version (5) and the variant (two bits of digit 17).
    named = _NAMESPACE_HASHED.copy()
    named.update(f"{epoch}|{member_id}|{kind}|{cause}|{sequence}".encode())
    digits = named.hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
