"""Writes docs/cdnow.md: ``python -m tests.oracle.cdnow_page``. Half a minute, and no broker.

The cuts by sketch, which are others each time, are read from the page by the test that compares it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Final

from scoring.vocabulary import STAGES
from streams.cuts.sketches import rank_error
from streams.demo.recompute import read_cdnow
from tests.oracle.cdnow_figures import CUT_DATES, DATES, PERCENTS, Shop, SketchCut, SketchCuts, by_sketch
from tests.streams.cuts.exact import exact_cut

PAGE: Final = Path(__file__).parents[2] / "docs" / "cdnow.md"
TIERS: Final = ("D", "C", "B", "A")
_THOUSANDTH: Final = Decimal("0.001")
_CUT_ROW: Final = re.compile(
    r"^\| (\S+) \| (\w) \| \w+ (\d+) % \| [\d,]+ \| [\d.]+ \| ([\d,]+) \| ([\d.]+) \|", re.MULTILINE
)

_TOP: Final = """\
# Real orders: what the product tells, beside pandas

Written by `python -m tests.oracle.cdnow_page` (half a minute, no Kafka); do not edit.
`tests/oracle/test_cdnow_page.py` checks that it is what the generator writes.

69,659 orders of 23,570 members ([data.md](data.md)), each at 12:00 UTC of its date, a tick at every midnight (UTC).
*Engine* is `scoring.engine`, member by member; *pandas* is `tests/oracle/cdnow_pandas.py`: column arithmetic on the
file that shares no code with it.
The same members through the whole system, with Kafka and a worker, on four dates, every alert of the whole run
included: `tests/e2e/test_cdnow.py`, `test_every_cdnow_member_is_as_pandas_says_on_four_dates`. `make demo` does it
before your eyes.

## Members per lifecycle stage
Policy `absolute`, at the start of the date. The last column counts members of whom the two say anything different:
orders, money, last order, tier, stage, or any alert so far. A prospect has nothing but orders of 0.00.

"""
_NEAR_CHURN: Final = """
## Near-churn alerts
By the month in which they were due: after 60 days without an order. Which fixed days or rhythm would have served this
shop, and how many of the alerts were right, is in [backtest.md](backtest.md#cdnow-fixed-days-win-by-little).

"""
_CUTS: Final = """
## Percentile cuts
Policy `pyramid`: members with an order in the last 365 days are ranked by orders times cents. *Exact* takes every
member's value, by pandas. *Sketch* is what a night publishes: members counted in {partitions} partitions, the
sketches merged. Each cut is followed by the percentage of the ranked members at or above it: the true one, and for
the sketch the one that it reckons. The rank error is the difference of these two, in percentage points.

The bound of a sketch (KLL, k = 4,000) is {bound} points, with a probability of 99 % per share; the largest error here
is {largest}. Equal members who would be too many stay below together, so a share is at most its percentage, by the
sketch at most that and the error.

"""
_PYRAMID: Final = """
### Members per tier by these cuts
*By cuts alone*: where each member's value lies, members without an order in 365 days in D. *Thresholds*: the tiers
that `pyramid` has given at the end of an import up to the date, when there are no cuts yet. *In force* is what the
first live tick after it and its cuts make of them: whoever is above a cut rises at once, and nobody falls, because
tiers are held for half a year. The next nights bring the tiers to their sizes as holds end.

"""


def page(shop: Shop, cuts: SketchCuts) -> str:
    """The whole page, with these cuts by sketch."""
    by_rows = [_cut_row(shop, key, cut) for key, cut in cuts.items()]
    largest = max(_error(shop, key, cut) for key, cut in cuts.items())
    cut_text = _CUTS.format(partitions=4, bound=Decimal(100 * rank_error()).quantize(_THOUSANDTH), largest=largest)
    heads = (
        ("date", "by", "members", *STAGES, "unlike"),
        ("month", "engine", "pandas", "engine, so far", "pandas, so far"),
        (
            "date",
            "tier",
            "of the best",
            "exact cut",
            "true, %",
            "sketch's cut",
            "reckoned, %",
            "true, %",
            "rank error",
        ),
        ("date", "", *TIERS),
    )
    return "".join(
        [
            *(_TOP, _table(heads[0], 2, _stage_rows(shop))),
            *(_NEAR_CHURN, _table(heads[1], 1, _near_churn_rows(shop))),
            *(cut_text, _table(heads[2], 3, by_rows)),
            *(_PYRAMID, _table(heads[3], 2, _tier_rows(shop, cuts))),
        ]
    )


def read_cuts(text: str) -> dict[tuple[str, str, int], SketchCut]:
    """The cuts by sketch that a page has."""
    return {
        (day, tier, int(percent)): SketchCut(int(value.replace(",", "")), Decimal(reckoned))
        for day, tier, percent, value, reckoned in _CUT_ROW.findall(text)
    }


def _table(head: tuple[str, ...], words: int, rows: Iterable[Sequence[object]]) -> str:
    """The first ``words`` columns are text, the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in (head, rule, *rows))


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _stage_rows(shop: Shop) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for text in DATES:
        engine, pandas = shop.stages(text)
        rows.append((text, "engine", engine.total(), *(engine[stage] for stage in STAGES), len(shop.unlike(text))))
        rows.append((text, "pandas", pandas.total(), *(pandas[stage] for stage in STAGES), ""))
    return rows


