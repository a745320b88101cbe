"""The golden cases in the scorer's own partition, straight and with a crash behind each of their records."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from streams.engine.batches import Record
from streams.policy_file import from_canonical
from streams.rows import decode as decode_row
from streams.rows import encode as encode_row
from streams.topics import MEMBER_EVENTS
from tests.driver import ScorerDriver
from tests.oracle.golden import Golden, golden_cases
from tests.oracle.log import LogRecord
from tests.outcome_words import published_in_words
from tests.scoring.engine_replay import EngineReplay

#: What is remembered of a story when it is killed behind a record.
NOTHING, UNTIL_BEFORE_IT, ALL, ROWS_ALONE = "nothing", "until before it", "all", "members, but not how far it is"


def as_appended(record: LogRecord) -> Record:
    """The record; a policy in the file leaves out what is the default, and its hash is of the whole."""
    event: dict[str, Any] = orjson.loads(record.value or b"")
    if "policy" in event:
        event["content_hash"] = from_canonical(orjson.dumps(event["policy"])).content_hash
    return Record(0, record.timestamp, record.key, orjson.dumps(event), record.headers)


@dataclass
class Played:
    """A story in the scorer. What a member writes for another arrives behind the record that it follows from.

    After a crash it may arrive once more, so that later records of such a story have other offsets.
    """

    golden: Golden
    driver: ScorerDriver = field(init=False)
    arrived: int = 0
    sent_before_cut: int = 0

    def __post_init__(self) -> None:
        first: dict[str, Any] = orjson.loads(self.golden.story[0].value or b"")
        self.driver = ScorerDriver(from_canonical(orjson.dumps(first["policy"])))

    def through(self, killed_behind: int = 0, remembered: str = ALL, *, unsent: bool = False) -> "Played":
        """The whole story, killed behind one record, 0 for none.

        With ``unsent`` nothing had been sent since what is remembered.
        """
        for number, record in enumerate(self.golden.story[1:], 1):
            if number == killed_behind and remembered == UNTIL_BEFORE_IT:
                self.cut()
            self.driver.append(as_appended(record))
            if number == killed_behind:
                if remembered == ALL:
                    self.cut()
                elif remembered == ROWS_ALONE:
                    self.cut(rows=len(self.driver.partition.rows) + len(self.driver.partition.live))
                if unsent:
                    del self.driver.outbox.records[self.sent_before_cut :]
                    self.arrived = min(self.arrived, len(self.forwards()))
                self.driver.crash()
            self.deliver(record)
        self.driver.cut()
        return self

    def cut(self, *, rows: int | None = None) -> None:
        self.driver.cut(rows=rows)
        self.sent_before_cut = len(self.driver.outbox.records)

    def forwards(self) -> list[tuple[Any, ...]]:
        return [sent for sent in self.driver.outbox.records if sent[0] == MEMBER_EVENTS]

    def deliver(self, cause: LogRecord) -> None:
        while waiting := self.forwards()[self.arrived :]:
            self.arrived += len(waiting)
            for _, _, key, value, headers in waiting:
                self.driver.append(Record(0, cause.timestamp, key, value, headers))

    def told(self) -> dict[str, dict[str, Any]]:
        """Outcomes by id; the same id always says the same."""
        by_id: dict[str, dict[str, Any]] = {}
        for body in self.driver.outcomes():
            assert by_id.setdefault(body["id"], body) == body, "told again in other words"
        if self.golden.written:
            for body in by_id.values():
                del body["position"]
        return by_id

    def refused(self) -> set[tuple[bytes | None, str]]:
        """Dead letters of the story's own records: what arrives once more may be refused when it is late."""
        own = {as_appended(record).value for record in self.golden.story}
        return {(value, reason) for value, reason in self.driver.dead_letters() if value in own}

    def rows(self) -> dict[bytes, bytes]:
        """Rows; without the offset where members write for each other."""
        rows = dict(self.driver.partition.rows)
        if self.golden.written:
            for key, row in rows.items():
                state = decode_row(row)
                state.offset = 0
                rows[key] = encode_row(state)
        return rows


@pytest.mark.parametrize("golden", golden_cases(), ids=lambda golden: golden.name)
def test_scorer_answers_as_the_golden_case_says(golden: Golden) -> None:
    played = Played(golden).through()
    assert published_in_words(played.told().values()) == golden.told
    assert [reason for _, reason in played.driver.dead_letters()] == golden.refused
    states = {key.decode(): decode_row(row) for key, row in played.driver.partition.rows.items()}
    in_the_end = EngineReplay(policy=played.driver.partition.progress.read_policy(), states=states)
    assert golden.found(in_the_end.members(), in_the_end.further()) == golden.ends


@pytest.mark.parametrize("golden", golden_cases(), ids=lambda golden: golden.name)
def test_nothing_comes_out_otherwise_wherever_the_scorer_is_killed(golden: Golden) -> None:
    calm = Played(golden).through()
    told, rows, refused = calm.told(), calm.rows(), calm.refused()
    for killed_behind in range(1, len(golden.story)):
        for remembered in (NOTHING, UNTIL_BEFORE_IT, ALL, ROWS_ALONE):
            for unsent in (False, True):
                played = Played(golden).through(killed_behind, remembered, unsent=unsent)
                where = (killed_behind, remembered, unsent)
                assert played.told() == told, where
                assert played.rows() == rows, where
                assert played.refused() == refused, where
