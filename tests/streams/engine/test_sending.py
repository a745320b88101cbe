import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    UnknownError,
)
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7

from streams.engine.sending import Batches, BatchSender, Place, decode_answer, encode_request, in_requests
from tests.streams.engine.record_reading import written
from tests.streams.engine.scripted_broker import CLOSE, LEFT_OUT, MESSAGE_TOO_LARGE, NOT_LEADER, SILENCE, ScriptedBroker

TIERS, OTHER_TIERS, SCORES = ("tier-changes", 0), ("tier-changes", 1), ("member-scores", 0)


@asynccontextmanager
async def sending_to(broker: ScriptedBroker, timeout_ms: int = 5000) -> AsyncIterator[BatchSender]:
    async with broker.running():
        client = AIOKafkaClient(
            loop=asyncio.get_running_loop(),
            bootstrap_servers=f"127.0.0.1:{broker.port}",
            client_id="shop-outbox",
            request_timeout_ms=timeout_ms,
            retry_backoff_ms=10,
        )
        sender = BatchSender(client)
        await sender.start()
        try:
            yield sender
        finally:
            await sender.stop()


def queued(**keys: str) -> dict[Place, Batches]:
    """Records by place: ``tiers=\"ab\"`` is two of them."""
    places = {"tiers": TIERS, "other_tiers": OTHER_TIERS, "scores": SCORES}
    found: dict[Place, Batches] = {}
    for name, each in keys.items():
        batches = found[places[name]] = Batches()
        for key in each:
            batches.append(key.encode(), b"{}")
    return found


def test_request_is_the_one_that_aiokafka_writes() -> None:
    batches = {place: each.close()[0] for place, each in queued(tiers="ab", scores="c", other_tiers="d").items()}
    request = ProduceRequest_v7(
        None,
        -1,
        5000,
        [
            ("tier-changes", [(0, written(batches[TIERS])), (1, written(batches[OTHER_TIERS]))]),
            ("member-scores", [(0, written(batches[SCORES]))]),
        ],
    )
    head: Any = request.build_request_header(correlation_id=9, client_id="shop-outbox")
    message = head.encode() + request.encode()
    assert encode_request(9, "shop-outbox", 5000, batches) == len(message).to_bytes(4, "big") + message


def test_answer_is_read_as_aiokafka_writes_it() -> None:
    topics = [("tier-changes", [(0, 0, 17, -1, 3), (1, 6, -1, -1, -1)]), ("member-scores", [(0, -1, 2**40, 5, 0)])]
    answer = (9).to_bytes(4, "big") + ProduceResponse_v7(topics, 0).encode()
    assert decode_answer(answer) == {TIERS: 0, OTHER_TIERS: 6, SCORES: -1}


async def test_broker_that_is_too_old_is_refused() -> None:
    broker = ScriptedBroker(produce_versions=(0, 5))
    async with sending_to(broker) as sender:
        with pytest.raises(IncompatibleBrokerVersion, match="needs version 7; the broker has 0 to 5"):
            await sender.send(queued(tiers="a"))


async def test_everything_leaves_in_one_request() -> None:
    broker = ScriptedBroker()
    async with sending_to(broker) as sender:
        await sender.send(queued(tiers="ab", other_tiers="c", scores="d"))
    assert broker.requests == [[TIERS, OTHER_TIERS, SCORES]]
    assert broker.log == {TIERS: [b"a", b"b"], OTHER_TIERS: [b"c"], SCORES: [b"d"]}


async def test_nothing_is_sent_for_nothing() -> None:
    broker = ScriptedBroker()
    async with sending_to(broker) as sender:
        await sender.send({})
        await sender.send({TIERS: Batches()})
    assert broker.requests == []


async def test_batches_of_a_partition_leave_one_after_the_other() -> None:
    broker = ScriptedBroker()
    large, small = Batches(200), Batches(200)
    for number in range(9):
        large.append(b"%d" % number, bytes(100))
    small.append(b"only", bytes(100))
    async with sending_to(broker) as sender:
        await sender.send({TIERS: large, SCORES: small})
    assert broker.requests == [[TIERS, SCORES], *([[TIERS]] * 8)]
    assert broker.log == {TIERS: [b"%d" % number for number in range(9)], SCORES: [b"only"]}


def test_request_takes_only_so_many_bytes() -> None:
    requests = in_requests(queued(tiers="a", other_tiers="b", scores="c"), request_bytes=200)
    assert [list(each) for each in requests] == [[TIERS, OTHER_TIERS], [SCORES]]


async def test_refused_batch_is_sent_again_and_nothing_overtakes_it() -> None:
    broker = ScriptedBroker(script=[{TIERS: NOT_LEADER}, {TIERS: NOT_LEADER}])
    async with sending_to(broker) as sender:
        asked = broker.asked_for_metadata
        await asyncio.gather(sender.send(queued(tiers="a", scores="b")), sender.send(queued(tiers="c")))
        assert broker.asked_for_metadata > asked
    assert broker.requests == [[TIERS, SCORES], [TIERS], [TIERS], [TIERS]]
    assert broker.log == {TIERS: [b"a", b"c"], SCORES: [b"b"]}


async def test_request_over_a_broken_connection_is_sent_again_over_a_new_one() -> None:
    broker = ScriptedBroker(script=[CLOSE])
    async with sending_to(broker) as sender:
        await sender.send(queued(tiers="ab"))
    assert broker.requests == [[TIERS], [TIERS]]
    assert broker.log == {TIERS: [b"a", b"b"]}


async def test_refusal_for_good_is_raised_at_once() -> None:
    broker = ScriptedBroker(script=[{TIERS: MESSAGE_TOO_LARGE}])
    async with sending_to(broker) as sender:
        with pytest.raises(MessageSizeTooLargeError):
            await sender.send(queued(tiers="a", scores="b"))
    assert broker.requests == [[TIERS, SCORES]]


async def test_refusals_end_with_the_time_out() -> None:
    broker = ScriptedBroker(script=[{TIERS: NOT_LEADER}] * 1000)
    async with sending_to(broker, timeout_ms=200) as sender:
        with pytest.raises(NotLeaderForPartitionError):
            await asyncio.wait_for(sender.send(queued(tiers="a")), 3)
    assert len(broker.requests) > 2


async def test_broker_that_does_not_answer_is_given_up() -> None:
    broker = ScriptedBroker(script=[SILENCE] * 1000)
    async with sending_to(broker, timeout_ms=200) as sender:
        with pytest.raises(Exception, match="RequestTimedOut"):
            await asyncio.wait_for(sender.send(queued(tiers="a")), 3)
    assert broker.log == {}


async def test_batch_that_the_answer_leaves_out_counts_as_refused() -> None:
    broker = ScriptedBroker(script=[{SCORES: LEFT_OUT}])
    async with sending_to(broker) as sender:
        with pytest.raises(UnknownError):
            await sender.send(queued(tiers="a", scores="b"))


async def test_without_a_broker_there_is_no_start() -> None:
    client = AIOKafkaClient(loop=asyncio.get_running_loop(), bootstrap_servers="127.0.0.1:1")
    sender = BatchSender(client)
    with pytest.raises(KafkaConnectionError):
        await sender.start()
