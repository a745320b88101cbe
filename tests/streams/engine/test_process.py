"""What a process does about signals."""

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine.process import run_until_signalled

pytestmark = pytest.mark.usefixtures("handlers_put_back")


async def nothing() -> None:
    pass


async def test_who_was_stopped_looks_at_the_clock_before_anything_under_way_is_sent() -> None:
    seen: list[str] = []
    app: Any = SimpleNamespace(
        start=nothing,
        stop=nothing,
        fail=pytest.fail,
        client=pytest.fail,
        fence=SimpleNamespace(check=lambda: seen.append("looked")),
    )

    async def continued(stop: asyncio.Event) -> None:
        asyncio.get_running_loop().call_soon(seen.append, "sent")
        os.kill(os.getpid(), signal.SIGCONT)
        await asyncio.sleep(0)

    await run_until_signalled(app, 5.0, continued)
    assert seen == ["looked", "sent"]
