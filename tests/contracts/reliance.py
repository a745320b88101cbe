"""What the engine relies on in a library: a signature, and pieces of its source in the order the engine counts on.

A changed library fails here first, with the reason, instead of losing records later.
"""

import inspect
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reliance:
    """``theirs`` has these ``parameters`` and, in this order, these ``pieces`` of source; ``why`` says what breaks
    otherwise.
    """

    theirs: Any
    parameters: tuple[str, ...]
    pieces: tuple[str, ...]
    why: str


def source_of(theirs: Any) -> str:
    return re.sub(r"\s+", " ", inspect.getsource(theirs))


def check(reliance: Reliance) -> None:
    assert tuple(inspect.signature(reliance.theirs).parameters) == reliance.parameters, reliance.why
    source, place = source_of(reliance.theirs), 0
    for piece in reliance.pieces:
        found = source.find(re.sub(r"\s+", " ", piece), place)
        assert found >= 0, f"{piece!r} is gone or elsewhere in {reliance.theirs.__qualname__}: {reliance.why}"
        place = found
