"""Why time stands still, and what to do, in plain words."""

from streams.instants import instant_text
from streams.ticker.decision import Held, Silent

_RELEASE = "To let it pass once: memberpulse ticks release --reason '...'"


def explain_hold(held: Held) -> str:
    """One paragraph for the log and for ``ticks status``."""
    at = instant_text(held.at)
    since = "no tick yet" if held.last_tick is None else f"the last one was {instant_text(held.last_tick)}"
    moved = f"It would move {held.moved:,} of {held.members:,} members by the last due counts."
    if held.reason == "operator":
        who = f" by {held.word.actor}" if held.word.actor else ""
        why = f": {held.word.reason}" if held.word.reason else ""
        return f"The tick at {at} is held{who}{why} ({since}). {moved} {_RELEASE}"
    if held.reason == "mass":
        return (
            f"The tick at {at} is held: it would move {held.moved:,} of {held.members:,} members at once, more than "
            f"the {held.mass_limit:,} that ticker.mass_limit_members and ticker.mass_limit_share allow ({since}). "
            f"If that is right (after an import, a long stop, a new policy): {_RELEASE[0].lower()}{_RELEASE[1:]}"
        )
    clock = (
        "the broker did not tell its time"
        if held.broker_clock is None
        else f"the broker's clock says {instant_text(held.broker_clock)}"
    )
    return (
        f"The tick at {at} is held: this machine's clock is ahead and the broker does not confirm it: {clock} "
        f"({since}). {moved} Check the clock of this machine; the hold ends by itself when both agree. {_RELEASE}"
    )


def explain_silence(silent: Silent) -> str:
    """One sentence for the log and for ``ticks status``."""
    if silent.reason == "clock":
        return "No ticks until the clock has passed the last one again: it has stepped back"
    return (
        "No ticks while upstream records from before the next one wait for ingest: nobody lapses while a purchase waits"
    )
