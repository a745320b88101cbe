"""What became of a partition's records, counted once per batch."""

from collections.abc import Sequence

from faust.types import TP

from scoring.outcomes import Outcome
from streams.engine.batches import Record
from streams.metrics.scorer import ScorerMetrics
from streams.refusing import Refuser

#: Refusals that metrics count by their own name; everything else is a dead letter.
_NAMED = ("too_late", "quarantined")


class Tally:
    """One per partition."""

    def __init__(self, tp: TP, refuser: Refuser, metrics: ScorerMetrics) -> None:
        self._refuser = refuser
        self._events = metrics.events
        self._outcomes = metrics.outcomes
        self._watermark = metrics.watermark.labels(str(tp.partition))
        self._decided: dict[str, int] = {}

    def absorbed(self, applied: int, duplicates: int, replayed: int, untold: int) -> None:
        """Good records of one batch; ``untold`` of them came after its last refused one."""
        self._events["applied"].inc(applied)
        self._events["duplicate"].inc(duplicates)
        self._events["replayed"].inc(replayed)
        self._refuser.good(untold)
        for kind, count in self._decided.items():
            self._outcomes.labels(kind).inc(count)
        self._decided.clear()

    def refused(self, record: Record, reason: str, detail: str, good_before: int) -> None:
        """One refused record; see :meth:`streams.refusing.Refuser.refuse`."""
        self._refuser.refuse(record, reason, detail, good_before)
        self._events[reason if reason in _NAMED else "dead_letter"].inc()

    def decided(self, outcomes: Sequence[Outcome]) -> None:
        """Outcomes of one decision; they reach Prometheus with the batch."""
        for outcome in outcomes:
            self._decided[outcome.kind] = self._decided.get(outcome.kind, 0) + 1

    def ticked(self, at: int) -> None:
        """A tick was accepted (epoch ms)."""
        self._watermark.set(at / 1000)
