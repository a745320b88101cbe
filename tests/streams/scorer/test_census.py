"""A census sees every member once, as of its tick."""

from collections.abc import Callable
from datetime import datetime

from scoring.calendar import instant_of
from scoring.engine import Position
from scoring.policy import Policy
from scoring.state import MemberState
from streams.engine.batches import Record
from tests.driver import ScorerDriver, day, paid
from tests.streams.scorer.five_members import CHEAPER, MEMBERS, five_members


class Counted:
    """Who was looked at, per census, and the monetary value that they had then."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int, int]] = []
        self.seen: list[dict[bytes, int]] = []
        self.ended: list[int] = []
        self.twice: list[bytes] = []
        self.wanted = True

    def __call__(
        self, at: int, position: Position, in_force: Policy
    ) -> tuple[Callable[[bytes, MemberState], None], Callable[[], None]] | None:
        if not self.wanted:
            return None
        self.begun.append((at, position.offset, in_force.version))
        seen: dict[bytes, int] = {}
        self.seen.append(seen)

        def look(key: bytes, state: MemberState) -> None:
            if key in seen:
                self.twice.append(key)
            seen[key] = state.monetary

        return look, lambda: self.ended.append(position.offset)


def counting(scorer: ScorerDriver) -> Counted:
    counted = Counted()
    scorer.partition._census = counted
    return counted


def test_everybody_is_looked_at_once_at_the_first_tick_of_a_day() -> None:
    scorer = five_members()
    counted = counting(scorer)
    scorer.tick(datetime.fromisoformat("2026-01-12T00:00:00+00:00"))
    assert counted.seen == [{name.encode(): 5_000 for name in MEMBERS}]
    assert counted.ended == [len(scorer.log) - 1]
    scorer.tick(datetime.fromisoformat("2026-01-12T23:59:59+00:00"))
    assert len(counted.begun) == 1
    scorer.tick(datetime.fromisoformat("2026-01-13T00:00:00+00:00"))
    assert [at for at, _, _ in counted.begun] == [
        instant_of(datetime.fromisoformat(text)) for text in ("2026-01-12T00:00:00+00:00", "2026-01-13T00:00:00+00:00")
    ]


def test_a_member_touched_by_a_later_record_is_looked_at_before_it() -> None:
    scorer = five_members()
    counted = counting(scorer)
    scorer.tick(day(11), sweep=False)
    scorer.pipe_unswept(paid("m3", "m3-2", day(11), amount=1))
    scorer.pipe_unswept(paid("new", "new-1", day(11)))
    scorer.sweep(budget=2)
    assert len(counted.seen[0]) == 3
    scorer.pipe(*[paid(name, f"{name}-3", day(12), amount=1) for name in MEMBERS])
    assert counted.seen == [{name.encode(): 5_000 for name in MEMBERS}]
    assert (counted.twice, counted.ended) == ([], [7])


def test_a_census_holds_the_commit_back_and_begins_anew_after_a_crash() -> None:
    scorer = five_members()
    counted = counting(scorer)
    scorer.tick(day(11), sweep=False)
    scorer.sweep(budget=3)
    scorer.cut()
    assert (scorer.committed, counted.ended) == (len(scorer.log) - 1, [])
    waiting = scorer.log.pop()
    scorer.crash()
    again = counting(scorer)
    scorer.log.append(waiting)
    scorer.run()
    assert again.seen == [{name.encode(): 5_000 for name in MEMBERS}]
    scorer.cut()
    assert scorer.committed == len(scorer.log)
    scorer.crash()
    third = counting(scorer)
    scorer.tick(day(11.1))
    assert third.begun == []


def test_nobody_is_counted_for_history_and_where_nobody_wants_to() -> None:
    scorer = five_members()
    counted = counting(scorer)
    tick = Record(len(scorer.log), 0, scorer.log[-1].key, scorer.log[-1].value, [("log_time", b"0")])
    tick.value = (tick.value or b"").replace(b"2026-01-11", b"2026-01-13")
    scorer.log.append(tick)
    scorer.run()
    assert counted.begun == []
    counted.wanted = False
    scorer.tick(day(13))
    counted.wanted = True
    scorer.tick(day(13.1))
    assert len(counted.begun) == 1


def test_a_census_sees_members_by_the_policy_of_its_tick() -> None:
    scorer = five_members()
    counted = counting(scorer)
    scorer.tick(day(11), sweep=False)
    scorer.publish(CHEAPER, day(11), sweep=False)
    scorer.tick(day(12), sweep=False)
    scorer.sweep()
    assert [version for _, _, version in counted.begun] == [1, 2]
    assert len(counted.ended) == 2
