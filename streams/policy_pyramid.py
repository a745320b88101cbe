"""How many percent are each tier's? The keys ``enter_percent`` and ``leave_percent`` of ``[[tiers.levels]]``."""

from collections.abc import Iterator, Sequence
from typing import Final

from streams.file_rules import readable
from streams.policy_levels import Level

#: Of four tiers, highest first: the best so many percent of the ranked members enter and keep it (5, 15, 40 and 40 %).
_FOUR_TIERS: Final = ((5, 6), (20, 22), (60, 63))
_KEYS: Final = ("enter_percent", "leave_percent")


def percents_of(levels: Sequence[Level]) -> list[tuple[int, int]]:
    """What a valid policy by percentile asks for, lowest tier first: percent to enter and to keep it, 0 for the lowest.

    What is not stated is as for four tiers.
    """
    return [(found[0] or 0, found[1] or 0) for found in (_percents(levels, index) for index in range(len(levels)))]


def percents_that_do_not_fit(levels: Sequence[Level], basis: str | None) -> Iterator[tuple[str, str]]:
    """Percents are stated by percentile only, and a higher tier is for fewer members."""
    for index, given in enumerate(levels):
        level = readable(given)
        for key in _KEYS:
            if level is None or readable(getattr(level, key)) is None:
                continue
            if index == 0 and basis == "percentile":
                yield f"levels[0].{key}", "the lowest tier is for everybody else; leave it out"
            elif basis == "thresholds":
                yield f"levels[{index}].{key}", 'may only be stated with basis = "percentile"; here thresholds decide'
    if basis == "percentile":
        yield from _that_do_not_nest(levels)


def _that_do_not_nest(levels: Sequence[Level]) -> Iterator[tuple[str, str]]:
    below: tuple[int | None, str] = (None, "")
    for index in range(1, len(levels)):
        if readable(levels[index]) is None:
            continue
        name = readable(levels[index].name)
        enter, leave = _percents(levels, index)
        for key, percent in zip(_KEYS, (enter, leave), strict=True):
            if percent is None and getattr(levels[index], key) is None:
                yield f"levels[{index}].{key}", "is missing; it has a default for four tiers only"
        if enter is not None and leave is not None and leave <= enter:
            sentence = f"found {leave} %; must be more than the {enter} % of enter_percent"
            yield f"levels[{index}].leave_percent", sentence
        elif leave is not None and below[0] is not None and leave >= below[0]:
            sentence = f"found {leave} %; must be less than the {below[0]} % that enter the lower tier{below[1]}"
            yield f"levels[{index}].leave_percent", sentence
        below = (enter, "" if name is None else f' "{name}"')


def _percents(levels: Sequence[Level], index: int) -> tuple[int | None, int | None]:
    """What applies to a tier; None where nothing can be read or nothing is said."""
    if index == 0:
        return None, None
    enter, leave = _FOUR_TIERS[len(levels) - 1 - index] if len(levels) == len(_FOUR_TIERS) + 1 else (None, None)
    level = levels[index]
    return (
        enter if level.enter_percent is None else readable(level.enter_percent),
        leave if level.leave_percent is None else readable(level.leave_percent),
    )
