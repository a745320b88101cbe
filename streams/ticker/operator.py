"""What an operator asks and tells the ticker. Blocking; every function may raise ``kafka.errors.KafkaError``."""

from dataclasses import dataclass

from streams.config import Settings
from streams.log_reading import log_consumer, scan, spans
from streams.log_writing import NewRecord, write
from streams.signing import Signatures
from streams.ticker.control import WORD_KEY, ControlState, OperatorWord, TickerState, encode
from streams.topics import CONTROL


@dataclass(frozen=True, slots=True, kw_only=True)
class TickStatus:
    """What the control topic says: the operator's word, what the ticker does, the last tick.

    ``ticker`` is None before its first start, ``last_tick`` (epoch ms) before the first tick.
    """

    word: OperatorWord
    ticker: TickerState | None
    last_tick: int | None


def status(settings: Settings) -> TickStatus:
    """What holds at present."""
    topic, control, genuine = settings.topic(CONTROL), ControlState(), Signatures(settings.signing).genuine
    with log_consumer(settings) as consumer:
        for record in scan(consumer, topic, spans(consumer, topic)):
            if genuine(record):
                control.absorb(record.key, record.value)
    return TickStatus(word=control.word, ticker=control.ticker, last_tick=control.last_tick)


def hold(settings: Settings, *, actor: str, reason: str) -> None:
    """No tick from now on, until a release."""
    _say(settings, OperatorWord("held", None, actor, reason))


def release(settings: Settings, *, actor: str, reason: str, until_ms: int | None = None) -> None:
    """Let one tick pass every hold, at ``until_ms`` (epoch ms) at the latest; an operator's own hold ends with it."""
    _say(settings, OperatorWord("released", until_ms, actor, reason))


def _say(settings: Settings, word: OperatorWord) -> None:
    value = encode(word)
    headers = Signatures(settings.signing).sign(WORD_KEY, value)
    write(settings, settings.topic(CONTROL), [NewRecord(None, WORD_KEY, value, tuple(headers))])
