"""Restoring rows from the changelog, a fetched chunk at a time."""

from collections import Counter
from time import monotonic
from typing import Any, cast

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from streams.engine.batches import Remembered


class BatchRecovery(Recovery):
    """Faust's recovery with its queue and its per-event loop passed by.

    Overrides, each with a contract test: ``on_rebalance``, ``_build_highwaters``, ``_seek_offsets``,
    ``_slurp_changelogs``; adds ``on_changelog_chunk``.
    """

    app: Any

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        """Partitions that were not kept are read from the beginning, even when Faust thinks they never left."""
        for tp in list(self.active_offsets):
            if not self.app.assignment.keeps(tp):
                self.revoke(tp)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def _build_highwaters(self, consumer: Any, tps: set[TP], destination: Counter[TP], title: str) -> None:
        await super()._build_highwaters(consumer, tps, destination, title)
        for tp in tps:
            if self.app.assignment.keeps(tp):
                # Our memory is ahead of anything the changelog could say: what follows our last read is our own
                # writing.
                destination[tp] = self.active_offsets[tp] if self.active_offsets[tp] is not None else -1

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Counter[TP], title: str) -> None:
        # Faust seeks to the last offset read and drops what it has seen; we seek to the next (-1: nothing read yet).
        # A kept partition is placed at its end: Faust resumes it like the others, and without a place it would be read
        # from the beginning.
        kept = [tp for tp in tps if self.app.assignment.keeps(tp)]
        ends = await consumer.highwaters(*kept) if kept else {}
        await consumer.seek_wait({tp: ends[tp] if tp in ends else offsets[tp] + 1 for tp in tps})

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing goes through Faust's changelog queue; its loop would only clear the signal that we set."""

    def _set_recovery_started(self) -> None:
        super()._set_recovery_started()
        # Still set by the recovery before, which Faust's own loop would have cleared: this one would end before it
        # began.
        self.signal_recovery_end.clear()
        self.app.observer.recovery(True, 0.0)

    def _set_recovery_ended(self) -> None:
        # Faust calls this a second time, after its own look at what was read.
        if self.in_recovery and self._recovery_started_at is not None:
            self.app.observer.recovery(False, monotonic() - self._recovery_started_at)
        super()._set_recovery_ended()

    def on_changelog_chunk(self, tp: TP, chunk: list[Remembered]) -> None:
        """Apply consecutive changelog records and end the recovery when the last partition has reached its end."""
        if tp not in self.active_tps or self.app.assignment.keeps(tp):
            return
        # Typed as a counter of ints, but None until something was read.
        seen = cast(int | None, self.active_offsets[tp])
        if seen is not None and chunk[0].offset <= seen:
            chunk = [record for record in chunk if record.offset > seen]
        if chunk:
            self.app.assignment.restore(tp, chunk)
            self.active_offsets[tp] = chunk[-1].offset
            self._active_events_received_at[tp] = self._last_flush_at = monotonic()
            self.app.observer.recovered(len(chunk), self.active_remaining_total())
        if self.in_recovery and not self.need_recovery():
            self._set_recovery_ended()
            self.signal_recovery_end.set()


class BatchTableManager(TableManager):
    """Faust's table manager with our recovery."""

    @property
    def recovery(self) -> BatchRecovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        assert isinstance(self._recovery, BatchRecovery)
        return self._recovery
