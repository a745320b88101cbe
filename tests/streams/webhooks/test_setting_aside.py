"""An outcome that an endpoint keeps refusing does not hold up others for ever; an outage costs nobody their order."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from prometheus_client import CollectorRegistry

from streams.metrics.webhooks import DeliverMetrics
from streams.webhooks.attempt import Accepted, AttemptFailed, EndpointClient
from streams.webhooks.courier import Courier, Halted
from streams.webhooks.outcome import Outcome
from streams.webhooks.remembered import Remembered
from streams.webhooks.standing import Standing, Standings
from tests.streams.webhooks.receivers import an_endpoint, an_outcome

HOUR_S = 3600
BEGAN = 1_750_000_000.0
BAD = an_outcome(1, member="bad")
Told = TypeVar("Told")


class Agenda:
    """Time goes on to whoever wakes first, as soon as nobody has anything else to do."""

    def __init__(self) -> None:
        self.at = BEGAN
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.at + seconds, next(self._numbers), woken))
        await woken

    async def end_of(self, *work: Coroutine[Any, Any, Told]) -> list[Told]:
        tasks = [asyncio.create_task(each) for each in work]
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if self._sleepers:
                self.at, _, woken = heapq.heappop(self._sleepers)
                woken.set_result(None)
        return [task.result() for task in tasks]


class Desk:
    """An endpoint of which only the status of its answers matters."""

    def __init__(self, status: Callable[[str], int]) -> None:
        self._status = status
        self.accepted: list[str] = []

    async def post(self, body: bytes, headers: dict[str, str], now: float) -> Accepted:
        status = self._status(headers["webhook-id"])
        if status != 200:
            raise AttemptFailed("client_error" if status < 500 else "server_error", f"it answered {status}")
        self.accepted.append(headers["webhook-id"])
        return Accepted(status, "")


def courier_to(desk: Desk, clock: Agenda, folder: Path, standings: Standings | None = None) -> Courier:
    return Courier(
        "crm",
        an_endpoint("http://127.0.0.1:1/", folder),
        cast(EndpointClient, desk),
        standings=Standings() if standings is None else standings,
        clock=clock,
        metrics=DeliverMetrics(CollectorRegistry()).of("crm"),
    )


async def partition(courier: Courier, outcomes: list[Outcome]) -> list[str]:
    """What was set aside of a partition, as long as its endpoint is not halted."""
    memory, aside = Remembered(), []
    for outcome in outcomes:
        try:
            if await courier.deliver(outcome, memory) is not None:
                aside.append(outcome.id)
        except Halted:
            break
        memory.refused_seconds = 0.0
    return aside


def of_four_partitions(each: int) -> list[list[Outcome]]:
    return [[an_outcome(number, member=f"m{lane}") for number in range(1, each + 1)] for lane in range(4)]


@pytest.mark.parametrize(("status", "reason"), [(422, "client_error"), (500, "server_error")])
async def test_an_outcome_that_alone_is_refused_for_a_day_is_set_aside(
    tmp_path: Path, status: int, reason: str
) -> None:
    clock, desk = Agenda(), Desk(lambda name: status if name == BAD.id else 200)
    courier = courier_to(desk, clock, tmp_path)

    async def refused() -> tuple[AttemptFailed | None, float]:
        return await courier.deliver(BAD, Remembered()), clock.now() - BEGAN

    async def busy() -> tuple[None, float]:
        for number in range(200):
            assert await courier.deliver(an_outcome(number), Remembered()) is None
            await clock.sleep(600)
        return None, 0.0

    (failure, after), _ = await clock.end_of(refused(), busy())
    assert failure is not None
    assert (failure.reason, str(failure)) == (reason, f"it answered {status}")
    assert 24 * HOUR_S <= after < 26 * HOUR_S
    assert len(desk.accepted) == 200


async def test_what_another_process_delivers_tells_as_much(tmp_path: Path) -> None:
    """This one has a single partition and an outcome that breaks the receiver; it hears of the others by the log."""
    clock, standings = Agenda(), Standings()
    courier = courier_to(Desk(lambda _: 500), clock, tmp_path, standings)

    async def elsewhere() -> None:
        for _ in range(100):
            await clock.sleep(HOUR_S)
            await standings.tell("crm", Standing("delivering", int(clock.now() * 1000)))

    telling = asyncio.create_task(elsewhere())
    [failure] = await clock.end_of(courier.deliver(BAD, Remembered()))
    telling.cancel()
    assert failure is not None
    known = standings.of("crm")
    assert known is not None
    assert known.state == "delivering"


async def test_where_nothing_else_comes_a_refusal_is_set_aside_and_the_next_one_tells(tmp_path: Path) -> None:
    clock, desk = Agenda(), Desk(lambda name: 400 if name == BAD.id else 200)
    [aside] = await clock.end_of(partition(courier_to(desk, clock, tmp_path), [BAD, an_outcome(2)]))
    assert (aside, desk.accepted) == ([BAD.id], ["m1-2"])


@pytest.mark.parametrize(("status", "most"), [(400, 2), (503, 0)])
async def test_an_outage_of_two_days_and_a_half_costs_at_most_one_outcome_a_day(
    tmp_path: Path, status: int, most: int
) -> None:
    clock = Agenda()
    desk = Desk(lambda _: 200 if clock.now() >= BEGAN + 60 * HOUR_S else status)
    lanes, courier = of_four_partitions(5), courier_to(desk, clock, tmp_path)
    aside = await clock.end_of(*(partition(courier, lane) for lane in lanes))
    assert sum(map(len, aside)) == most
    for lane, missing in zip(lanes, aside, strict=True):
        wanted = [outcome.id for outcome in lane if outcome.id not in missing]
        assert [name for name in desk.accepted if name in wanted] == wanted


async def test_an_endpoint_that_says_no_to_everything_for_days_is_given_up_before_much_is_set_aside(
    tmp_path: Path,
) -> None:
    clock, standings = Agenda(), Standings()
    courier = courier_to(Desk(lambda _: 401), clock, tmp_path, standings)
    aside = await clock.end_of(*(partition(courier, lane) for lane in of_four_partitions(9)))
    known = standings.of("crm")
    assert known is not None
    assert known.state == "dead"
    assert sum(map(len, aside)) == 2


async def test_what_failed_during_an_outage_is_not_set_aside_for_one_more_failure_after_it(tmp_path: Path) -> None:
    clock, late = Agenda(), 0

    def status(name: str) -> int:
        nonlocal late
        if clock.now() < BEGAN + 40 * HOUR_S:
            return 500
        if name == BAD.id and late < 3:
            late += bool(desk.accepted)
            return 500
        return 200

    desk = Desk(status)
    courier = courier_to(desk, clock, tmp_path)
    assert await clock.end_of(*(partition(courier, [each]) for each in (BAD, an_outcome(2)))) == [[], []]
    assert late == 3


async def test_a_new_process_goes_on_with_the_patience_of_the_last_one(tmp_path: Path) -> None:
    clock, memory = Agenda(), Remembered()
    memory.sent.add(clock.now())
    memory.refused_seconds = 23.5 * HOUR_S
    taken_up = Remembered(memory.text(clock.now()))
    assert taken_up.sent.text(clock.now()) == memory.sent.text(clock.now()) != ""
    [failure] = await clock.end_of(courier_to(Desk(lambda _: 400), clock, tmp_path).deliver(BAD, taken_up))
    assert failure is not None
    assert clock.now() - BEGAN < 2 * HOUR_S
