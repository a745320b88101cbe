"""Brings outcomes to one endpoint, and does not leave off before it has accepted them, for hours and days.

The partitions of an endpoint share its courier: its ceilings, its patience, and whether it is well.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential, wait_random_exponential

from streams.metrics.webhooks import EndpointMetrics
from streams.webhooks.attempt import AttemptFailed, EndpointClient
from streams.webhooks.ceilings import Ceilings
from streams.webhooks.clock import Clock
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.outcome import CONTENT_TYPE, Outcome
from streams.webhooks.remembered import Remembered
from streams.webhooks.setting_aside import Patience
from streams.webhooks.signing_secrets import Signer
from streams.webhooks.standing import Standing, Standings, State

log = logging.getLogger(__name__)

_HOUR_S: Final = 3600
#: A failure that lasts this long is worth a record, in seconds; shorter ones are a receiver's restart.
_WORTH_TELLING_S: Final = 60
#: One bad answer after a long stop of our own gives nobody up.
_LEAST_ATTEMPTS: Final = 5


class Halted(Exception):
    """The endpoint takes nothing more until an operator says so."""


@dataclass
class _Trying:
    """One outcome's attempts: when the last one was (epoch seconds), and whether the outcome is to be set aside."""

    outcome: Outcome
    memory: Remembered
    last_at: float | None = None
    is_refused: bool = False


class Courier:
    """One endpoint's deliveries."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        client: EndpointClient,
        *,
        standings: Standings,
        clock: Clock,
        metrics: EndpointMetrics,
    ) -> None:
        """Goes on being impatient where the last process was: a failure on record counts from its beginning.

        Raises:
            UnusableSecretError: a secret is unusable by now.
        """
        self.ceilings = Ceilings(endpoint.per_second, endpoint.per_hour, clock)
        self._name = name
        self._endpoint = endpoint
        self._client = client
        self._standings = standings
        self._clock = clock
        self._metrics = metrics
        self._signer = Signer(name, endpoint.secrets)
        self._at_once = asyncio.Semaphore(endpoint.concurrency)
        self._patience = Patience(endpoint.retry.set_aside_hours)
        self._not_before = 0.0
        self._accepts_again = asyncio.Event()
        known = standings.of(name)
        #: Since when nothing was accepted, in epoch seconds; None while the last answer was a good one.
        self._failing_since = known.since_ms / 1000 if known is not None and known.state == "failing" else None
        half = endpoint.retry.longest_wait_seconds / 2
        first = endpoint.retry.first_wait_seconds / 2
        # Equal jitter: half of each wait is certain, half is chance, so that receivers are neither hammered nor met
        # by everybody at the same moment.
        self._backoff = wait_exponential(multiplier=first, max=half) + wait_random_exponential(
            multiplier=first, max=half
        )

    @property
    def is_failing(self) -> bool:
        """Whether the last answer was none or a bad one."""
        return self._failing_since is not None

    async def deliver(self, outcome: Outcome, memory: Remembered) -> AttemptFailed | None:
        """Return when the endpoint has accepted the outcome; or the last failure when it is to be set aside.

        Raises:
            Halted: the endpoint is gone, or given up; the standing says so.
        """
        trying = _Trying(outcome, memory)
        retrying = AsyncRetrying(
            sleep=self._pause,
            wait=self._wait,
            stop=self._is_over,
            retry=retry_if_exception(lambda error: isinstance(error, AttemptFailed) and error.reason != "gone"),
            before_sleep=self._say,
            reraise=True,
        )
        try:
            await retrying(self._attempt, trying)
        except AttemptFailed as failure:
            if trying.is_refused:
                self._patience.end(self._clock.now())
                return failure
            await self._halt("gone" if failure.reason == "gone" else "dead", str(failure))
            raise Halted from failure
        return None

    def forgive(self) -> None:
        """Begin anew after an operator enabled the endpoint."""
        self._failing_since = None
        self._not_before = 0.0

    async def _attempt(self, trying: _Trying) -> None:
        message_id, body = trying.outcome.id, trying.outcome.body
        async with self._at_once:
            while (wait := self._not_before - self._clock.now()) > 0:
                await self._pause(wait)
            await self.ceilings.turn()
            now = self._clock.now()
            trying.memory.sent.add(now)
            headers = self._signer.headers(message_id, now, body.decode())
            try:
                await self._client.post(body, {**headers, "content-type": CONTENT_TYPE}, now)
            except AttemptFailed as failure:
                self._note(failure, trying, now)
                raise
        await self._note_accepted()

    def _note(self, failure: AttemptFailed, trying: _Trying, began: float) -> None:
        now = self._clock.now()
        self._metrics.failed[failure.reason].inc()
        self._not_before = max(self._not_before, now + failure.retry_after)
        known = self._standings.of(self._name)
        if known is not None and known.state == "delivering" and not known.actor:
            # Another process may have brought it something.
            self._patience.accepted(known.since_ms / 1000)
        if trying.last_at is not None:
            self._patience.refused(trying.memory, trying.last_at, began, failure.reason)
        trying.last_at = began
        if self._failing_since is None or self._patience.accepted_since(self._failing_since):
            self._failing_since = now

    async def _note_accepted(self) -> None:
        self._metrics.delivered.inc()
        self._patience.accepted(self._clock.now())
        self._failing_since = None
        known = self._standings.of(self._name)
        if known is not None and known.state == "failing":
            log.info("Webhook endpoint %s accepts outcomes again", self._name)
            # Not every success wakes the others: an outcome that alone is refused has to keep its growing waits.
            self._accepts_again.set()
            self._accepts_again = asyncio.Event()
            await self._tell("delivering")

    async def _pause(self, seconds: float) -> None:
        """Wait, or less when the endpoint accepts something after a long failure."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        again = asyncio.ensure_future(self._accepts_again.wait())
        try:
            await asyncio.wait({sleeping, again}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            again.cancel()

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome is not None else None
        asked = failure.retry_after if isinstance(failure, AttemptFailed) else 0.0
        return max(self._backoff(state), asked)

    def _is_over(self, state: RetryCallState) -> bool:
        """Whether the endpoint is given up, or the outcome set aside."""
        if state.attempt_number < _LEAST_ATTEMPTS:
            return False
        now, since, trying = self._clock.now(), self._failing_since, state.args[0]
        if since is not None and now - since >= self._endpoint.retry.give_up_hours * _HOUR_S:
            return True
        trying.is_refused = self._patience.is_over(trying.memory, now)
        return bool(trying.is_refused)

    async def _say(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        log.warning(
            "Webhook endpoint %s did not accept outcome %s (attempt %d): %s. Trying again in %.0f s",
            self._name,
            state.args[0].outcome.id,
            state.attempt_number,
            failure,
            state.upcoming_sleep,
        )
        since, known = self._failing_since, self._standings.of(self._name)
        is_well = known is None or known.state == "delivering"
        if since is not None and is_well and self._clock.now() - since >= _WORTH_TELLING_S:
            await self._tell("failing", str(failure), since)

    async def _halt(self, state: State, reason: str) -> None:
        log.error(
            "Webhook endpoint %s is %s: %s. Nothing is lost: outcomes wait. When it is well again: "
            "memberpulse deliver enable %s",
            self._name,
            state,
            reason,
            self._name,
        )
        await self._tell(state, reason)

    async def _tell(self, state: State, reason: str = "", since: float | None = None) -> None:
        at = self._clock.now() if since is None else since
        await self._standings.tell(self._name, Standing(state, int(at * 1000), reason))
