"""Where commands write: results to stdout, everything about how it goes to stderr."""

import logging
import sys
import time
from pathlib import Path
from shlex import quote
from typing import Final

from rich.console import Console

from streams.config import Settings

_NAME: Final = "memberpulse"

#: Tables in files and pipes are not folded to the 80 columns that Rich assumes there.
_FILE_COLUMNS = 200


def results() -> Console:
    """The console for what was asked for; plain text when stdout is not a terminal."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _FILE_COLUMNS
    return console


def as_typed() -> str:
    """How this very command is called from here: its path where it lies below the working directory, as after 'make',
    else its name.
    """
    called, here = Path(sys.argv[0]).absolute(), Path.cwd()
    below = called.name == _NAME and called.is_relative_to(here)
    return quote(str(called.relative_to(here))) if below else _NAME


def counted(number: int, noun: str) -> str:
    """``1 row``, ``1,676 rows``: for nouns whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
