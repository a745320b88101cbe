"""What the bench makes of answers and streams at the till."""

from bench.asking import Answers
from bench.following import Screen

RIGHT = b'{"member_id":"m-1","freshness":{"source":"redis"}}'


def test_an_answer_counts_when_it_is_of_the_member_asked_for_and_fresh() -> None:
    answers = Answers()
    answers.note(200, b"m-1", RIGHT, 0.25)
    answers.note(200, b"m-2", RIGHT, 0.25)
    answers.note(200, b"m-1", RIGHT.replace(b"redis", b"last_good"), 0.25)
    answers.note(503, b"m-1", b"", 0.25)
    assert answers.latencies == [0.25]
    assert answers.wrong == {"another member, or stale": 2, "503": 1}


def screen_of(*parts: bytes) -> Screen:
    screen = Screen("", noting=True)
    for part in parts:
        screen.on_body(part)
    return screen


def event(number: int) -> bytes:
    return b'id: m%d\nevent: tier.upgraded\ndata: {"subject":"p-%d"}\n\n' % (number, number)


def test_a_stream_counts_whole_events_however_they_are_cut() -> None:
    told = event(1) + b"id: m2\n: heartbeat\n\n" + event(3)
    screen = screen_of(*(told[place : place + 7] for place in range(0, len(told), 7)))
    assert (screen.events, screen.ended, list(screen.seen)) == (2, "", ["p-1", "p-3"])


def test_a_stream_that_is_ended_with_a_word_is_not_one_that_was_cut() -> None:
    screen = screen_of(event(1), b"event: overrun\ndata: {}\n\n")
    screen.connection_lost(None)
    assert (screen.events, screen.ended) == (1, "overrun")
    cut = screen_of(event(1))
    cut.connection_lost(None)
    assert cut.ended == "cut"
