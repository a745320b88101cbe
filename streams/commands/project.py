"""``memberpulse project``: scores into Redis, where checkout reads them."""

import asyncio
import signal
from typing import Annotated

import typer

from streams.commands.output import log_to_stderr
from streams.commands.resolve import resolved_settings
from streams.config import Settings


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("project", epilog="Example: memberpulse project --rebuild")(project)


def project(
    *,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="read member-scores from its beginning, for single keys lost or changed by hand; "
            "an emptied Redis is noticed without it",
        ),
    ] = False,
) -> None:
    """Keep Redis in step with the topic member-scores, until SIGTERM or Ctrl-C. Redis may be emptied and rebuilt at
    any time.
    """
    log_to_stderr()
    asyncio.run(_until_stopped(resolved_settings(), rebuild=rebuild))


async def _until_stopped(settings: Settings, *, rebuild: bool) -> None:
    from streams.projector.process import run

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, rebuild=rebuild, stop=stop)
