"""Where commands write: results to stdout, everything about how it goes to stderr."""

import logging
import sys
import time

from rich.console import Console

from streams.config import Settings

#: Tables in files and pipes are not folded to the 80 columns that Rich assumes there.
_FILE_COLUMNS = 200


def results() -> Console:
    """The console for what was asked for; plain text when stdout is not a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _FILE_COLUMNS
    return console


def notes() -> Console:
    """The console for progress, hints and warnings."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def log_to_stderr(settings: Settings) -> None:
    """Let a long-running process tell what it does, one line each with its time in UTC."""
    from streams.commands.quiet import quiet

    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)sZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    quiet(settings.kafka.bootstrap)
