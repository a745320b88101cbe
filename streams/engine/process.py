"""Running a stream app as this process: start, wait for a signal, stop in order."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from streams.engine.app import BatchApp
from streams.engine.fencing import EX_SOFTWARE, EX_TEMPFAIL
from streams.engine.stopping import need_a_broker, stop_on_signals


async def run_until_signalled(
    app: BatchApp, shutdown_seconds: float, beside: Callable[[asyncio.Event], Awaitable[None]] | None = None
) -> None:
    """Run until SIGTERM or SIGINT, then make the last cut and leave the group. ``beside`` runs next to the app until
    its event is set.

    A stop that takes longer than ``shutdown_seconds``, or finds no broker, ends the process at once, which loses
    nothing.
    """
    stop = stop_on_signals(app.fail)
    # Who was stopped and goes on looks at the clock before the event loop sends what was under way. (A handler of the
    # loop's own would wait for its turn behind that.)
    signal.signal(signal.SIGCONT, lambda *_: app.fence.check())
    starting = asyncio.ensure_future(app.start())
    stopping = asyncio.ensure_future(stop.wait())
    company = asyncio.ensure_future(beside(stop)) if beside is not None else None
    watched = {stopping} | ({company} if company is not None else set())
    try:
        await asyncio.wait({starting, *watched}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if company is not None and company.done():
            await company
    except Exception as exc:
        # The consumer's thread would go on without us, with its heartbeats.
        app.fail(EX_SOFTWARE, f"starting, or what runs beside the app, failed: {exc!r}")
    stop.set()
    needing = asyncio.ensure_future(need_a_broker(app.client, stop, app.fail))
    try:
        async with asyncio.timeout(shutdown_seconds):
            if company is not None:
                await company
            await app.stop()
    except TimeoutError:
        app.fail(
            EX_TEMPFAIL,
            f"stopping took longer than {shutdown_seconds:.0f} s; what was not committed is replayed at the next start",
        )
    finally:
        needing.cancel()
