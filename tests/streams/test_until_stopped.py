"""A process that works beside Kafka, and what its end does not stumble over."""

import asyncio
import os
import signal
from typing import Any

import pytest

from streams.config import Settings
from streams.until_stopped import until_stopped

pytestmark = pytest.mark.usefixtures("handlers_put_back")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Says when a broker was needed, and answers."""
    asked: list[str] = []

    async def answers(_: Any, stop: asyncio.Event) -> None:
        await stop.wait()
        asked.append("answered")

    monkeypatch.setattr("streams.until_stopped.need_a_broker", answers)
    return asked


async def consumer_stopped(stop: asyncio.Event) -> None:
    """As aiokafka's stop when a fetch has just failed."""
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    fetch = asyncio.ensure_future(asyncio.sleep(60))
    await asyncio.sleep(0)
    fetch.cancel()
    await fetch


async def test_a_fetch_that_the_consumer_cancels_at_its_stop_is_no_error(broker: list[str]) -> None:
    await until_stopped(Settings(), consumer_stopped)
    assert broker == ["answered"]


async def test_who_cancels_the_process_itself_is_obeyed(broker: list[str]) -> None:
    async def stopping(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        await asyncio.sleep(60)

    process = asyncio.ensure_future(until_stopped(Settings(), stopping))
    while not broker:
        await asyncio.sleep(0.01)
    process.cancel()
    with pytest.raises(asyncio.CancelledError):
        await process


async def test_work_that_fails_is_told(broker: list[str]) -> None:
    async def failing(_: asyncio.Event) -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        await until_stopped(Settings(), failing)
    assert broker == []
