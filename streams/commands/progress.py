"""How far is the work? A bar on a terminal, a plain line every two seconds elsewhere, nothing for work under a
second.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from streams.commands.output import notes

#: Called with how much more is done.
Advance = Callable[[int], None]

_SILENT_S = 1.0
_LINE_EVERY_S = 2.0


@contextmanager
def progress(title: str, unit: str, total: int | None, console: Console | None = None) -> Iterator[Advance]:
    """Show ``title`` with what is done of ``total`` units, the speed and the time left; ``unit`` "bytes" is scaled."""
    out = console or notes()
    if out.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), _Counted(unit), TimeRemainingColumn(compact=True))
        with Progress(*columns, console=out, transient=False) as bar:
            task = bar.add_task(title, total=total)
            yield lambda more: bar.advance(task, more)
        return
    lines = _Lines(title, unit, total, out)
    yield lines.advance
    lines.finish()


def amount(number: float, unit: str) -> str:
    """``12,345 orders``, or ``1.2 MB`` for bytes."""
    return decimal(int(number)) if unit == "bytes" else f"{number:,.0f} {unit}"


def left(seconds: float) -> str:
    """A rough length of time: ``40 s``, ``12 min``, ``3 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


class _Counted(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f" of {amount(task.total, self._unit)}"
        speed = task.finished_speed or task.speed
        rate = "" if speed is None else f", {amount(speed, self._unit)}/s"
        return Text(f"{amount(task.completed, self._unit)}{of}{rate}")


class _Lines:
    def __init__(self, title: str, unit: str, total: int | None, out: Console) -> None:
        self._title = title
        self._unit = unit
        self._total = total
        self._out = out
        self._done = 0
        self._began = time.monotonic()
        self._next = self._began + _SILENT_S
        self._spoke = False

    def advance(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_EVERY_S
            self._spoke = True
            self._line(now)

    def finish(self) -> None:
        if self._spoke:
            self._line(time.monotonic())

    def _line(self, now: float) -> None:
        rate = self._done / max(now - self._began, 1e-9)
        of = rest = ""
        if self._total is not None:
            of = f" of {amount(self._total, self._unit)}"
            rest = f", {left((self._total - self._done) / rate)} left" if rate and self._done < self._total else ""
        self._out.print(f"{self._title}: {amount(self._done, self._unit)}{of}, {amount(rate, self._unit)}/s{rest}")
