"""A mass lapse becomes an orderly queue: never more than allowed in a second or an hour; first come, first served."""

import asyncio
from pathlib import Path

from streams.webhooks.ceilings import Ceilings, SentByMinute
from tests.streams.webhooks.receivers import (
    HandClock,
    Receiver,
    a_courier,
    an_endpoint,
    an_outcome,
    deliver_all,
    serving,
)

HOUR_S = 3600


def most_within(instants: list[float], seconds: float) -> int:
    """The most instants in any window of that length."""
    return max(sum(1 for each in instants if start <= each < start + seconds - 1e-6) for start in instants)


async def instants_of(ceilings: Ceilings, clock: HandClock, count: int) -> list[float]:
    instants = []
    for _ in range(count):
        await ceilings.turn()
        instants.append(clock.now())
    return instants


async def test_a_mass_lapse_leaves_in_order_and_within_both_ceilings(clock: HandClock, tmp_path: Path) -> None:
    outcomes = [
        an_outcome(1, member=f"m{number}", kind="lifecycle.lapsed_recently", before="active") for number in range(250)
    ]
    async with serving(Receiver(clock=clock)) as receiver:
        endpoint = an_endpoint(receiver.url, tmp_path, per_second=5, per_hour=100)
        async with a_courier(endpoint, clock) as courier:
            await deliver_all(courier, outcomes)
    assert receiver.ids == [outcome.id for outcome in outcomes]
    assert most_within(receiver.requests, 1) == 5
    assert most_within(receiver.requests, HOUR_S) == 100
    assert 2 * HOUR_S <= receiver.requests[-1] - receiver.requests[0] < 2 * HOUR_S + 60


async def test_who_asked_first_goes_first(clock: HandClock) -> None:
    ceilings, went = Ceilings(1, None, clock), []

    async def go(number: int) -> None:
        await ceilings.turn()
        went.append(number)

    await asyncio.gather(*(go(number) for number in range(50)))
    assert went == list(range(50))


async def test_two_processes_share_the_ceilings_by_their_partitions(clock: HandClock) -> None:
    ceilings = Ceilings(10, 40, clock)
    ceilings.share = 0.25
    instants = await instants_of(ceilings, clock, 25)
    assert most_within(instants, 1) == 2
    assert most_within(instants, HOUR_S) == 10


async def test_a_share_of_less_than_one_request_is_one_in_a_longer_time(clock: HandClock) -> None:
    ceilings = Ceilings(10, 1, clock)
    ceilings.share = 0.5
    instants = await instants_of(ceilings, clock, 3)
    assert instants[2] - instants[1] == instants[1] - instants[0] == 2 * HOUR_S


async def test_a_new_process_remembers_what_the_hour_has_had(clock: HandClock) -> None:
    sent = SentByMinute()
    first = Ceilings(100, 100, clock)
    for _ in range(100):
        await first.turn()
        sent.add(clock.now())
    clock.at += 60
    second = Ceilings(100, 100, clock)
    second.remember(SentByMinute(sent.text(clock.now())).instants(clock.now()))
    began = clock.now()
    await second.turn()
    assert HOUR_S - 120 <= clock.now() - began <= HOUR_S


def test_what_is_remembered_is_an_hour_and_fits_beside_an_offset() -> None:
    sent = SentByMinute()
    for second in range(0, 3 * HOUR_S, 10):
        sent.add(1_700_000_000 + second)
    text = sent.text(1_700_000_000 + 3 * HOUR_S)
    assert len(text.split(",")) <= 61
    assert len(text) < 1000
    assert SentByMinute("").instants(0.0) == SentByMinute("not:ours,x").instants(0.0) == []
