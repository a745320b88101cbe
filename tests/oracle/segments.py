"""The names of a member in the three groups (docs/segments.md and docs/rules.md, section 10)."""

from dataclasses import dataclass

from tests.oracle.policy import SegmentRules

GROUPS = ("grid", "quadrants", "types")
_CELLS = {
    5: ("new", "potential_loyalist", "potential_loyalist", "champion", "champion"),
    4: ("promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"),
    3: ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"),
    1: ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"),
}
_ENDINGS = {(True, True): "value", (True, False): "development", (False, True): "keep", (False, False): "win_back"}


@dataclass(frozen=True)
class Names:
    """One name per group, empty where there is none; ``marks`` are the scores of R, F and M behind each."""

    names: tuple[str, str, str] = ("", "", "")
    marks: tuple[tuple[int, ...], ...] = ((), (), ())


UNSCORED = Names()
PROSPECT = Names(("prospect", "", ""))


def names_of(age: int | None, frequency: int, monetary: int, rules: SegmentRules) -> Names:
    """The names of a member; ``age`` is in days since the last purchase day, None for a prospect."""
    if age is None:
        return PROSPECT
    recent = 5 - sum(age > cut for cut in rules.r_cuts)
    often = 1 + sum(frequency >= cut for cut in rules.f_cuts)
    high_r, high_f, high_m = (
        age < rules.high_recency_days,
        frequency > rules.high_frequency,
        monetary > rules.high_monetary,
    )
    quadrant = f"{'frequent' if high_f else 'rare'}_{'high' if high_m else 'low'}_spend"
    kind = f"{'important' if high_m else 'general'}_{_ENDINGS[high_r, high_f]}"
    return Names(
        (_CELLS[recent][often - 1], quadrant, kind),
        ((recent, often), (0, high_f, high_m), (high_r, high_f, high_m)),
    )


def days_of_change(last_day: int, rules: SegmentRules) -> list[int]:
    """The local days at which the recency score of the grid or of the types falls."""
    return [last_day + cut + 1 for cut in rules.r_cuts] + [last_day + rules.high_recency_days]
