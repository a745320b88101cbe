"""A Faust table whose rows live in the partitions and whose changelog is written by the cut."""

from typing import Any

from faust.stores.memory import Store as MemoryStore
from faust.tables import Table
from faust.types import TP

from streams.engine.fencing import EX_CONFIG


class RowStore(MemoryStore[Any, Any]):
    """Holds nothing itself: the rows are in :class:`~streams.engine.partition.RowPartition`."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Faust calls this when the changelog is read and before any source record is."""
        app: Any = self.app
        try:
            await app.on_rows_restored()
        except Exception as exc:
            # Faust waits for this and never looks at how it ended.
            app.fail(EX_CONFIG, f"the remembered state cannot be taken up: {exc!r}")

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        """Partitions are dropped and created by the app, before Faust gets here."""


class RowTable(Table[Any, Any]):
    """Faust's table as far as topology goes (assignor, changelog topic, recovery); reading and writing bypass it."""

    def _new_store(self) -> Any:
        return RowStore("memory://", self.app, self, table_name=self.name, loop=self.loop)
