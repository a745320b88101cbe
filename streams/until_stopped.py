"""Running beside Kafka until a signal, and not for long afterwards when Kafka is away."""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.client import AIOKafkaClient

from streams.config import Settings
from streams.engine.stopping import need_a_broker, stop_on_signals
from streams.kafka_clients import client_settings


async def until_stopped(settings: Settings, work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Do ``work``, which ends in order when its event is set: by SIGTERM or Ctrl-C.

    The process ends at once (exit 69) when no broker answers by then, and (exit 130) at a second Ctrl-C. Both are for
    work that survives a crash.
    """

    def client(seconds: float) -> AIOKafkaClient:
        return AIOKafkaClient(**client_settings(settings), request_timeout_ms=int(seconds * 1000))

    stop = stop_on_signals()
    needing = asyncio.ensure_future(need_a_broker(client, stop))
    try:
        await work(stop)
    except asyncio.CancelledError:
        ours = asyncio.current_task()
        if not stop.is_set() or (ours is not None and ours.cancelling()):
            raise
        # A consumer of aiokafka that is stopped lets through that it cancelled a fetch which had failed just then.
        await needing
    finally:
        needing.cancel()
