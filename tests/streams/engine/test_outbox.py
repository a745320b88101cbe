import asyncio
from typing import Any, NoReturn

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.engine.fencing import PauseFence
from streams.engine.outbox import Outbox
from streams.engine.sending import Batches


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(code, why)


def keys_of(batches: Batches) -> list[bytes]:
    return [record.key for batch in batches.close() for record in MemoryRecords(bytes(batch._build())).next_batch()]


class HeldSender:
    """Takes batches and acknowledges them only when told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, list[bytes]]] = []
        self.futures: list[asyncio.Future[object]] = []

    def batches(self) -> Batches:
        return Batches(lambda: BatchBuilder(100_000, 0))

    async def send_batches(self, topic: str, partition: int, batches: Batches) -> list["asyncio.Future[object]"]:
        future = asyncio.get_running_loop().create_future()
        self.taken.append((topic, partition, keys_of(batches)))
        self.futures.append(future)
        return [future]


async def running(sender: Any) -> tuple[Outbox, "asyncio.Task[None]"]:
    outbox = Outbox(sender.batches, sender.send_batches, PauseFence(10, end), end)
    return outbox, asyncio.ensure_future(outbox.run())


async def test_outcomes_leave_at_once_in_order_and_per_partition() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("tier-changes", 1, b"ann", b"1")
    outbox.put("tier-changes", 1, b"ann", b"2")
    outbox.put("tier-changes", 0, b"bob", b"3")
    await asyncio.sleep(0.01)
    assert sender.taken == [("tier-changes", 1, [b"ann", b"ann"]), ("tier-changes", 0, [b"bob"])]
    task.cancel()


async def test_round_ends_only_when_the_broker_has_all_of_it() -> None:
    sender = HeldSender()
    outbox, task = await running(sender)
    outbox.put("a", 0, b"ann", b"1")
    outbox.put("b", 0, b"ann", b"2")
    [opened] = outbox.rounds()
    await asyncio.sleep(0.01)
    sender.futures[0].set_result(None)
    await asyncio.sleep(0.01)
    early = (opened.done(), outbox.idle)
    sender.futures[1].set_result(None)
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


async def test_outcome_that_the_broker_refuses_ends_the_process() -> None:
    sender = HeldSender()
    outbox = Outbox(sender.batches, sender.send_batches, PauseFence(10, end), end)
    task = asyncio.ensure_future(outbox.run())
    outbox.put("a", 0, b"ann", b"1")
    await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    task.cancel()
    with pytest.raises(Ended, match="did not take an outcome"):
        outbox._arrived(_failed(loop), outbox.rounds()[0])


def _failed(loop: asyncio.AbstractEventLoop) -> Any:
    future = loop.create_future()
    future.set_exception(RuntimeError("too large"))
    return future


async def test_producer_of_outcomes_waits_while_too_many_are_queued() -> None:
    sender = HeldSender()
    outbox = Outbox(sender.batches, sender.send_batches, PauseFence(10, end), end)
    for _ in range(20_001):
        outbox.put("a", 0, b"ann", b"1")
    waiting = asyncio.ensure_future(outbox.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    task = asyncio.ensure_future(outbox.run())
    await asyncio.wait_for(waiting, 1)
    task.cancel()
