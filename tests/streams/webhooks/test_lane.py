"""A member's outcomes lie in three topics; they leave in the order in which they were decided."""

import random
from dataclasses import dataclass
from typing import Any

from streams.webhooks.completeness import Complete
from streams.webhooks.lane import Lane
from tests.streams.webhooks.receivers import a_record

TIERS, ALERTS = "tier-changes", "lifecycle-alerts"


@dataclass
class Record:
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int = 1_700_000_000_000


class Topic:
    """One partition of a topic, that a lane reads bit by bit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: list[Record] = []
        self.read = 0

    def append(self, sequence: int, **changed: Any) -> None:
        value, headers = a_record(sequence, **changed)
        self.records.append(Record(len(self.records), value, headers))

    def read_into(self, lane: Lane, count: int = 1_000) -> None:
        lane.put(self.name, self.records[self.read : self.read + count])
        self.read = min(self.read + count, len(self.records))


def taken(lane: Lane, complete: Complete | None) -> list[int]:
    """The sequence numbers of all that may leave now."""
    found = []
    while (waiting := lane.next(complete)) is not None:
        lane.finish(waiting)
        if waiting.outcome is not None:
            found.append(waiting.outcome.facts.sequence)
    return found


def two_topics() -> tuple[Topic, Topic, Lane]:
    return Topic(TIERS), Topic(ALERTS), Lane(0, {TIERS: 0, ALERTS: 0})


def test_outcomes_of_two_topics_leave_by_their_sequence() -> None:
    tiers, alerts, lane = two_topics()
    tiers.append(1)
    alerts.append(2)
    tiers.append(3)
    tiers.append(4)
    alerts.append(5)
    tiers.read_into(lane)
    alerts.read_into(lane)
    assert taken(lane, Complete(1_000, {TIERS: 3, ALERTS: 2})) == [1, 2, 3, 4, 5]
    assert lane.done == {TIERS: 3, ALERTS: 2}


def test_several_outcomes_of_one_event_leave_by_their_sequence() -> None:
    tiers, alerts, lane = two_topics()
    alerts.append(2, position=7)
    tiers.append(1, position=7)
    tiers.append(3, position=7)
    tiers.read_into(lane)
    alerts.read_into(lane)
    assert taken(lane, Complete(8, {TIERS: 2, ALERTS: 1})) == [1, 2, 3]


def test_an_outcome_waits_while_the_other_topic_may_still_get_an_earlier_one() -> None:
    tiers, alerts, lane = two_topics()
    tiers.append(2, position=20)
    tiers.read_into(lane)
    assert taken(lane, None) == []
    assert taken(lane, Complete(20, {TIERS: 1, ALERTS: 0})) == []  # the scorer has not committed position 20 yet
    alerts.append(1, position=10)
    assert taken(lane, Complete(21, {TIERS: 1, ALERTS: 1})) == []  # committed, but not read yet
    alerts.read_into(lane)
    assert taken(lane, Complete(21, {TIERS: 1, ALERTS: 1})) == [1, 2]


def test_without_a_scorer_the_ends_of_the_topics_decide() -> None:
    tiers, _alerts, lane = two_topics()
    tiers.append(1)
    tiers.read_into(lane)
    assert taken(lane, Complete(None, {TIERS: 1, ALERTS: 0})) == [1]


def test_an_endpoint_of_one_topic_waits_for_nothing() -> None:
    tiers, lane = Topic(TIERS), Lane(0, {TIERS: 0})
    tiers.append(1)
    tiers.read_into(lane)
    assert taken(lane, None) == [1]


def test_a_record_that_is_no_outcome_holds_up_nobody() -> None:
    _tiers, _alerts, lane = two_topics()
    lane.put(TIERS, [Record(0, b"nonsense", ())])
    waiting = lane.next(None)
    assert waiting is not None
    assert waiting.outcome is None
    assert waiting.problem
    lane.finish(waiting)
    assert lane.done[TIERS] == 1


def test_first_sightings_keep_the_order_whatever_crashes_repeat_and_however_it_is_read() -> None:
    """A scorer that crashes tells again from its last commit on; its topics got different parts of what it told."""
    chance = random.Random(20)
    for _ in range(300):
        tiers, alerts, lane = two_topics()
        story = [(sequence, chance.choice([tiers, alerts])) for sequence in range(1, 40)]
        committed = told = 0
        seen: list[int] = []
        while committed < len(story):
            until = min(len(story), committed + chance.randint(1, 12))
            crashes = chance.random() < 0.5
            # What each topic got before a crash ends anywhere.
            reached = {topic: chance.randint(committed, until) if crashes else until for topic in (tiers, alerts)}
            for sequence, topic in story[committed:until]:
                if sequence <= reached[topic]:
                    topic.append(sequence)
            if not crashes:
                committed = until
            told = max(told, until)
            while chance.random() < 0.7:
                # The look comes before the reading, as the newest look does while records come.
                position = 1 if committed == 0 else story[committed - 1][0] * 10 + 1
                complete = Complete(position, {topic.name: len(topic.records) for topic in (tiers, alerts)})
                chance.choice([tiers, alerts]).read_into(lane, chance.randint(0, 5))
                seen += taken(lane, complete)
        for topic in (tiers, alerts):
            topic.read_into(lane)
        seen += taken(lane, Complete(10_000, {topic.name: len(topic.records) for topic in (tiers, alerts)}))
        assert list(dict.fromkeys(seen)) == [sequence for sequence, _ in story]
