"""``memberpulse project``: scores into Redis, where checkout reads them."""

import asyncio
from typing import Annotated

import typer

from streams.commands.output import log_to_stderr
from streams.commands.resolve import resolved_settings


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
    from streams.projector.process import run
    from streams.until_stopped import until_stopped

    settings = resolved_settings()
    log_to_stderr(settings)
    asyncio.run(until_stopped(settings, lambda stop: run(settings, rebuild=rebuild, stop=stop)))
