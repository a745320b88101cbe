"""Tiers by percentile: rank values, the cuts of a day, and what they say about segments (docs/rules.md, 6.8 and 10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.oracle.policy import Level, Rules, SegmentRules

#: Fewer ranked members than this are no measure of each other.
FEWEST_RANKED = 500
_FIFTHS = (20, 40, 60, 80)


def rank_value(frequency: int, monetary: int) -> int:
    """Orders times minor units."""
    return frequency * monetary


@dataclass(frozen=True)
class Cut:
    """A test by cut; a ``value`` of None is never passed."""

    value: int | None

    def is_met(self, frequency: int, monetary: int) -> bool:
        """Whether a member with these numbers of the tiers' window passes."""
        return frequency > 0 and self.value is not None and rank_value(frequency, monetary) >= self.value


@dataclass(frozen=True)
class Cuts:
    """The cuts of one local date (ISO), as published: by tier name the pair to enter and to keep it."""

    date: str
    fallback: bool
    tiers: Mapping[str, tuple[int | None, int | None]]
    medians: tuple[int, int, int] | None
    quantiles: tuple[tuple[int, ...], tuple[int, ...]] | None


def cuts_of(date: str, document: Mapping[str, Any]) -> Cuts:
    """Read the ``cuts`` of a ``cuts.published``."""
    medians, quantiles = document.get("medians"), document.get("quantiles")
    return Cuts(
        date=date,
        fallback=document["fallback"],
        tiers={name: (cut["enter"], cut["leave"]) for name, cut in document["tiers"].items()},
        medians=None if medians is None else (medians["recency_days"], medians["frequency"], medians["monetary"]),
        quantiles=None if quantiles is None else (tuple(quantiles["recency_days"]), tuple(quantiles["frequency"])),
    )


def test_of(rank: int, base: int, rules: Rules, cuts: Cuts | None) -> Level | Cut:
    """What a member whose base is ``base`` has to pass to stand at ``rank``: thresholds, unless there is a cut."""
    level = rules.levels[rank]
    if not rules.by_percentile or cuts is None or cuts.fallback or level.name not in cuts.tiers:
        return level
    enter, leave = cuts.tiers[level.name]
    return Cut(enter if rank > base else leave)


# The name is the rules' own word; pytest must not take it for a test.
test_of.__test__ = False  # type: ignore[attr-defined]


def numbers_for(segments: SegmentRules, cuts: Cuts | None) -> SegmentRules:
    """The numbers of the day in place of the set ones, where the policy wants them and the day has them."""
    if segments.by_median and cuts is not None and cuts.medians is not None:
        recency_days, frequency, monetary = cuts.medians
        segments = replace(segments, high_recency_days=recency_days, high_frequency=frequency, high_monetary=monetary)
    if segments.by_quantile and cuts is not None and cuts.quantiles is not None:
        days, orders = cuts.quantiles
        # A value equal to a quantile lies in the interval that ends there.
        segments = replace(segments, r_cuts=days, f_cuts=tuple(count + 1 for count in orders))
    return segments


@dataclass(frozen=True)
class Counted:
    """One member of a population: orders and minor units in the tiers' and in the reported window, days since L."""

    frequency: int
    monetary: int
    reported_frequency: int
    reported_monetary: int
    recency_days: int | None


def exact_cuts(population: Sequence[Counted], percents: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The cuts of a population, from every single value. ``percents``: to enter and to keep, by tier name."""
    values = [rank_value(one.frequency, one.monetary) for one in population if one.frequency > 0]
    buyers = [one for one in population if one.reported_frequency > 0]
    days = [one.recency_days for one in buyers if one.recency_days is not None]
    orders, money = [one.reported_frequency for one in buyers], [one.reported_monetary for one in buyers]
    tiers = {
        name: {"enter": smallest_cut(values, enter), "leave": smallest_cut(values, leave)}
        for name, (enter, leave) in percents.items()
    }
    measures = {"recency_days": days, "frequency": orders, "monetary": money}
    return {
        "ranked": len(values),
        "fallback": len(values) < FEWEST_RANKED,
        "tiers": tiers,
        "medians": {name: value_at(found, 50) for name, found in measures.items()} if buyers else None,
        "quantiles": {
            name: [value_at(measures[name], percent) for percent in _FIFTHS] for name in ("recency_days", "frequency")
        }
        if buyers
        else None,
    }


def smallest_cut(values: Sequence[int], percent: int) -> int | None:
    """The smallest observed value that no more than so many percent of all reach; None when there is none."""
    fitting = [v for v in set(values) if 100 * sum(other >= v for other in values) <= percent * len(values)]
    return min(fitting, default=None)


def value_at(values: Sequence[int], percent: int) -> int:
    """The smallest observed value that at least so many percent of all do not exceed; at 50 the lower median."""
    return min(v for v in set(values) if 100 * sum(other <= v for other in values) >= percent * len(values))
