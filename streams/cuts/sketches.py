"""How the members' numbers are distributed, in little space: mergeable quantile sketches.

A KLL sketch (Karnin, Lang and Liberty, FOCS 2016) of the library datasketches keeps all values while they are few, and
then a random choice with weights. Its error is one of rank: a share that it names is off by at most
:func:`rank_error` of all values, with a probability of 99 %.
"""

from math import nextafter
from typing import Any, Final, Self

import msgspec

#: The parameter that sets size and error: about 12,000 values and 100 kB of a million members, all values of 4,000.
K: Final = 4000
#: A sketch counts in doubles, which know every integer up to 2**53; larger ones are taken a little too small, by less
#: than one part in 10**15. This is the largest one whose double is an integer of 63 bits.
_MOST_VALUE: Final = (1 << 63) - 1024

#: Values with the number of members that each stands for.
Tally = list[tuple[int, int]]


def rank_error() -> float:
    """The library's bound on the error of a share, by a sketch of :data:`K`, with a probability of 99 %: 0.00073."""
    error: float = _kll().get_normalized_rank_error(K, as_pmf=False)
    return error


def _kll() -> Any:
    """The library's sketch. It brings numpy along, some 0.2 s, which who has no tier by percentile never needs."""
    from datasketches import kll_doubles_sketch

    return kll_doubles_sketch


class Distribution:
    """How one number is distributed among members. Numbers are integers of at least 0."""

    def __init__(self) -> None:
        self.sketch = _kll()(K)

    def add(self, value: int) -> None:
        """Count one member."""
        near = float(min(value, _MOST_VALUE))
        self.sketch.update(near if near <= value else nextafter(near, 0.0))

    def merge(self, other: "Distribution") -> None:
        """Count everybody who is counted in ``other``."""
        self.sketch.merge(other.sketch)

    @property
    def members(self) -> int:
        """How many were counted, exactly."""
        counted: int = self.sketch.n
        return counted

    @property
    def exact(self) -> bool:
        """Whether every value is still there."""
        return not self.sketch.is_estimation_mode()

    def tally(self) -> Tally:
        """The values that are left, each once and rising, with the number of members that each stands for."""
        found: dict[int, int] = {}
        for value, weight in self.sketch:
            found[int(value)] = found.get(int(value), 0) + weight
        return sorted(found.items())

    def encode(self) -> bytes:
        """In the library's own form."""
        packed: bytes = self.sketch.serialize()
        return packed

    @classmethod
    def decode(cls, packed: bytes) -> Self:
        """The inverse of :meth:`encode`. Raises ValueError for anything else."""
        made = cls()
        try:
            made.sketch = _kll().deserialize(packed)
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(f"not a quantile sketch: {error}") from error
        if made.sketch.k != K:
            raise ValueError(f"a quantile sketch of parameter {made.sketch.k}, where {K} is needed")
        return made


class PackedSketches(msgspec.Struct, frozen=True, array_like=True):
    """:class:`MemberSketches` for a record."""

    rank: bytes
    recency: bytes
    frequency: bytes
    monetary: bytes


class MemberSketches:
    """What a day's cuts are computed from.

    ``rank`` has the rank values of the ranked members. The others are of members with an order in the reported window:
    ``recency`` local days since the last purchase day, ``frequency`` kept orders, ``monetary`` minor units.
    """

    def __init__(self) -> None:
        self.rank = Distribution()
        self.recency = Distribution()
        self.frequency = Distribution()
        self.monetary = Distribution()

    def merge(self, other: "MemberSketches") -> None:
        """Count everybody who is counted in ``other``."""
        self.rank.merge(other.rank)
        self.recency.merge(other.recency)
        self.frequency.merge(other.frequency)
        self.monetary.merge(other.monetary)

    def pack(self) -> PackedSketches:
        """As bytes."""
        return PackedSketches(
            self.rank.encode(), self.recency.encode(), self.frequency.encode(), self.monetary.encode()
        )

    @classmethod
    def unpack(cls, packed: PackedSketches) -> Self:
        """The inverse of :meth:`pack`. Raises ValueError for bytes that are no sketch."""
        made = cls()
        made.rank = Distribution.decode(packed.rank)
        made.recency = Distribution.decode(packed.recency)
        made.frequency = Distribution.decode(packed.frequency)
        made.monetary = Distribution.decode(packed.monetary)
        return made
