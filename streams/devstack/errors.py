"""What the development stack says when it cannot start."""

from pathlib import Path

_TAIL_LINES = 20  # a Java stack trace's first lines and the message before it
_TAIL_BYTES = 16_384


class DevStackError(Exception):
    """Kafka or Redis could not be found, fetched or started; the text says what to do about it."""


def log_tail(log: Path) -> str:
    """Return the last lines of a log, indented for an error's text; says so when there are none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:]) or "    (the log is empty)"
