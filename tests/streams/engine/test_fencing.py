import asyncio
import time
from typing import NoReturn

import pytest

from streams.engine.fencing import EX_TEMPFAIL, PauseFence, ProgressWatch


class Ended(BaseException):
    pass


def end(code: int, why: str) -> NoReturn:
    raise Ended(code, why)


async def test_event_loop_that_stood_still_past_the_limit_ends_the_process() -> None:
    fence = PauseFence(0.3, end)
    beating = asyncio.ensure_future(fence.run())
    await asyncio.sleep(0.05)
    time.sleep(0.5)
    with pytest.raises(Ended) as ended:
        await beating
    assert ended.value.args[0] == EX_TEMPFAIL


async def test_event_loop_that_was_busy_within_the_limit_goes_on() -> None:
    late: list[float] = []
    fence = PauseFence(1.0, end, late.append)
    beating = asyncio.ensure_future(fence.run())
    await asyncio.sleep(0.05)
    time.sleep(0.3)
    await asyncio.sleep(0.2)
    assert not beating.done()
    assert max(late) >= 0.15
    beating.cancel()


async def test_work_without_progress_ends_the_process_although_other_work_goes_on() -> None:
    steps = iter(range(1000))
    watch = ProgressWatch(0.1, lambda: {"events[1] has 7 records waiting": 1, "events[2] has 9": next(steps)}, end)
    with pytest.raises(Ended, match=r"events\[1\] has 7 records waiting"):
        await asyncio.wait_for(watch.run(), 2)


@pytest.mark.parametrize("working", [False, True])
async def test_idle_or_moving_process_is_left_alone(working: bool) -> None:
    steps = iter(range(1000))
    watch = ProgressWatch(0.1, lambda: {"recovery": next(steps)} if working else {}, end)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.run(), 0.5)
