"""``memberpulse serve``: members' scores and previews of baskets over HTTP, at the till."""

from typing import Annotated

import typer

from streams.commands.output import log_to_stderr, notes, results
from streams.commands.resolve import resolved_settings


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve", epilog="Example: memberpulse serve --port 8080")(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="address to listen on, instead of serve.bind", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="port, instead of serve.port; 0 takes a free one")
    ] = None,
) -> None:
    """Answer look-ups and previews over HTTP until SIGTERM or Ctrl-C; requests that are being answered are finished.

    The API describes itself at /v1/docs. Without any key it listens on this machine alone.
    """
    from streams.access.exposure import check
    from streams.serving.process import run

    settings = resolved_settings()
    log_to_stderr(settings)
    given = {name: value for name, value in (("bind", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update=given)})
    for line in check(settings, settings.serve.bind):
        notes().print(f"note: {line}", markup=False)
    run(settings, lambda line: results().print(line, markup=False))
