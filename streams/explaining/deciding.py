"""What decided an outcome, in words? From the outcome's own body."""

from collections.abc import Iterator
from typing import Any

from streams.currencies import money_text

Data = dict[str, Any]


def outcome_lines(data: Data) -> Iterator[str]:
    """Every outcome's sentence, and under it what was crossed, what caused it and where that lies in the log."""
    count = len(data["outcomes"])
    if count:
        yield from ("", f"what decided the last {count} outcomes:" if count > 1 else "what decided the last outcome:")
    for body in data["outcomes"]:
        when = body["at"][:16].replace("T", " ")
        yield f"  {body['sequence']:>4}  {when} UTC  {body['sentence']}"
        decided = [text for text in (_crossed(body), _cause(body), _position(body)) if text]
        yield f"        {'; '.join(decided)}"


def _crossed(body: Data) -> str:
    crossed = body.get("crossed")
    if not crossed:
        return ""
    if "stage" in crossed:
        if "days_since_last_purchase" in crossed:
            return f"boundary {words(crossed['stage'])}: {crossed['days_since_last_purchase']} days"
        return f"boundary {words(crossed['stage'])}: {crossed['percent_of_expected_gap']} % of the expected gap"
    asks = []
    if crossed.get("cut") is not None:
        asks.append(f"a cut of {crossed['cut']:,}")
    if crossed.get("frequency") is not None:
        asks.append(f"{crossed['frequency']} orders")
    if crossed.get("monetary") is not None:
        asks.append(money_text(crossed["monetary"], body["currency"]))
    return f"{crossed['tier']} asks for {(' and ' if crossed.get('match') == 'all' else ' or ').join(asks)}"


def _cause(body: Data) -> str:
    cause = body["cause"]
    if "timer" in cause:
        return f"by the timer of {cause['timer'][:16].replace('T', ' ')} UTC"
    if "event_id" not in cause:
        return "by " + ", ".join(f"{name} {value}" for name, value in cause.items() if value is not None)
    told = f"by event {cause['event_id']}"
    for name, word in (("order_id", "order"), ("shop_id", "shop"), ("channel", "channel")):
        if cause.get(name) is not None:
            told += f", {word} {cause[name]}"
    return told


def _position(body: Data) -> str:
    return f"partition {body['position']['partition']}, offset {body['position']['offset']}"


def words(name: str) -> str:
    """A stage or a segment as it is read."""
    return name.replace("_", " ")
