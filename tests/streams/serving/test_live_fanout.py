"""Clients of live streams: in order, complete, or told."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.outcome_facts import OutcomeFacts
from streams.serving.live_hub import Ahead, LiveHub, TooManyClients, TooOld
from streams.serving.live_positions import TOPICS, NoPosition
from streams.serving.live_subscription import Subscription
from tests.streams.serving.live_shop import PARTITIONS, Browser, Reading, Topics, drained

MEMBERS = ("anna", "bert", "cleo")


def everything(_facts: OutcomeFacts) -> bool:
    return True


class Client:
    """Somebody with a browser, who connects again with the last id whenever the stream ends."""

    def __init__(self, reading: Reading, member_id: str | None) -> None:
        self.reading = reading
        self.member_id = member_id
        self.browser = Browser()
        self.was_told = False
        self._stream: Subscription | None = None
        self._since = 0
        self.connect()

    def connect(self) -> None:
        if self._stream is not None:
            return
        hub = self.reading.hub
        if self.browser.last_id is None:
            self._since = len(self.reading.published)
        try:
            self._stream = hub.open(everything, self.member_id, self.browser.last_id)
        except TooOld:
            self.was_told = True
            self.browser = Browser()
            self.connect()

    def leave(self) -> None:
        if self._stream is not None:
            self.reading.hub.close(self._stream)
            self._stream = None

    def take(self) -> None:
        if self._stream is None:
            return
        self.browser.hear(drained(self.reading.hub, self._stream))
        if self._stream.ended:
            self.leave()

    def hear_all(self) -> None:
        while self._stream is None or self.browser.ids != self.ids_since():
            before = (self.browser.last_id, len(self.browser.ids))
            self.connect()
            self.take()
            if before == (self.browser.last_id, len(self.browser.ids)) and self._stream is not None:
                return

    def ids_since(self) -> list[str]:
        """What was published since the client came, as far as it concerns the client."""
        return [
            entry.facts.id
            for entry in self.reading.published[self._since :]
            if self.member_id in (None, entry.facts.member_id)
        ]


partition_indices = st.integers(0, PARTITIONS * TOPICS - 1)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(MEMBERS), st.integers(0, TOPICS - 1)),
        st.tuples(st.just("tell again"), st.integers(1, 5)),
        st.tuples(st.just("read"), partition_indices, st.integers(1, 4)),
        st.tuples(st.just("read all")),
        st.tuples(st.just("wait"), st.sampled_from([0.001, 0.02, 0.5, 2.0])),
        st.tuples(st.just("client"), st.integers(0, 2), st.sampled_from(["take", "leave", "connect"])),
    ),
    max_size=60,
)


@given(happenings, st.integers(2, 6), st.integers(4, 30))
def test_each_client_has_every_event_in_order_per_member_or_was_told(
    happenings: list[tuple[Any, ...]], queue: int, history: int
) -> None:
    topics = Topics()
    reading = Reading(topics, queue_events=queue, history_events=history)
    clients = [Client(reading, None), Client(reading, "anna"), Client(reading, "bert")]
    for what, *details in happenings:
        if what == "tell":
            topics.tell(*details)
        elif what == "tell again":
            topics.tell_again(details[0])
        elif what == "read":
            reading.read(*details)
        elif what == "read all":
            reading.read_all()
        elif what == "wait":
            reading.wait(details[0])
        else:
            getattr(clients[details[0]], details[1])()
    reading.read_all()
    reading.wait(10)
    assert len(reading.published) == len({entry.facts.id for entry in reading.published})

    for client in clients:
        client.hear_all()
        assert sorted(client.browser.ids) == sorted(client.ids_since())
        for member_id in MEMBERS:
            in_order = [
                int(event.data["sequence"])
                for event in client.browser.events
                if event.data["subject"] == member_id and "late" not in event.data
            ]
            assert in_order == sorted(in_order)


decisions = st.dictionaries(st.sampled_from(MEMBERS), st.lists(st.integers(0, TOPICS - 1), min_size=1, max_size=4))


@given(st.booleans(), st.lists(decisions, max_size=5), st.randoms())
def test_whatever_is_read_first_what_one_decision_tells_of_a_member_is_in_order_and_nothing_is_late(
    known: bool, rounds: list[dict[str, list[int]]], chance: Any
) -> None:
    topics = Topics()
    before = Reading(topics)
    for member_id in MEMBERS:
        topics.tell(member_id, 0)
    before.read_all()
    reading = before if known else Reading(topics)
    client = Client(reading, None)
    for decided in rounds:
        for member_id, kinds in decided.items():
            for topic in sorted(kinds):
                topics.tell(member_id, topic)
        indices = [index for index, log in enumerate(topics.logs) for _ in log[reading.order.read[index] :]]
        chance.shuffle(indices)
        for index in indices:
            reading.read(index, 1)
        reading.wait(1)
    client.take()
    assert len(client.browser.events) == sum(len(kinds) for decided in rounds for kinds in decided.values())
    assert not any("late" in event.data for event in client.browser.events)
    for member_id in MEMBERS:
        sequences = [int(each.data["sequence"]) for each in client.browser.events if each.data["subject"] == member_id]
        assert sequences == sorted(sequences)


def test_a_change_of_tier_is_sent_at_once_and_an_alert_of_a_member_of_whom_nothing_is_known_waits_a_little() -> None:
    topics = Topics()
    for _ in range(3):
        topics.tell("anna", 0)
        topics.tell("bert", 0)
    reading = Reading(topics)
    client = Client(reading, None)
    topics.tell("anna", 0)
    topics.tell("bert", 1)
    reading.read_all()
    client.take()
    assert client.browser.ids == ["anna-4"]
    reading.wait(0.011)
    client.take()
    assert client.browser.ids == ["anna-4", "bert-4"]


def test_an_outcome_whose_predecessor_does_not_come_is_sent_and_the_predecessor_marked_late() -> None:
    topics = Topics()
    reading = Reading(topics, wait=1.0)
    client = Client(reading, "anna")
    topics.tell("anna", 0)
    reading.read_all()
    topics.tell("anna", 0)
    topics.tell("anna", 1)
    partition = topics.logs.index(next(log for log in topics.logs if log)) // TOPICS
    reading.read(partition * TOPICS + 1)
    reading.wait(0.9)
    client.take()
    assert client.browser.ids == ["anna-1"]
    reading.wait(0.2)
    client.take()
    assert client.browser.ids == ["anna-1", "anna-3"]
    reading.read_all()
    client.take()
    assert client.browser.ids == ["anna-1", "anna-3", "anna-2"]
    assert [event.data.get("late", False) for event in client.browser.events] == [False, False, True]


def test_what_a_crashed_scorer_tells_again_is_sent_once() -> None:
    topics = Topics()
    reading = Reading(topics)
    client = reading.hub.open(everything, None, None)
    drained(reading.hub, client)
    topics.tell("anna", 0)
    topics.tell("bert", 1)
    topics.tell_again(2)
    reading.read_all()
    assert drained(reading.hub, client).count(b"data: ") == 2


def test_a_slow_client_is_told_and_goes_on_from_its_last_id_without_a_gap() -> None:
    topics = Topics()
    reading = Reading(topics, queue_events=3)
    client = Client(reading, None)
    for _ in range(2):
        topics.tell("anna", 0)
    reading.read_all()
    client.take()
    for _ in range(4):
        topics.tell("anna", 0)
    reading.read_all()
    stream = client._stream
    assert stream is not None
    assert stream.ended == "overrun"
    client.take()
    assert client.browser.ids == ["anna-1", "anna-2"]
    client.connect()
    client.take()
    assert client.browser.ids == [f"anna-{number}" for number in range(1, 7)]


def test_many_bytes_end_a_client_as_many_events_do() -> None:
    topics = Topics()
    reading = Reading(topics, queue_bytes=500)
    client = reading.hub.open(everything, None, None)
    drained(reading.hub, client)
    topics.tell("anna", 0)
    reading.read_all()
    assert client.ended == "overrun"


def test_an_id_whose_successors_are_forgotten_is_refused_and_a_younger_one_is_not() -> None:
    topics = Topics()
    reading = Reading(topics, history_events=3)
    client = Client(reading, None)
    client.take()
    first = client.browser.last_id
    for _ in range(3):
        topics.tell("anna", 0)
    reading.read_all()
    client.take()
    reading.hub.open(everything, None, first)
    topics.tell("anna", 0)
    reading.read_all()
    with pytest.raises(TooOld):
        reading.hub.open(everything, None, first)
    reading.hub.open(everything, None, client.browser.last_id)


def test_a_position_that_another_process_gave_out_works_here_once_this_one_has_read_as_far() -> None:
    topics = Topics()
    ahead, behind = Reading(topics), Reading(topics)
    client = Client(ahead, "anna")
    topics.tell("anna", 0)
    ahead.read_all()
    client.take()
    with pytest.raises(Ahead):
        behind.hub.open(everything, "anna", client.browser.last_id)
    behind.read_all()
    topics.tell("anna", 1)
    behind.read_all()
    browser = Browser(client.browser.last_id)
    browser.hear(drained(behind.hub, behind.hub.open(everything, "anna", client.browser.last_id)))
    assert browser.ids == ["anna-2"]


def test_a_process_that_was_started_again_reads_the_history_in_order() -> None:
    topics = Topics()
    for number in range(6):
        topics.tell("anna", (number * 2) % TOPICS)
        topics.tell("bert", number % TOPICS)
    reading = Reading(Topics())
    entries = [entry for index in range(PARTITIONS * TOPICS) for entry in topics.entries(index, 0, 100)]
    released = reading.order.begin_with(entries)
    for member_id in ("anna", "bert"):
        assert [entry.facts.sequence for entry in released if entry.facts.member_id == member_id] == list(range(1, 7))
    assert reading.order.read == [len(log) for log in topics.logs]


@pytest.mark.parametrize("last_id", ["", "x", "eAAAA", "m", "m====", "m!!", "mAA", "mgICAgICAgICAgICAgAE", "mgA"])
def test_what_is_no_id_of_the_stream_is_refused_with_a_reason(last_id: str) -> None:
    reading = Reading(Topics())
    if not last_id:
        reading.hub.open(everything, "anna", last_id)
        return
    with pytest.raises(NoPosition, match=r"\w"):
        reading.hub.open(everything, "anna", last_id)


def test_no_more_streams_than_allowed_and_a_closed_one_makes_room() -> None:
    hub = Reading(Topics(), clients=1).hub
    client = hub.open(everything, None, None)
    with pytest.raises(TooManyClients):
        hub.open(everything, None, None)
    hub.close(client)
    hub.open(everything, None, None)


@pytest.mark.parametrize("end", [LiveHub.end_all, lambda hub: hub.begin([0] * PARTITIONS * TOPICS)])
def test_every_client_is_told_when_the_process_stops_or_begins_again(end: Callable[[LiveHub], None]) -> None:
    hub = Reading(Topics()).hub
    clients = [hub.open(everything, None, None), hub.open(everything, "anna", None)]
    end(hub)
    assert {client.ended for client in clients} in ({"stopping"}, {"restart"})


def test_a_client_that_the_history_overtakes_while_it_catches_up_is_told() -> None:
    topics = Topics()
    reading = Reading(topics, history_events=3)
    client = Client(reading, None)
    client.take()
    client.leave()
    topics.tell("anna", 0)
    reading.read_all()
    client.connect()
    stream = client._stream
    for _ in range(4):
        topics.tell("anna", 0)
    reading.read_all()
    client.take()
    assert stream is not None
    assert (stream.ended, client.browser.ids) == ("overrun", [])
