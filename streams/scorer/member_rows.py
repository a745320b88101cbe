"""The members of one partition as states, rows and due instants, and what a decision about one of them leaves."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import NoReturn

from faust.types import TP

from scoring.engine import DUPLICATE, Decision
from scoring.state import MemberState
from streams.codecs import encode_event
from streams.engine.fencing import EX_CONFIG
from streams.engine.outbox import Put
from streams.engine.partition import RowPartition
from streams.engine.sending import NO_HEADERS, Headers
from streams.murmur import partition_of
from streams.outcome_records import OutcomeRecords
from streams.rows import UnknownRowVersionError, next_due_of, offset_of
from streams.rows import encode as encode_row
from streams.scorer.due import DueIndex
from streams.scorer.tally import Tally
from streams.topics import MEMBER_EVENTS, MEMBER_SCORES, OUTCOME_TOPICS

#: Rows indexed after recovery before the event loop gets a turn: about 10 ms.
_INDEX_SLICE = 20_000
#: Instead of a log time: the record at hand is no imported history.
NO_HISTORY = -1


class MemberRows(RowPartition):
    """``live`` holds the members changed since the last cut, ``rows`` all others, and the last cut's form of these."""

    def __init__(
        self,
        tp: TP,
        put: Put,
        tally: Tally,
        topic: Callable[[str], str],
        partition_count: int,
        fail: Callable[[int, str], NoReturn],
    ) -> None:
        """``topic`` gives physical names."""
        super().__init__(tp)
        self._put = put
        self._tally = tally
        self._topics = {name: topic(name) for name in OUTCOME_TOPICS}
        self._scores_topic = topic(MEMBER_SCORES)
        self._events_topic = topic(MEMBER_EVENTS)
        # The log time (epoch ms) that the record at hand brought along.
        self._history_at = NO_HISTORY
        self._partition_count = partition_count
        self._fail = fail
        self.live: dict[bytes, MemberState] = {}
        self.due = DueIndex()
        # Who has no score of the present state yet, and what writes it: the policy that the state is by.
        self._unscored: dict[bytes, OutcomeRecords] = {}

    def _take(self, key: bytes, due: int, decision: Decision, records: OutcomeRecords) -> None:
        """Take over a decision: the state, its timer and its outcomes, or, when writing one of these fails, nothing.

        ``records`` are those of the policy that it was taken by.
        """
        after = decision.state
        if decision.verdict == DUPLICATE:
            self.live[key] = after
            return
        moved = decision.moved
        told = self._written(key, decision, records) if moved else []
        forwards = [encode_event(forward.event) for forward in decision.forwards] if decision.forwards else []
        if after.next_due != due:
            self.due.move(key, due, after.next_due)
        self.live[key] = after
        put, number = self._put, self.tp.partition
        for event_key, event in forwards:
            place = partition_of(event_key, self._partition_count)
            put(self._events_topic, place, event_key, event, self._headers_of_forwards())
        if not moved:
            self._unscored[key] = records
            return
        for topic, value, headers in told:
            put(topic, number, key, value, headers)
        self._unscored.pop(key, None)
        self._tally.decided(decision.outcomes)

    def _headers_of_forwards(self) -> Headers:
        """A forward of imported history is history where it arrives, too; else its log time would end the import."""
        return NO_HEADERS if self._history_at == NO_HISTORY else [("log_time", b"%d" % self._history_at)]

    def _written(
        self, key: bytes, decision: Decision, records: OutcomeRecords
    ) -> list[tuple[str, bytes | None, Headers]]:
        """Topic, value and headers of the decision's outcomes and of the score after it."""
        number = self.tp.partition
        member_id = key.decode()
        told: list[tuple[str, bytes | None, Headers]] = []
        for outcome in decision.outcomes:
            topic, value, headers = records.written(outcome, member_id, key, number)
            told.append((self._topics[topic], value, headers))
        after = decision.state
        if after.erased:
            told.append((self._scores_topic, None, records.scores.erasure_headers(after)))
        else:
            told.append((self._scores_topic, records.scores.record(member_id, after), NO_HEADERS))
        return told

    def _everybody(self) -> Iterable[bytes]:
        """Keys of all members known by now; some twice when the rows are on disk, where a look costs more than that."""
        rows = self.rows
        if isinstance(rows, dict):
            return [*rows, *(key for key in self.live if key not in rows)]
        return chain(iter(rows), list(self.live))

    @property
    def dirty_count(self) -> int:
        """Members changed since the last cut."""
        return len(self.live)

    def take_dirty(self, most: int) -> list[tuple[bytes, bytes]]:
        """Changed members as rows, in the order in which they were first changed; their scores are queued first, so
        that the cut waits for these too.
        """
        live, rows = self.live, self.rows
        dirty: list[tuple[bytes, bytes]] = []
        for key in list(islice(live, most)):
            state = live.pop(key)
            records = self._unscored.pop(key, None)
            if records is not None:
                score = records.scores.record(key.decode(), state)
                self._put(self._scores_topic, self.tp.partition, key, score, NO_HEADERS)
            row = rows[key] = encode_row(state)
            dirty.append((key, row))
        return dirty

    def offset_of(self, row: bytes) -> int:
        """The source offset a row has absorbed."""
        try:
            return offset_of(row)
        except UnknownRowVersionError as unknown:
            self._end_at_row(unknown)

    def _end_at_row(self, unknown: UnknownRowVersionError) -> NoReturn:
        self._fail(EX_CONFIG, f"{self.tp.topic}[{self.tp.partition}]: in the changelog, {unknown}")

    async def _index_due(self, last_tick: int) -> None:
        """Find out from the rows who is due when."""
        self.due.begin(last_tick)
        move = self.due.move
        for number, (key, row) in enumerate(self.rows.items(), 1):
            try:
                due = next_due_of(row)
            except UnknownRowVersionError as unknown:
                self._end_at_row(unknown)
            move(key, 0, due)
            if number % _INDEX_SLICE == 0:
                await asyncio.sleep(0)
