"""Time as entries in the log: one tick per partition per interval, from one process of the deployment."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError as ClientKafkaError
from kafka.errors import KafkaError

from streams.config import Settings
from streams.instants import instant_text
from streams.metrics.ticker import TickerMetrics
from streams.ticker.appending import Appending
from streams.ticker.control import OperatorWord, TickerState
from streams.ticker.daily_cuts import DailyCuts
from streams.ticker.decision import Held, Silent, Situation, Tick, Verdict, decide, is_jump
from streams.ticker.evidence import Evidence
from streams.ticker.office import Office
from streams.ticker.wording import explain_hold, explain_silence

log = logging.getLogger(__name__)

_FOLLOW_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 5.0
#: That Kafka is away is said again this often.
_SAY_AGAIN_SECONDS: Final = 60.0
#: A hold that lasts is said again this often.
_REMIND_SECONDS: Final = 600.0


def wall_clock() -> int:
    """This machine's clock, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Ticker:
    """Appends ticks while this process holds the office (:mod:`streams.ticker.office`)."""

    def __init__(self, settings: Settings, metrics: TickerMetrics, clock: Callable[[], int] = wall_clock) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._cuts = DailyCuts(settings.score.epoch, metrics)
        self._last_tick: int | None = None
        self._told: TickerState | None = None
        self._remind_at = 0.0
        self._say_away_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until ``stop``; while Kafka is away, wait for it."""
        while not stop.is_set():
            try:
                await self._hold_office(stop)
            except (ClientKafkaError, KafkaError, OSError) as error:
                if time.monotonic() >= self._say_away_at:
                    self._say_away_at = time.monotonic() + _SAY_AGAIN_SECONDS
                    log.warning(
                        "No ticks at present, Kafka does not do what it should: %s. An attempt every %.0f s",
                        error,
                        _RETRY_SECONDS,
                    )
                await _wait(stop, _RETRY_SECONDS)
            finally:
                self._metrics.active.set(0)

    async def _hold_office(self, stop: asyncio.Event) -> None:
        evidence = Evidence(self._settings)
        # These two notice at once that no broker answers, and can be cancelled; a thread that connects cannot.
        async with Appending(self._settings) as appending, Office(self._settings) as office:
            await asyncio.to_thread(evidence.__enter__)
            try:
                while not stop.is_set():
                    await office.follow(_FOLLOW_SECONDS)
                    self._metrics.active.set(int(office.held))
                    if office.held and await office.caught_up():
                        await self._tick_while_held(stop, office, evidence, appending)
            finally:
                await asyncio.to_thread(evidence.__exit__, None, None, None)

    async def _tick_while_held(
        self, stop: asyncio.Event, office: Office, evidence: Evidence, appending: Appending
    ) -> None:
        self._last_tick = await asyncio.to_thread(evidence.last_tick, office.control.last_tick)
        self._told = None
        term = office.term
        next_tick = time.monotonic()
        while office.serves(term) and not stop.is_set():
            wait = next_tick - time.monotonic()
            if wait > 0:
                spoken = await office.follow(min(wait, _FOLLOW_SECONDS))
                # The answer to an operator does not wait for the next interval; to our own "open" nothing is due.
                if not (spoken and office.control.word.state != "open"):
                    continue
            next_tick = time.monotonic() + self._settings.ticker.interval_seconds
            if office.serves(term):
                await self._one_interval(office, evidence, appending)

    async def _one_interval(self, office: Office, evidence: Evidence, appending: Appending) -> None:
        term = office.term
        # The clock first: what arrives upstream while the evidence is gathered is later than this.
        now = self._clock()
        situation = Situation(
            now=now,
            last_tick=self._last_tick,
            oldest_unhandled=await asyncio.to_thread(evidence.oldest_unhandled),
            word=office.control.word,
            due_counts=await asyncio.to_thread(evidence.due_counts),
            limits=self._settings.ticker,
        )
        verdict = decide(situation, await appending.broker_clock() if is_jump(situation) else None)
        if not office.serves(term):
            return
        if isinstance(verdict, Tick):
            await self._append(verdict, office, appending)
        await self._tell(verdict, now, appending)
        await self._cuts.go_on(office, evidence, appending)

    async def _append(self, tick: Tick, office: Office, appending: Appending) -> None:
        self._last_tick = tick.at
        for partition in await appending.tick(tick.at):
            self._metrics.tick.labels(partition).set(tick.at / 1000)
        if tick.released:
            used = office.control.word
            log.info("The release by %s let the tick at %s pass", used.actor or "an operator", instant_text(tick.at))
            # After the tick: a crash in between lets one more tick pass, within what the operator allowed.
            office.control.word = OperatorWord(reason=f"the release let the tick at {instant_text(tick.at)} pass")
            await appending.word(office.control.word)

    async def _tell(self, verdict: Verdict, now: int, appending: Appending) -> None:
        """Count, log and publish the verdict; in the log only what is new, and a hold again every ten minutes."""
        state = _state_of(verdict, now)
        self._metrics.held.set(int(state.state == "held"))
        if isinstance(verdict, Held):
            self._metrics.held_total[verdict.reason].inc()
        elif isinstance(verdict, Silent):
            self._metrics.silent_total[verdict.reason].inc()
        changed = self._told is None or (state.state, state.reason) != (self._told.state, self._told.reason)
        remind = state.state == "held" and time.monotonic() >= self._remind_at
        if not changed and not remind:
            return
        self._remind_at = time.monotonic() + _REMIND_SECONDS
        if state.explanation:
            log.log(logging.WARNING if state.state == "held" else logging.INFO, "%s", state.explanation)
        elif self._told is not None:
            log.info("Ticks go on")
        self._told = state
        await appending.state(state)


def _state_of(verdict: Verdict, now: int) -> TickerState:
    if isinstance(verdict, Held):
        return TickerState("held", now, verdict.reason, explain_hold(verdict))
    if isinstance(verdict, Silent):
        return TickerState("silent", now, verdict.reason, explain_silence(verdict))
    return TickerState("ticking", now)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
