import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import pytest

from streams.engine.fencing import PauseFence
from streams.engine.outbox import Outbox
from streams.engine.sending import Batches, Place
from tests.streams.engine.record_reading import records_of


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(code, why)


class HeldSender:
    """Takes rounds and acknowledges them only when told to."""

    def __init__(self) -> None:
        self.taken: list[dict[Place, list[bytes | None]]] = []
        self.acknowledged = asyncio.Event()
        self.error: Exception | None = None

    async def send(self, queued: Mapping[Place, Batches]) -> None:
        self.taken.append({place: [key for key, _, _ in records_of(batches)] for place, batches in queued.items()})
        await self.acknowledged.wait()
        self.acknowledged.clear()
        if self.error is not None:
            raise self.error


async def running(sender: Any) -> tuple[Outbox, "asyncio.Task[None]"]:
    outbox = Outbox(sender.send, PauseFence(10, end), end)
    return outbox, asyncio.ensure_future(outbox.run())


async def test_outcomes_leave_at_once_in_order_and_per_partition() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("tier-changes", 1, b"ann", b"1")
    outbox.put("tier-changes", 1, b"ann", b"2")
    outbox.put("tier-changes", 0, b"bob", b"3")
    await asyncio.sleep(0.01)
    assert sender.taken == [{("tier-changes", 1): [b"ann", b"ann"], ("tier-changes", 0): [b"bob"]}]
    task.cancel()


async def test_round_ends_only_when_the_broker_has_all_of_it() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("a", 0, b"ann", b"1")
    outbox.put("b", 0, b"ann", b"2")
    [opened] = outbox.rounds()
    await asyncio.sleep(0.01)
    early = (opened.done(), outbox.idle)
    sender.acknowledged.set()
    await asyncio.sleep(0.01)
    assert (early, (opened.done(), outbox.idle)) == ((False, False), (True, True))
    task.cancel()


async def test_what_is_queued_after_a_look_belongs_to_the_next_round() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("a", 0, b"ann", b"1")
    first = outbox.rounds()
    await asyncio.sleep(0.01)
    outbox.put("a", 0, b"ann", b"2")
    assert len(outbox.rounds()) == 2
    assert first[0] in outbox.rounds()
    task.cancel()


async def test_second_round_waits_until_the_broker_has_the_first() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("a", 0, b"ann", b"1")
    await asyncio.sleep(0.01)
    outbox.put("a", 0, b"ann", b"2")
    await asyncio.sleep(0.01)
    early = len(sender.taken)
    sender.acknowledged.set()
    await asyncio.sleep(0.01)
    assert (early, len(sender.taken)) == (1, 2)
    task.cancel()


async def test_outcome_that_the_broker_refuses_ends_the_process() -> None:
    sender = HeldSender()
    sender.error = RuntimeError("too large")
    sender.acknowledged.set()
    outbox = Outbox(sender.send, PauseFence(10, end), end)
    outbox.put("a", 0, b"ann", b"1")
    [opened] = outbox.rounds()
    with pytest.raises(Ended, match="did not take an outcome"):
        await outbox.run()
    assert not opened.done()


async def test_producer_of_outcomes_waits_while_too_many_are_queued() -> None:
    sender = HeldSender()
    outbox = Outbox(sender.send, PauseFence(10, end), end)
    for _ in range(20_001):
        outbox.put("a", 0, b"ann", b"1")
    waiting = asyncio.ensure_future(outbox.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    task = asyncio.ensure_future(outbox.run())
    await asyncio.wait_for(waiting, 1)
    task.cancel()
