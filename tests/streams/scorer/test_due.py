from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streams.scorer.due import MINUTE_MS, DueIndex

MINUTE = MINUTE_MS


def test_members_come_oldest_minute_first_and_not_those_of_later_minutes() -> None:
    index = DueIndex()
    index.move(b"late", 0, 9 * MINUTE)
    index.move(b"soon", 0, 2 * MINUTE)
    index.move(b"next", 0, 5 * MINUTE)
    assert list(index.until(6 * MINUTE)) == [b"soon", b"next"]


def test_member_whose_timer_went_is_not_found() -> None:
    index = DueIndex()
    index.move(b"ann", 0, MINUTE)
    index.move(b"ann", MINUTE, 0)
    assert not index.any_until(9 * MINUTE)
    assert list(index.until(9 * MINUTE)) == []


def test_member_left_in_a_minute_is_found_again_by_the_next_look() -> None:
    index = DueIndex()
    index.move(b"ann", 0, 3 * MINUTE + 59_999)
    assert list(index.until(3 * MINUTE)) == [b"ann"]
    assert list(index.until(3 * MINUTE + 59_999)) == [b"ann"]


def test_members_are_counted_by_span() -> None:
    index = DueIndex()
    for key, due in ((b"a", MINUTE), (b"b", 2 * MINUTE), (b"c", 61 * MINUTE)):
        index.move(key, 0, due)
    assert index.counts(60 * MINUTE) == [(0, 2), (60 * MINUTE, 1)]


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 5 * MINUTE))), st.integers(0, 6 * MINUTE))
def test_whatever_moves_were_made_everybody_due_is_found(moves: list[tuple[bytes, int]], at: int) -> None:
    index, now = DueIndex(), dict.fromkeys((b"a", b"b", b"c"), 0)
    looks: list[Callable[[], object]] = [lambda: list(index.until(at))]
    for number, (key, due) in enumerate(moves):
        index.move(key, now[key], due)
        now[key] = due
        if number % 3 == 2:
            looks[0]()
    due_now = {key for key, due in now.items() if 0 < due <= at}
    assert due_now <= set(index.until(at))
    assert index.any_until(at) or not due_now
