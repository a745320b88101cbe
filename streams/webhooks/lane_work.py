"""The lanes of one endpoint at work: each on its own, so that one that waits holds up no other."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from streams.metrics.webhooks import EndpointMetrics
from streams.webhooks.attempt import AttemptFailed
from streams.webhooks.courier import Courier, Halted
from streams.webhooks.filters import Filter
from streams.webhooks.lane import Lane, Waiting
from streams.webhooks.surroundings import Surroundings

log = logging.getLogger(__name__)

#: After this many outcomes that were not sent, others get a turn.
_SKIPPED_AT_ONCE: Final = 200


class LaneWork:
    """One task per lane; what waits in a lane is handled one after the other."""

    def __init__(
        self,
        name: str,
        wanted: Filter,
        courier: Courier,
        *,
        around: Surroundings,
        metrics: EndpointMetrics,
    ) -> None:
        self._name = name
        self._undelivered = around.undelivered
        self._wanted = wanted
        self._courier = courier
        self._completeness = around.completeness
        self._metrics = metrics
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def go_on(self, lanes: Iterable[Lane]) -> None:
        """See to it that every lane is worked on. Raises what ended a task, unless the endpoint was halted."""
        self._clear()
        for lane in lanes:
            if lane.number not in self._tasks:
                self._tasks[lane.number] = asyncio.create_task(self._handle_all(lane))

    def halt(self, lanes: Iterable[Lane]) -> None:
        """See to it that no lane is worked on, until the next :meth:`go_on`; former failures are forgiven then."""
        for lane in lanes:
            lane.memory.refused_seconds = 0.0
        self._clear()
        for task in self._tasks.values():
            task.cancel()
        self._courier.forgive()

    async def end(self) -> None:
        """Break off what is under way, and return when nothing is any more."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _clear(self) -> None:
        for number, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[number]
                if not task.cancelled() and not isinstance(task.exception(), Halted):
                    task.result()

    async def _handle_all(self, lane: Lane) -> None:
        skipped = 0
        while True:
            waiting = lane.next(self._completeness.of(lane.number))
            if waiting is None:
                lane.news.clear()
                await lane.news.wait()
                continue
            reason = await self._handle(lane, waiting)
            lane.finish(waiting)
            if reason is not None:
                self._metrics.skipped[reason].inc()
                skipped += 1
                if skipped % _SKIPPED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _handle(self, lane: Lane, waiting: Waiting) -> str | None:
        """Deliver it, or say why not."""
        if waiting.outcome is None:
            log.error(
                "Left out a record of %s (partition %d, offset %d) that is no outcome: %s",
                waiting.topic,
                lane.number,
                waiting.offset,
                waiting.problem,
            )
            return "unusable"
        reason = self._wanted.skips(waiting.outcome.facts)
        if reason is None:
            failure = await self._courier.deliver(waiting.outcome, lane.memory)
            if failure is not None:
                await self._set_aside(lane, waiting, failure)
        return reason

    async def _set_aside(self, lane: Lane, waiting: Waiting, failure: AttemptFailed) -> None:
        await self._undelivered.keep(self._name, lane.number, waiting, failure)
        self._metrics.set_aside[failure.reason].inc()
        log.error(
            "Webhook endpoint %s keeps refusing what lies at offset %d of %s, partition %d: %s. It is set aside and "
            "those behind it go on. See memberpulse deliver undelivered; send it again with: memberpulse deliver "
            "resend %s",
            self._name,
            waiting.offset,
            waiting.topic,
            lane.number,
            failure,
            self._name,
        )
