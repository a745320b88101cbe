"""A process that is asked to stop needs a broker for an orderly end, and does not wait for long where there is none."""

import asyncio
import os
import signal
import socket
import time
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from aiokafka.client import AIOKafkaClient

from streams.devstack.ports import free_port
from streams.engine.process import run_until_signalled
from streams.engine.stopping import need_a_broker, stop_on_signals

pytestmark = pytest.mark.usefixtures("handlers_put_back")


class EndedError(Exception):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def fail(code: int, why: str) -> NoReturn:
    raise EndedError(code, why)


def asked() -> asyncio.Event:
    stop = asyncio.Event()
    stop.set()
    return stop


async def test_a_process_ends_soon_where_nobody_listens() -> None:
    address = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(EndedError, match="Kafka does not answer") as ended:
        await need_a_broker(
            lambda seconds: AIOKafkaClient(bootstrap_servers=address, request_timeout_ms=int(seconds * 1000)),
            asked(),
            fail,
        )
    assert ended.value.code == 69
    assert address.split(":")[1] in str(ended.value)
    assert time.monotonic() - began < 8


async def test_a_process_ends_soon_where_a_broker_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = "{}:{}".format(*hanging.getsockname())
        began = time.monotonic()
        with pytest.raises(EndedError, match="Kafka does not answer"):
            await need_a_broker(
                lambda seconds: AIOKafkaClient(bootstrap_servers=address, request_timeout_ms=int(seconds * 1000)),
                asked(),
                fail,
            )
        assert time.monotonic() - began < 8


class Client:
    """Of a broker that comes back: ``refusals`` attempts fail."""

    refusals = 0

    async def bootstrap(self) -> None:
        if Client.refusals:
            Client.refusals -= 1
            raise ConnectionRefusedError

    async def close(self) -> None:
        pass


async def test_a_broker_that_comes_back_is_in_time_for_an_orderly_end() -> None:
    Client.refusals = 2
    client: Any = Client()
    await need_a_broker(lambda _: client, asked(), fail)
    assert not Client.refusals


async def test_nothing_is_asked_of_a_broker_before_a_stop() -> None:
    asking = asyncio.ensure_future(need_a_broker(lambda _: pytest.fail("asked"), asyncio.Event(), fail))
    await asyncio.sleep(0.05)
    assert not asking.done()
    asking.cancel()


async def test_a_scorer_whose_last_cut_finds_no_broker_is_not_waited_for() -> None:
    told: list[int] = []
    given_up = asyncio.Event()

    def noted(code: int, _: str) -> None:
        told.append(code)
        given_up.set()

    async def nothing() -> None:
        pass

    def nowhere(seconds: float) -> AIOKafkaClient:
        return AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{free_port()}", request_timeout_ms=int(seconds * 1000))

    app: Any = SimpleNamespace(start=nothing, stop=given_up.wait, fail=noted, client=nowhere)
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    await run_until_signalled(app, 20.0)
    assert told == [69]


@pytest.mark.parametrize(
    ("signals", "ends"),
    [
        ([signal.SIGINT], False),
        ([signal.SIGTERM, signal.SIGTERM], False),
        ([signal.SIGINT, signal.SIGINT], True),
        ([signal.SIGTERM, signal.SIGINT], True),
    ],
)
async def test_only_a_ctrl_c_after_another_signal_ends_a_process_at_once(signals: list[int], *, ends: bool) -> None:
    told: list[int] = []

    def noted(code: int, _: str) -> None:
        told.append(code)

    stop = stop_on_signals(noted)  # type: ignore[arg-type]  # it returns, for the test
    for number in signals:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.02)
    assert stop.is_set()
    assert told == ([130] if ends else [])
