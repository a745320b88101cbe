"""Being asked to stop: by whom, twice, and while no broker answers."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from streams.engine.fencing import EX_INTERRUPTED, EX_UNAVAILABLE, end_process

#: How long a process that is to stop waits for a broker, in seconds. Every one of its addresses may take half of it.
_PATIENCE_S: Final = 4.0
_ADDRESS_S: Final = _PATIENCE_S / 2
_AGAIN_S: Final = 0.2


def stop_on_signals(fail: Callable[[int, str], NoReturn] = end_process) -> asyncio.Event:
    """An event of the running loop that SIGTERM and Ctrl-C set; a second Ctrl-C ends the process at once."""
    stop = asyncio.Event()

    def asked(number: int) -> None:
        if number == signal.SIGINT and stop.is_set():
            fail(EX_INTERRUPTED, "interrupted twice; what was not committed is read again at the next start")
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def need_a_broker(
    client: Callable[[float], AIOKafkaClient],
    stop: asyncio.Event,
    fail: Callable[[int, str], NoReturn] = end_process,
) -> None:
    """End the process when no broker answers after ``stop``; return when one does. To be cancelled when all is done.

    An orderly end needs a broker: for what is not remembered or committed yet, and to leave the group. Without one
    every client waits for the end of its own time-outs, which loses as much and takes longer.

    ``client`` makes a client that gives up a connection after so many seconds.
    """
    await stop.wait()
    last: list[KafkaError | OSError] = []
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await _answers(client(_ADDRESS_S), last):  # noqa: ASYNC110 - nothing announces a broker
                await asyncio.sleep(_AGAIN_S)
    except TimeoutError:
        why = f": {last[-1]}" if last else ""
        fail(
            EX_UNAVAILABLE,
            f"Kafka does not answer, which an orderly end needs{why}. Nothing is lost: what was not committed is read "
            "again at the next start.",
        )


async def _answers(client: AIOKafkaClient, last: list[KafkaError | OSError]) -> bool:
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        last.append(error)
        return False
    else:
        return True
    finally:
        with suppress(KafkaError, OSError):
            await client.close()
