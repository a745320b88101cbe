"""Under which id is an outcome told? The same for the same decision (docs/rules.md, section 9)."""

from hashlib import sha1
from typing import Final

from scoring.forwards import NAMESPACE

# Nearly all members have been told less than this.
_NUMBERS: Final = [str(number) for number in range(1000)]
_KNOWN: Final = len(_NUMBERS)
_NAMESPACE_HASHED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)
#: What the first digit of an id's fourth group becomes: its two upper bits are the variant of such ids.
VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


class IdDigits:
    """The digits of ids under one epoch of the settings: uuid.uuid5 step by step, at a third of its cost."""

    def __init__(self, epoch: int) -> None:
        self._begun = _NAMESPACE_HASHED.copy()
        self._begun.update(f"{epoch}|".encode())

    def of(self, member_id: str, kind: str, cause: str, sequence: int) -> str:
        """Of an outcome: 32 hexadecimal digits and more; two of the id's own stand in for the 13th and the 17th."""
        named = self._begun.copy()
        number = _NUMBERS[sequence] if sequence < _KNOWN else str(sequence)
        named.update(f"{member_id}|{kind}|{cause}|{number}".encode())
        return named.hexdigest()


def outcome_id(epoch: int, member_id: str, kind: str, cause: str, sequence: int) -> str:
    """The same for the same decision, however often it is taken: consumers drop repeats by it."""
    digits = IdDigits(epoch).of(member_id, kind, cause, sequence)
    # Set are the version (5) and the variant.
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
