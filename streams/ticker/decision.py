"""May time move on, and how far? Pure: everything it needs is an argument. Instants are epoch milliseconds (UTC)."""

from dataclasses import dataclass, field
from typing import Literal

from streams.config import TickerSettings
from streams.ticker.control import OperatorWord
from streams.ticker.due_counts import DueCount, moved_by

HoldReason = Literal["jump", "mass", "operator"]
SilenceReason = Literal["clock", "upstream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known before a tick. ``now`` is this machine's clock, read before everything else."""

    now: int
    #: The latest tick of any partition; None before the first.
    last_tick: int | None
    limits: TickerSettings
    #: When the oldest upstream record that ingest has not handled yet was written; None when all are handled.
    oldest_unhandled: int | None = None
    word: OperatorWord = field(default_factory=OperatorWord)
    due_counts: tuple[DueCount, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Append a tick at ``at``; ``released`` when it uses up an operator's release."""

    at: int
    released: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """No tick: the clock is not past the last one, or upstream records from before it wait for ingest."""

    reason: SilenceReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """No tick at ``at`` until an operator releases it or its reason has gone."""

    reason: HoldReason
    at: int
    last_tick: int | None
    #: Members the tick would move, members known, and how many it may move.
    moved: int
    members: int
    mass_limit: int
    broker_clock: int | None = None
    word: OperatorWord = field(default_factory=OperatorWord)


Verdict = Tick | Silent | Held


def proposed(situation: Situation) -> int:
    """The instant that the next tick would have, were nothing against it."""
    bounds = [situation.now]
    if situation.oldest_unhandled is not None:
        bounds.append(situation.oldest_unhandled - 1)
    if _is_released(situation) and situation.word.until_ms is not None:
        bounds.append(situation.word.until_ms)
    return min(bounds)


def is_jump(situation: Situation) -> bool:
    """Whether the step is so large that the broker's clock has to confirm it; a first tick always is."""
    if situation.last_tick is None:
        return True
    return proposed(situation) - situation.last_tick > _jump_limit_ms(situation.limits)


def decide(situation: Situation, broker_clock: int | None) -> Verdict:
    """The verdict; ``broker_clock`` is needed where :func:`is_jump` says so, None when the broker does not tell."""
    at, last_tick = proposed(situation), situation.last_tick
    if last_tick is not None and at <= last_tick:
        return Silent("clock" if situation.now <= last_tick else "upstream")
    if _is_released(situation):
        return Tick(at, released=True)
    reason = _hold_reason(situation, at, broker_clock)
    if reason is None:
        return Tick(at)
    return Held(
        reason=reason,
        at=at,
        last_tick=last_tick,
        moved=moved_by(at, last_tick, situation.due_counts),
        members=_members(situation),
        mass_limit=_mass_limit(situation),
        broker_clock=broker_clock,
        word=situation.word,
    )


def _hold_reason(situation: Situation, at: int, broker_clock: int | None) -> HoldReason | None:
    if situation.word.state == "held":
        return "operator"
    # What may pass without confirmation as a step may also pass as a difference between the two clocks.
    if is_jump(situation) and (broker_clock is None or at - broker_clock > _jump_limit_ms(situation.limits)):
        return "jump"
    if moved_by(at, situation.last_tick, situation.due_counts) > _mass_limit(situation):
        return "mass"
    return None


def _is_released(situation: Situation) -> bool:
    """A release whose instant the last tick has reached is used up."""
    word, last_tick = situation.word, situation.last_tick
    if word.state != "released":
        return False
    return word.until_ms is None or last_tick is None or word.until_ms > last_tick


def _members(situation: Situation) -> int:
    return sum(count.members for count in situation.due_counts)


def _mass_limit(situation: Situation) -> int:
    limits = situation.limits
    return max(limits.mass_limit_members, int(limits.mass_limit_share * _members(situation)))


def _jump_limit_ms(limits: TickerSettings) -> int:
    return int(limits.jump_limit_seconds * 1000)
