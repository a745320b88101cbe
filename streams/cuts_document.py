"""The cuts of one local date as they lie in the log, and a policy under them (docs/rules.md, sections 6.8 and 10)."""

from datetime import date as Date  # noqa: N812 - the document has a field of that name
from typing import Annotated, Final

import msgspec

from scoring.policy import Cuts, Policy
from scoring.segment_rules import Medians
from streams.codecs import encode_cuts

#: Rank values are kept in rows, which know integers of 64 bits.
MOST_VALUE: Final = (1 << 63) - 1

RankValue = Annotated[int, msgspec.Meta(ge=1, le=MOST_VALUE)]
NoOrMore = Annotated[int, msgspec.Meta(ge=0, le=MOST_VALUE)]
FourNumbers = tuple[NoOrMore, NoOrMore, NoOrMore, NoOrMore]


class CutsError(ValueError):
    """Cuts that cannot be used; the message says why."""


class TierCuts(msgspec.Struct, frozen=True):
    """From which rank value on a tier is entered and kept; null: nobody reaches it."""

    enter: RankValue | None
    leave: RankValue | None


class DayMedians(msgspec.Struct, frozen=True):
    """Medians of members with an order in the reported window: local days, kept orders, minor units."""

    recency_days: NoOrMore
    frequency: NoOrMore
    monetary: NoOrMore


class DayQuantiles(msgspec.Struct, frozen=True):
    """Values at 20, 40, 60 and 80 percent of the same members, from the smallest: local days, kept orders."""

    recency_days: FourNumbers
    frequency: FourNumbers


class CutsDocument(msgspec.Struct, frozen=True):
    """What ``cuts.published`` has under ``cuts``.

    ``ranked`` members were compared; with ``fallback`` these were too few, and thresholds decide. ``tiers`` is by name.
    ``medians`` and ``quantiles`` are null where nobody bought.
    """

    ranked: NoOrMore
    fallback: bool
    tiers: dict[str, TierCuts]
    medians: DayMedians | None = None
    quantiles: DayQuantiles | None = None

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)


class DatedCuts(msgspec.Struct, frozen=True):
    """Cuts with their local date (ISO): what a partition remembers, and what the control topic has."""

    date: str
    cuts: msgspec.Raw

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    def event(self, partition: int) -> bytes:
        """The value of the record that publishes them to one partition; the same date always has the same id there."""
        return encode_cuts(partition, self.date, bytes(self.cuts))


_decode_dated: Final = msgspec.json.Decoder(DatedCuts).decode
_decode_cuts: Final = msgspec.json.Decoder(CutsDocument).decode


def with_cuts(policy: Policy, raw: bytes) -> Policy:
    """The policy under the cuts of one date, encoded as :class:`DatedCuts`; cuts that it has already are replaced.

    Tiers that the policy does not have, or that ask for no percent, are left out.

    Raises:
        CutsError: ``raw`` is not that.
    """
    try:
        dated = _decode_dated(raw)
        Date.fromisoformat(dated.date)
        document = _decode_cuts(dated.cuts)
        segments = policy.segments
        if segments is not None and segments.by_quantile:
            segments = segments.stated or segments
            if document.quantiles is not None:
                segments = segments.with_quantiles(document.quantiles.recency_days, document.quantiles.frequency)
    except (msgspec.DecodeError, ValueError) as error:
        raise CutsError(f"the cuts cannot be used: {error}") from error
    names = policy.tier_names
    found = {rank: document.tiers[names[rank]] for rank in range(1, len(names)) if names[rank] in document.tiers}
    medians = document.medians
    cuts = Cuts(
        dated.date,
        document.fallback,
        frozenset(found),
        {rank: tier.enter for rank, tier in found.items()},
        {rank: tier.leave for rank, tier in found.items()},
        None if medians is None else Medians(medians.recency_days, medians.frequency, medians.monetary),
    )
    return policy.with_cuts(cuts, segments)
