"""A table of the page: what every measurement makes of its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.spread import Spread


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title and the sentences that tell how it was measured; ``picture`` names what is drawn of it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: str
    picture: str = ""


def spread_text(spread: Spread, digits: int = 0) -> str:
    """``12,345 (11,000 to 13,000)``; the median alone when the rounds agree or there was one."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (spread.median, spread.least, spread.most))
    return middle if least == most else f"{middle} ({least} to {most})"
