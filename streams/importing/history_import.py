"""One import from beginning to end: read, sort, interleave the ticks, send, remember how far."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from scoring.calendar import Zone
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.importing.bookmark import Bookmark, Bookmarks, identity_of
from streams.importing.conversion import BadRow, Conversion
from streams.importing.history import with_ticks
from streams.importing.ordering import Entry, in_time_order
from streams.importing.readers import Format, Read
from streams.importing.sending import HistorySender, lanes_of
from streams.log_reading import admin_client, log_consumer, missing_topic, spans
from streams.mapping import Mapping
from streams.topics import MEMBER_EVENTS

#: Between two looks at the event loop while sending.
_ENTRIES_PER_TURN = 500

#: Opens a progress display: title, unit, total.
Show = Callable[[str, str, int | None], AbstractContextManager[Read]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import; ``until`` is the local date at whose start the history's ticks end, when later than they would
    anyway.
    """

    files: Sequence[Path]
    mapping: Mapping
    mapping_hash: str
    zone: Zone
    form: Format = Format.AUTO
    ticks: bool = True
    until: date | None = None
    restart: bool = False


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What an import did. ``first_at`` and ``last_at`` are the event times of the history, in epoch milliseconds."""

    rows: int = 0
    skipped: int = 0
    events: int = 0
    ticks: int = 0
    sent: int = 0
    already: int = 0
    bad: Sequence[BadRow] = ()
    first_at: int | None = None
    last_at: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Log:
    cluster: str
    topic: str
    partitions: int


def import_history(settings: Settings, request: ImportRequest, show: Show, now: int) -> ImportReport:
    """Bring the files into ``member-events``; ``now`` is epoch milliseconds.

    A second call with the same files, mapping and ticks sends only what is missing.

    Raises:
        CommandError: a file is missing or unreadable, or the log is not ready.
        HopelessFile: the mapping does not fit.
        KeyboardInterrupt: SIGINT or SIGTERM came while sending; what was acknowledged is remembered.
    """
    began = time.monotonic()
    log = _log(settings)
    conversion = Conversion(request.files, request.form, request.mapping, now)
    bookmarks = Bookmarks(_directory(settings), _identity(request, log), lanes_of(log.partitions))
    if request.restart:
        bookmarks.forget()
    bookmark = bookmarks.load()
    report = ImportReport(already=sum(bookmark.acknowledged))
    scratch = _directory(settings)
    scratch.mkdir(parents=True, exist_ok=True)
    with show("Reading", "bytes", sum(path.stat().st_size for path in request.files)) as read:
        ordered = in_time_order(conversion.entries(read), scratch)
        first = next(ordered, None)
    report.rows = conversion.rows
    report.bad = conversion.bad
    report.skipped = conversion.skipped
    if first is not None:
        report.first_at = first.at
        ordered = chain([first], ordered)
    with show("Importing", "events", conversion.rows - len(conversion.bad) - conversion.skipped) as advance:
        steps = _steps(request, ordered, now)
        sending = _send(settings, steps, log.partitions, bookmarks, bookmark, report, advance)
        try:
            asyncio.run(sending)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    report.sent = sum(bookmark.acknowledged) - report.already
    report.seconds = time.monotonic() - began
    return report


def _steps(request: ImportRequest, ordered: Iterator[Entry], now: int) -> Iterator[Entry | int]:
    until = None if request.until is None else (request.until - date(1970, 1, 1)).days
    return with_ticks(ordered, request.zone, until, now) if request.ticks else ordered


async def _send(
    settings: Settings,
    steps: Iterator[Entry | int],
    partitions: int,
    bookmarks: Bookmarks,
    bookmark: Bookmark,
    report: ImportReport,
    advance: Read,
) -> None:
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)

    def acknowledged(partition: int, upto: int) -> None:
        bookmark.acknowledged[partition] = max(upto, bookmark.acknowledged[partition])
        bookmarks.save(bookmark)

    async with HistorySender(settings, partitions, bookmark.acknowledged, acknowledged) as sender:
        for row in report.bad[bookmark.bad_rows :]:
            await sender.dead_letter(row.original, row.headers())
        untold = 0
        for step in steps:
            if isinstance(step, int):
                await sender.tick(step)
                report.ticks += 1
                continue
            await sender.entry(step)
            report.events += 1
            report.last_at = step.at
            untold += 1
            if untold == _ENTRIES_PER_TURN:
                advance(untold)
                untold = 0
                await asyncio.sleep(0)
        advance(untold)
        await sender.finish()
    bookmark.bad_rows = max(len(report.bad), bookmark.bad_rows)
    bookmarks.save(bookmark)


def _directory(settings: Settings) -> Path:
    return settings.data_dir / "imports"


def _identity(request: ImportRequest, log: _Log) -> str:
    for path in request.files:
        if not path.is_file():
            raise CommandError(f"there is no file {path}", ExitCode.NO_INPUT, remedy="check the name")
    circumstances = [log.cluster, log.topic, str(log.partitions), request.mapping_hash, request.form]
    return identity_of(request.files, [*circumstances, request.zone.name if request.ticks else "no ticks"])


def _log(settings: Settings) -> _Log:
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        stretches = spans(consumer, topic)
    if not stretches:
        raise missing_topic(settings, topic)
    if any(span.end == 0 for span in stretches.values()):
        raise CommandError(
            f"the topic {topic} has no policy yet",
            ExitCode.CONFIG,
            where=settings.kafka.bootstrap,
            remedy="run 'memberpulse topics apply' first: it publishes the policy",
        )
    with admin_client(settings) as admin:
        described = admin.describe_topics([topic])[0]
        cluster = admin.describe_cluster()
    return _Log(str(cluster.get("cluster_id")), f"{topic} {described.get('topic_id')}", len(stretches))
