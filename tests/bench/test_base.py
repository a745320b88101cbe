from bench.base import DUE_EVERY, Base, members_of, mover_key
from bench.job import Job
from bench.pace import LIFTING_AMOUNT, Pace
from bench.workload import member_key
from scoring.vocabulary import DAY_MS
from streams import policy_file, rows

NOW = 1_763_812_800_000
BASE = Base(members=400, movers=30, now=NOW)
DOCUMENT = policy_file.load("absolute")


def test_a_tenth_are_due_today_and_nobody_else_before_tomorrow() -> None:
    everybody = dict(members_of(BASE, DOCUMENT.to_policy(1)))
    assert len(everybody) == 430
    midnight = NOW // DAY_MS * DAY_MS
    due = {key for key, row in everybody.items() if rows.next_due_of(row) == midnight}
    assert due == {member_key(number) for number in range(0, 400, DUE_EVERY)}
    assert len(due) == BASE.due
    assert min(rows.next_due_of(row) for key, row in everybody.items() if key not in due) >= midnight + DAY_MS


def test_everybody_has_five_open_orders_and_can_still_rise() -> None:
    for _, row in members_of(BASE, DOCUMENT.to_policy(1)):
        state = rows.decode(row)
        assert len(state.orders) == 5 * 32
        assert state.tier == 2
        assert state.monetary < 80_000
        assert (state.offset, state.as_of <= BASE.as_of) == (0, True)


def pace(rate: int, run: int = 0) -> Pace:
    job = Job(name="test", bootstrap="", topic="orders", partitions=4, events=0)
    return Pace(job=job, base=Base(5000, 9000, NOW), rate=rate, seconds=2, first_mover=100, run=run)


def test_each_mover_orders_once_and_at_most_a_thousand_a_second() -> None:
    for rate in (100, 1000, 10_000):
        orders = list(pace(rate).events())
        movers = [key for _, key, amount in orders if amount == LIFTING_AMOUNT]
        assert len(orders) == pace(rate).orders == 4 * rate
        assert movers == [mover_key(100 + number) for number in range(pace(rate).movers)]
        assert len(movers) == min(4 * rate, 4000)


def test_the_other_orders_are_of_known_members_who_are_not_due() -> None:
    others = [key for _, key, amount in pace(10_000).events() if amount != LIFTING_AMOUNT]
    numbers = [int(key[2:]) for key in others]
    assert all(key == member_key(number) for key, number in zip(others, numbers, strict=True))
    assert all(number % DUE_EVERY and number < 5000 for number in numbers)
    assert len(set(numbers)) > 2000


def test_no_order_has_the_number_of_another_runs() -> None:
    first, second = ({event for event, _, _ in pace(10_000, run).events()} for run in (0, 1))
    assert len(first) == pace(10_000).orders
    assert not first & second
