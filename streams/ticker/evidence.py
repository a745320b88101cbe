"""What the log itself says before a tick: the last ticks, the oldest upstream record not handled, who falls due; and
what partitions counted for cuts.

Blocking; the ticker calls it from a thread. It reads without a consumer group and writes nothing.
"""

import logging
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from scoring.calendar import instant_of
from scoring.events import Tick
from streams.config import Settings
from streams.log_reading import Span, admin_client, committed, latest_ticks, log_consumer, scan, spans
from streams.signing import Signatures
from streams.ticker.due_counts import DueCount, decode_due_count
from streams.topics import CUT_SKETCHES, DUE_COUNTS, MEMBER_EVENTS

log = logging.getLogger(__name__)

#: How far back each partition is searched when the control topic knows the last tick, in records: for ticks of others.
_GLANCE_RECORDS: Final = 500

_decode_tick = msgspec.json.Decoder(Tick).decode


class Evidence:
    """An open look at the log. A context manager; not for use from two threads at once.

    Every method may raise ``kafka.errors.KafkaError``: a broker is away or refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signatures = Signatures(settings.signing)
        self._resources = ExitStack()
        self._counts: dict[int, DueCount] = {}
        self._counts_read = 0
        self._sketches_read = 0

    def __enter__(self) -> Self:
        """Connect."""
        with ExitStack() as opened:
            self._admin: Any = opened.enter_context(admin_client(self._settings))
            self._consumer: Any = opened.enter_context(log_consumer(self._settings))
            self._resources = opened.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._resources.close()

    def last_tick(self, known: int | None) -> int | None:
        """The latest tick of any partition, ``known`` included; None when there is none.

        Without a known one each partition is searched back to its beginning if need be, else only its newest records.
        """
        topic = self._settings.topic(MEMBER_EVENTS)
        stretches = spans(self._consumer, topic)
        if known is not None:
            stretches = {
                number: Span(max(span.begin, span.end - _GLANCE_RECORDS), span.end)
                for number, span in stretches.items()
            }
        found = [] if known is None else [known]
        genuine = self._signatures.genuine
        for record in latest_ticks(self._consumer, topic, stretches, genuine=genuine).values():
            try:
                found.append(instant_of(_decode_tick(record.value or b"").at))
            except msgspec.DecodeError as error:
                log.warning("Tick at offset %d of partition %d is none: %s", record.offset, record.partition, error)
        return max(found, default=None)

    def oldest_unhandled(self) -> int | None:
        """When the oldest upstream record that ingest has not committed was written (epoch ms); None if it has all."""
        sources = self._settings.ingest.sources
        if not sources:
            return None
        # Committed offsets before ends: what ingest commits in between makes the answer older, never too new.
        handled = committed(self._admin, self._settings.group("ingest"))
        oldest = []
        for topic in (source.topic for source in sources):
            for partition, span in spans(self._consumer, topic).items():
                begin = max(span.begin, handled.get((topic, partition), span.begin))
                oldest.append(self._first_timestamp(topic, partition, Span(begin, span.end)))
        return min((timestamp for timestamp in oldest if timestamp is not None), default=None)

    def due_counts(self) -> tuple[DueCount, ...]:
        """The newest count of every partition that published one."""
        topic = self._settings.topic(DUE_COUNTS)
        for number, span in spans(self._consumer, topic).items():
            unread = Span(max(span.begin, self._counts_read), span.end)
            for record in scan(self._consumer, topic, {number: unread}):
                try:
                    count = decode_due_count(record.value or b"")
                    self._counts[count.partition] = count
                except msgspec.DecodeError as error:
                    log.warning("A due count at offset %d cannot be read and is left out: %s", record.offset, error)
            self._counts_read = span.end
        return tuple(self._counts.values())

    def new_sketches(self) -> list[bytes]:
        """What partitions have counted for cuts since this was asked last."""
        topic = self._settings.topic(CUT_SKETCHES)
        found = []
        for number, span in spans(self._consumer, topic).items():
            unread = Span(max(span.begin, self._sketches_read), span.end)
            found += [record.value for record in scan(self._consumer, topic, {number: unread}) if record.value]
            self._sketches_read = span.end
        return found

    def _first_timestamp(self, topic: str, partition: int, unhandled: Span) -> int | None:
        if unhandled.begin >= unhandled.end:
            return None
        first = next(scan(self._consumer, topic, {partition: unhandled}), None)
        return None if first is None else first.timestamp
