"""What the product makes of the real orders, beside what pandas makes of them: the figures of docs/cdnow.md."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec
import orjson
import pandas as pd

from scoring.calendar import instant_of
from scoring.engine import Position, adopt
from scoring.state import MemberState
from scoring.vocabulary import DAY_MS, STAGES
from streams.cuts.census import Census
from streams.cuts.computing import compute
from streams.cuts.sketches import MemberSketches, Tally
from streams.cuts_document import CutsDocument, DatedCuts, TierCuts, with_cuts
from streams.demo.recompute import CdnowRow
from streams.murmur import partition_of
from streams.policy_file import load
from tests.oracle.cdnow_fold import fold
from tests.oracle.cdnow_pandas import cdnow_by_pandas, ranks_by_pandas

#: At the start of these dates (UTC) everything is compared.
DATES: Final = ("1997-04-01", "1997-07-01", "1997-10-01", "1998-01-01", "1998-04-01", "1998-07-01")
CUT_DATES: Final = ("1997-07-01", "1998-01-01", "1998-07-01")
#: Percent of the ranked members, from the best, to enter and to keep a tier of the policy ``pyramid``.
PERCENTS: Final = {"A": (5, 6), "B": (20, 22), "C": (60, 63)}
_PARTITIONS: Final = 4


@dataclass(frozen=True, slots=True)
class SketchCut:
    """A cut by sketch, and what percentage of the ranked members the sketch reckons at or above it."""

    value: int
    reckoned: Decimal


#: By date, tier and percent.
SketchCuts = Mapping[tuple[str, str, int], SketchCut]


class Shop:
    """The members by the engine and by pandas, as of every date of the page."""

    def __init__(self, rows: Sequence[CdnowRow]) -> None:
        document = load("absolute")
        content = orjson.loads(document.canonical())
        self._tiers = document.to_policy().tier_names
        self._by_engine = fold(rows, document.to_policy(), [midnight(text) for text in DATES])
        self.by_pandas = {text: cdnow_by_pandas(content, _midnights(text)) for text in DATES}
        self._pyramid = load("pyramid").to_policy()
        self.asked = Census(self._pyramid, 0).record(0, 1).asked
        self._in_pyramid = fold(rows, self._pyramid, [midnight(text) for text in CUT_DATES])
        self.ranks = {
            text: ranks_by_pandas(midnight(text) // DAY_MS, self._pyramid.tier_window_days) for text in CUT_DATES
        }

    def stages(self, text: str) -> tuple[Counter[str], Counter[str]]:
        """Members per lifecycle stage, by the engine and by pandas."""
        by_engine = Counter(STAGES[state.stage] for state in self._by_engine.states[midnight(text)].values())
        return by_engine, Counter(self.by_pandas[text]["stage"].tolist())

    def unlike(self, text: str) -> list[str]:
        """Members of whom the two say anything different: orders, money, last order, tier, stage, any alert so far."""
        at = midnight(text)
        engine = {
            name: (
                *(state.frequency, state.monetary, state.last_at, self._tiers[state.tier], STAGES[state.stage]),
                tuple(alert for alert in self._by_engine.alerts.get(name, ()) if alert[1] <= at),
            )
            for name, state in self._by_engine.states[at].items()
        }
        table = self.by_pandas[text]
        last = table["last_purchase_at"].fillna(0)
        columns = [table["frequency"], table["monetary"], last, table["tier"], table["stage"], table["alerts"]]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        wanted = dict(zip(map(str, table.index), rows, strict=True))
        return sorted(name for name in engine.keys() | wanted.keys() if engine.get(name) != wanted.get(name))

    def near_churn(self) -> tuple[Counter[str], Counter[str]]:
        """Near-churn alerts by the month in which they were due (``1997-03``), by the engine and by pandas."""
        return _by_month(self._by_engine.alerts.values()), _by_month(self.by_pandas[DATES[-1]]["alerts"].tolist())

    def sketched(self, text: str) -> MemberSketches:
        """The members as counted in each partition and merged, after the way through the log."""
        at = midnight(text)
        counts = [Census(self._pyramid, at) for _ in range(_PARTITIONS)]
        for name, state in self._in_pyramid.states[at].items():
            counts[partition_of(name.encode(), _PARTITIONS)].count(state)
        together = MemberSketches()
        for number, census in enumerate(counts):
            together.merge(MemberSketches.unpack(census.record(number, 1).sketches))
        return together

    def sizes(self, states: Mapping[str, MemberState]) -> Counter[str]:
        """Members per tier of ``pyramid``."""
        return Counter(self._pyramid.tier_names[state.tier] for state in states.values())

    def under_thresholds(self, text: str) -> Mapping[str, MemberState]:
        """The members under ``pyramid`` at the end of an import, when no cuts were published yet."""
        return self._in_pyramid.states[midnight(text)]

    def under_cuts(self, text: str, cuts: SketchCuts) -> Mapping[str, MemberState]:
        """The same when these cuts have reached everybody."""
        at = midnight(text)
        tiers = {
            name: TierCuts(cuts[text, name, enter].value, cuts[text, name, leave].value)
            for name, (enter, leave) in PERCENTS.items()
        }
        document = CutsDocument(len(self.ranks[text]), fallback=False, tiers=tiers)
        after = with_cuts(self._pyramid, DatedCuts(text, msgspec.Raw(document.encode())).encode())
        position = Position(1_000_000, at, at, imported=False)
        return {
            name: adopt(state, self._pyramid, after, "cut_moved", f"cuts:{text}", position).state
            for name, state in self.under_thresholds(text).items()
        }


def by_sketch(shop: Shop) -> dict[tuple[str, str, int], SketchCut]:
    """The cuts of every date of the page, by fresh sketches.

    They are others each time: of many members a sketch keeps a choice, made by chance.
    """
    found = {}
    for text in CUT_DATES:
        sketches = shop.sketched(text)
        document = compute(sketches, shop.asked)
        for tier, percents in PERCENTS.items():
            cuts = document.tiers[tier]
            for percent, value in zip(percents, (cuts.enter, cuts.leave), strict=True):
                assert value is not None, "so many members have a best percent"
                found[text, tier, percent] = SketchCut(value, _reckoned(sketches.rank.tally(), value))
    return found


def midnight(text: str) -> int:
    """The start of a date in UTC, epoch ms."""
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _midnights(until: str) -> list[int]:
    return list(range(midnight("1997-01-02"), midnight(until) + 1, DAY_MS))


def _by_month(alerts: Iterable[Sequence[tuple[str, int]]]) -> Counter[str]:
    due = [at for told in alerts for kind, at in told if kind == "lifecycle.near_churn"]
    return Counter(pd.to_datetime(pd.Series(due), unit="ms").dt.strftime("%Y-%m").tolist())


def _reckoned(tally: Tally, cut: int) -> Decimal:
    everybody = sum(members for _, members in tally)
    share = Decimal(100 * sum(members for value, members in tally if value >= cut)) / everybody
    return share.quantize(Decimal("0.001"))