def _near_churn_rows(shop: Shop) -> list[tuple[object, ...]]:
    engine, pandas = shop.near_churn()
    months = sorted(engine | pandas)
    so_far = zip(
        accumulate(engine[month] for month in months), accumulate(pandas[month] for month in months), strict=True
    )
    return [(month, engine[month], pandas[month], *both) for month, both in zip(months, so_far, strict=True)]


def _share(values: list[int], cut: int | None) -> Decimal:
    passing = 0 if cut is None else sum(value >= cut for value in values)
    return (Decimal(100 * passing) / len(values)).quantize(_THOUSANDTH)


def _error(shop: Shop, key: tuple[str, str, int], cut: SketchCut) -> Decimal:
    return abs(cut.reckoned - _share(shop.ranks[key[0]], cut.value))


def _cut_row(shop: Shop, key: tuple[str, str, int], cut: SketchCut) -> tuple[object, ...]:
    text, tier, percent = key
    values = shop.ranks[text]
    exact = exact_cut(values, percent)
    does = "enter" if percent == PERCENTS[tier][0] else "keep"
    shares = (cut.reckoned, _share(values, cut.value), _error(shop, key, cut))
    return (text, tier, f"{does} {percent} %", exact, _share(values, exact), cut.value, *shares)


def _tier_rows(shop: Shop, cuts: SketchCuts) -> Iterator[tuple[object, ...]]:
    for text in CUT_DATES:
        values = shop.ranks[text]
        unranked = len(shop.by_pandas[text]) - len(values)
        exact = {tier: exact_cut(values, enter) for tier, (enter, _) in PERCENTS.items()}
        sketch = {tier: cuts[text, tier, enter].value for tier, (enter, _) in PERCENTS.items()}
        yield text, "by cuts alone, exact (pandas)", *_sizes(values, exact, unranked)
        yield text, "by cuts alone, sketch", *_sizes(values, sketch, unranked)
        for words, states in (
            ("thresholds", shop.under_thresholds(text)),
            ("in force", shop.under_cuts(text, cuts)),
        ):
            found = shop.sizes(states)
            yield text, f"{words} (engine)", *(found[tier] for tier in TIERS)


def _sizes(values: list[int], cuts: Mapping[str, int | None], unranked: int) -> list[int]:
    """Members in D, C, B and A."""
    reached = Counter({tier: sum(cut is not None and value >= cut for value in values) for tier, cut in cuts.items()})
    return [
        unranked + len(values) - reached["C"],
        reached["C"] - reached["B"],
        reached["B"] - reached["A"],
        reached["A"],
    ]


if __name__ == "__main__":
    shop = Shop(list(read_cdnow()))
    PAGE.write_text(page(shop, by_sketch(shop)), encoding="utf-8")
