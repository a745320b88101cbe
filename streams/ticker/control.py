"""What the ticker writes on the control topic and reads from it: the operator's word, its own state, the last tick,
the cuts.
"""

import logging
from typing import Final, Literal

import msgspec

from streams.cuts_document import DatedCuts

log = logging.getLogger(__name__)

#: The operator's word; the ticker puts it back to ``open`` when it has used a release.
WORD_KEY: Final = b"ticks"
#: The latest tick, written before it is appended: no tick in any partition is later.
LAST_TICK_KEY: Final = b"last-tick"
#: What the ticker does, written when that changes.
STATE_KEY: Final = b"ticker"
#: The latest cuts, written before they are copied into the partitions; of one date the first ones count.
CUTS_KEY: Final = b"cuts"
#: The date of the latest cuts that every partition has.
COPIED_KEY: Final = b"cuts-copied"
#: What the ticker goes by; only these are signed, where the settings say so.
STEERING_KEYS: Final = frozenset({WORD_KEY, LAST_TICK_KEY, STATE_KEY, CUTS_KEY, COPIED_KEY})
#: A record whose append time is the broker's clock.
PROBE_KEY: Final = b"clock"


class OperatorWord(msgspec.Struct, frozen=True):
    """``held`` stops every tick, ``released`` lets one pass any hold, ``open`` leaves it to the rules.

    The released tick is not later than ``until_ms`` (epoch ms); without it the tick may have any instant.
    """

    state: Literal["open", "held", "released"] = "open"
    until_ms: int | None = None
    actor: str = ""
    reason: str = ""


class LastTick(msgspec.Struct, frozen=True):
    """The instant of the latest tick, in epoch milliseconds."""

    at_ms: int


class CopiedCuts(msgspec.Struct, frozen=True):
    """The local date (ISO) of the latest cuts that every partition has."""

    date: str


class TickerState(msgspec.Struct, frozen=True):
    """What the ticker does since ``since_ms`` (epoch ms), and why, in a word and in a sentence."""

    state: Literal["ticking", "silent", "held"]
    since_ms: int
    reason: str = ""
    explanation: str = ""


class ControlState:
    """The newest record of each key, folded from the topic's beginning."""

    def __init__(self) -> None:
        self.word = OperatorWord()
        self.last_tick: int | None = None
        self.ticker: TickerState | None = None
        self.cuts: DatedCuts | None = None
        self.copied = ""

    def absorb(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record; keys of others are left alone, and what cannot be read is said and changes nothing."""
        try:
            if key == WORD_KEY:
                self.word = msgspec.json.decode(value, type=OperatorWord) if value else OperatorWord()
            elif key == LAST_TICK_KEY and value:
                self.last_tick = msgspec.json.decode(value, type=LastTick).at_ms
            elif key == STATE_KEY and value:
                self.ticker = msgspec.json.decode(value, type=TickerState)
            elif key == CUTS_KEY and value:
                cuts = msgspec.json.decode(value, type=DatedCuts)
                if self.cuts is None or cuts.date > self.cuts.date:
                    self.cuts = cuts
            elif key == COPIED_KEY and value:
                self.copied = max(self.copied, msgspec.json.decode(value, type=CopiedCuts).date)
        except msgspec.DecodeError as error:
            log.warning("A control record of key %r cannot be read and changes nothing: %s", key, error)


encode = msgspec.json.Encoder().encode
