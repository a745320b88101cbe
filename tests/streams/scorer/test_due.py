from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streams.scorer.due import MINUTE_MS, DueIndex

MINUTE = MINUTE_MS
DAY = 1440 * MINUTE


class Members:
    """Members, when they are due, and an index of that."""

    def __init__(self, ahead: int = 2880) -> None:
        self.index = DueIndex(ahead)
        self.due: dict[bytes, int] = {}
        self.looks = 0

    def move(self, key: bytes, due: int) -> None:
        self.index.move(key, self.due.get(key, 0), due)
        self.due[key] = due

    def everybody(self) -> list[bytes]:
        self.looks += 1
        return list(self.due)

    def until(self, at: int) -> list[bytes]:
        """Those due at a tick, in the order of coming; each once."""
        if not self.index.any_until(at):
            return []
        found: dict[bytes, None] = {}
        for key in self.index.until(at, self.everybody):
            self.index.seen(key, self.due[key])
            if 0 < self.due[key] <= at:
                found[key] = None
        return list(found)


def test_members_come_oldest_minute_first_and_not_those_of_later_minutes() -> None:
    members = Members()
    for key, minute in ((b"late", 9), (b"soon", 2), (b"next", 5)):
        members.move(key, minute * MINUTE)
    assert list(members.index.until(6 * MINUTE, members.everybody)) == [b"soon", b"next"]
    assert members.looks == 0


def test_member_whose_timer_went_is_not_found() -> None:
    members = Members()
    members.move(b"ann", MINUTE)
    members.move(b"ann", 0)
    assert not members.index.any_until(9 * MINUTE)
    assert members.until(9 * MINUTE) == []


def test_member_left_in_a_minute_is_found_again_by_the_next_look() -> None:
    members = Members()
    members.move(b"ann", 3 * MINUTE + 59_999)
    assert members.until(3 * MINUTE) == []
    assert members.until(3 * MINUTE + 59_999) == [b"ann"]


def test_members_are_counted_by_span_however_far_ahead() -> None:
    members = Members()
    for key, due in ((b"a", MINUTE), (b"b", 2 * MINUTE), (b"c", 61 * MINUTE), (b"d", 90 * DAY)):
        members.move(key, due)
    assert members.index.counts(60 * MINUTE) == [(0, 2), (60 * MINUTE, 1), (90 * DAY, 1)]
    members.move(b"d", 91 * DAY)
    assert members.index.counts(60 * MINUTE)[-1] == (91 * DAY, 1)


def test_at_the_horizon_everybody_is_looked_at_once_and_the_next_days_are_known_from_then_on() -> None:
    members = Members()
    for number, key in enumerate((b"a", b"b", b"c", b"d")):
        members.move(key, (90 + number) * DAY)
    members.until(89 * DAY)
    members.until(90 * DAY - 10 * MINUTE)
    assert members.looks == 0
    assert members.until(90 * DAY) == [b"a"]
    assert members.looks == 1
    members.move(b"a", 120 * DAY)
    members.index.any_until(91 * DAY - 10 * MINUTE)
    assert members.until(91 * DAY) == [b"b"]
    assert members.looks == 1
    members.move(b"b", 120 * DAY)
    members.index.any_until(92 * DAY - 10 * MINUTE)
    assert members.until(92 * DAY) == [b"c"]
    assert members.looks == 2


def test_with_a_tick_a_day_everybody_is_looked_at_every_sixteen_days() -> None:
    members = Members()
    for day in range(1, 161):
        members.move(b"m%d" % day, day * DAY)
    for day in range(1, 161):
        assert members.until(day * DAY) == [b"m%d" % day]
        members.move(b"m%d" % day, 0)
    assert members.looks == 10


def test_nobody_is_looked_at_while_nobody_is_due_before_the_next_horizon() -> None:
    members = Members()
    members.move(b"a", 90 * DAY)
    for day in range(1, 80):
        assert not members.index.any_until(day * DAY)
        assert members.until(day * DAY) == []
    assert members.looks == 0


def test_a_member_who_moves_or_comes_while_everybody_is_looked_at_is_found() -> None:
    members = Members()
    for key in (b"a", b"b", b"c"):
        members.move(key, 90 * DAY)
    looking = members.index.until(90 * DAY, members.everybody)
    members.index.seen(next(looking), 90 * DAY)
    members.move(b"b", 91 * DAY)
    members.move(b"c", 120 * DAY)
    members.move(b"new", 90 * DAY + MINUTE)
    for key in looking:
        members.index.seen(key, members.due[key])
    assert members.until(91 * DAY) == [b"a", b"new", b"b"]


def test_an_index_begun_at_an_instant_knows_who_is_due_soon_after_it() -> None:
    members = Members()
    members.index.begin(90 * DAY)
    members.move(b"a", 90 * DAY + MINUTE)
    members.move(b"b", 93 * DAY)
    assert members.until(91 * DAY) == [b"a"]
    assert members.looks == 0


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 9 * MINUTE))),
    st.integers(0, 10 * MINUTE),
    st.integers(1, 10),
)
def test_whatever_moves_were_made_everybody_due_is_found(moves: list[tuple[bytes, int]], at: int, ahead: int) -> None:
    members = Members(ahead)
    looks: list[Callable[[], object]] = [lambda: members.until(at), lambda: members.until(at // 2)]
    for number, (key, due) in enumerate(moves):
        members.move(key, due)
        if number % 3 == 2:
            looks[number % 2]()
    due_now = {key for key, due in members.due.items() if 0 < due <= at}
    assert members.index.any_until(at) or not due_now
    assert due_now == set(members.until(at))
    assert sum(count for _, count in members.index.counts(MINUTE)) == sum(due > 0 for due in members.due.values())
