"""Whatever crashes and however late news arrives: a merge neither loses an order nor counts one twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.policy_file import PolicyDocument, load
from tests.driver import NEW_YEAR, day, key_on, paid
from tests.two_partitions import Partitions, erased, merged, unmerged

S, T, R = key_on(0, 2, "s"), key_on(1, 2, "t"), key_on(1, 2, "r")

STORY: list[dict[str, Any]] = [
    paid(S, "o1", day(0)),
    paid(R, "r1", day(0), amount=70),
    paid(T, "p1", day(1)),
    merged(R, S, day(2)),
    paid(R, "r2", day(3), amount=7),
    merged(S, T, day(4)),
    paid(S, "o2", day(5)),
    paid(R, "r3", day(5), amount=3),
    unmerged(S, T, day(6)),
    paid(S, "o3", day(7)),
    merged(S, T, day(8)),
    erased(R, day(9)),
]
EVERYBODY = (R, S, T)
Told = dict[str, list[tuple[str, int, str, str]]]


def told(shop: Partitions) -> Told:
    return {
        each: [(body["id"], body["sequence"], body["kind"], body["reason"]) for body in shop.outcomes(each)]
        for each in EVERYBODY
    }


def numbers(shop: Partitions) -> list[tuple[int, int]]:
    return [shop.numbers(each)[1:] for each in EVERYBODY]


def undisturbed() -> Partitions:
    shop = Partitions()
    shop.pipe(*STORY)
    return shop


@pytest.mark.parametrize("crashing", [0, 1])
@pytest.mark.parametrize("cut_after", range(len(STORY)))
@pytest.mark.parametrize("lost", range(1, 5))
def test_a_crash_at_any_step_changes_nothing_and_tells_nothing_else(crashing: int, cut_after: int, lost: int) -> None:
    shop = Partitions()
    for number, event in enumerate(STORY):
        shop.pipe(event)
        if number == cut_after:
            shop.cut()
        elif number == cut_after + lost:
            shop.crash(crashing)
            shop.deliver()
    calm = undisturbed()
    assert numbers(shop) == numbers(calm) == [(0, 0), (0, 0), (4, 20_000)]
    assert told(shop) == told(calm)
    assert set(shop.refusals()) <= {"merge_refused"}


@pytest.mark.parametrize("rows", range(3))
def test_a_crash_between_rows_and_commit_changes_nothing(rows: int) -> None:
    shop = Partitions()
    shop.pipe(*STORY[:6])
    shop.cut()
    shop.pipe(*STORY[6:9])
    for number, driver in enumerate(shop.drivers):
        driver.cut(rows=rows)
        shop.crash(number)
    shop.deliver()
    shop.pipe(*STORY[9:])
    assert numbers(shop) == numbers(undisturbed())
    assert told(shop) == told(undisturbed())


def test_a_crash_before_anything_was_delivered_delivers_it_all_the_same() -> None:
    shop = Partitions()
    shop.pipe(*STORY[:3])
    shop.cut()
    shop.pipe(*STORY[3:], deliver=False)
    shop.crash(0)
    shop.crash(1)
    shop.deliver()
    assert numbers(shop) == [(0, 0), (0, 0), (4, 20_000)]


MEMBERS = [key_on(number % 2, 2, f"m{number}-") for number in range(4)]
members = st.sampled_from(MEMBERS)
steps = st.one_of(
    st.tuples(st.just("order"), members),
    st.tuples(st.just("merge"), members, members),
    st.tuples(st.just("unmerge"), members, members),
    st.tuples(st.just("unmerge of whoever is merged"), members),
    st.tuples(st.just("wait"), st.sampled_from([1, 29, 31, 38])),
    st.tuples(st.just("deliver from"), st.sampled_from([0, 1])),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("cut")),
    st.tuples(st.just("crash"), st.sampled_from([0, 1])),
)


class Telling:
    """A random story; ``orders`` counts what was bought, of ascending and different amounts."""

    def __init__(self, policy: PolicyDocument | str = "absolute") -> None:
        self.shop = Partitions(policy)
        self.now = NEW_YEAR
        self.orders = 0
        self.monetary = 0

    def step(self, kind: str, *arguments: Any) -> None:
        self.now += timedelta(minutes=1)
        does: dict[str, Callable[..., object]] = {
            "order": self._order,
            "merge": lambda source, target: self._pipe(merged(source, target, self.now)),
            "unmerge": lambda source, target: self._pipe(unmerged(source, target, self.now)),
            "unmerge of whoever is merged": self._unmerge,
            "wait": self._wait,
            "deliver from": self.shop.deliver_from,
            "deliver": self.shop.deliver,
            "cut": self.shop.cut,
            "crash": self.shop.crash,
        }
        does[kind](*arguments)

    def _pipe(self, event: dict[str, Any]) -> None:
        self.shop.pipe(event, deliver=False)

    def _order(self, member_id: str) -> None:
        self.orders += 1
        self.monetary += 1 << self.orders
        self._pipe(paid(member_id, f"o{self.orders}", self.now, amount=1 << self.orders))

    def _unmerge(self, member_id: str) -> None:
        state = self.shop.of(member_id).member(member_id)
        if state is not None and state.merge is not None:
            self._pipe(unmerged(member_id, state.merge.into, self.now))

    def _wait(self, days: int) -> None:
        # What is told arrives before the ledgers that it may have to be taken back to are dropped.
        if days > 1:
            self.shop.deliver()
        self.now += timedelta(days=days)
        self.shop.tick(self.now, deliver=False)


def policy_with(unmerge_days: int) -> PolicyDocument:
    return PolicyDocument.model_validate({**load("absolute").content(), "merge": {"unmerge_days": unmerge_days}})


POLICIES = {days: policy_with(days) for days in (0, 2, 30)}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([0, 2, 30]), st.lists(steps, max_size=30))
def test_merges_and_unmerges_leave_the_total_of_all_orders_as_it_is(
    unmerge_days: int, story: list[tuple[Any, ...]]
) -> None:
    telling = Telling(POLICIES[unmerge_days])
    for kind, *arguments in story:
        if kind == "wait" and telling.now > day(300):
            continue
        telling.step(kind, *arguments)
    telling.shop.deliver()
    states = [telling.shop.of(each).member(each) for each in MEMBERS]
    counted = [(state.frequency, state.monetary) for state in states if state is not None]
    assert (sum(f for f, _ in counted), sum(m for _, m in counted)) == (telling.orders, telling.monetary)
