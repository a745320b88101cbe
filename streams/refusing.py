"""Refusing a record: one dead letter, and a halt when there are too many."""

from collections.abc import Callable
from typing import NoReturn

from faust.types import TP
from prometheus_client import Counter

from streams.dead_letters import Ceiling, dead_letter
from streams.engine.batches import Record
from streams.engine.fencing import EX_DATAERR
from streams.engine.outbox import Outbox


class Refuser:
    """Writes the dead letters of one source partition, in the order of its log."""

    def __init__(
        self,
        tp: TP,
        outbox: Outbox,
        dead_letters: tuple[str, int],
        counter: Counter,
        ceiling: Ceiling | None,
        fail: Callable[[int, str], NoReturn],
        *,
        tell: bool = True,
    ) -> None:
        """``dead_letters`` is the physical topic and the partition to write to, ``counter`` has the label ``reason``.

        ``ceiling`` None lets any share of bad input through to the dead letters. Without ``tell`` the last words of the
        process do not repeat what was wrong with the last record: that may name a member.
        """
        self._tp = tp
        self._outbox = outbox
        self._topic, self._partition = dead_letters
        self._counter = counter
        self._ceiling = ceiling
        self._fail = fail
        self._tell = tell

    def good(self, count: int) -> None:
        """``count`` usable records went by."""
        if self._ceiling is not None:
            self._ceiling.good(count)

    def refuse(self, record: Record, reason: str, detail: str, good_before: int) -> None:
        """Write the dead letter of a record that ``good_before`` usable ones came before since the last call.

        Ends the process when there are too many: better to stop than to drain the topic into the dead letters.
        """
        self.good(good_before)
        headers = dead_letter(record, self._tp.topic, self._tp.partition, reason, detail)
        self._outbox.put(self._topic, self._partition, record.key, record.value, headers)
        self._counter.labels(reason).inc()
        halt = self._ceiling.bad(reason) if self._ceiling is not None else None
        if halt is not None:
            self._fail(
                EX_DATAERR,
                f"{self._tp.topic}[{self._tp.partition}] at offset {record.offset}: {halt}"
                + (f" The last one: {detail}" if self._tell else ""),
            )
