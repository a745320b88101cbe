"""``memberpulse worker``: the processes that read upstream topics and score members."""

from enum import StrEnum
from typing import Annotated

import typer

from streams.commands.output import log_to_stderr, notes
from streams.commands.resolve import resolved_settings
from streams.exits import CommandError, ExitCode
from streams.supervision import ChildSpec, Supervisor, stop_on_signals


class Part(StrEnum):
    """One of the processes of a worker."""

    INGEST = "ingest"
    SCORE = "score"
    TICK = "tick"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("worker", epilog="Example: memberpulse worker --only score")(work)


def work(
    only: Annotated[Part | None, typer.Option(help="run one part in this very process, as containers do")] = None,
) -> None:
    """Read upstream topics (when ingest.sources names any), score members and tick, until SIGTERM or Ctrl-C.

    Without --only, each part is a child process of this one (no ticks when ticker.enabled is false). When one ends,
    the others are stopped and the exit code is its own, so that whoever supervises this process decides about
    starting it again.
    """
    settings = resolved_settings()
    if only is not None:
        log_to_stderr(settings)
    if only is Part.SCORE:
        from streams.scorer.process import main as score

        raise typer.Exit(score(settings))
    if only is Part.INGEST:
        if not settings.ingest.sources:
            raise CommandError(
                "there is nothing to ingest: no upstream topic is named",
                ExitCode.CONFIG,
                where="setting ingest.sources",
                allowed="a list of tables with topic, mapping and partitions",
                remedy="name the topics in memberpulse.toml, or write canonical events to member-events yourself "
                "and run --only score",
            )
        from streams.ingest.process import main as ingest

        raise typer.Exit(ingest(settings))
    if only is Part.TICK:
        from streams.ticker.process import main as tick

        raise typer.Exit(tick(settings))
    parts = [Part.SCORE]
    if settings.ingest.sources:
        parts.append(Part.INGEST)
    if settings.ticker.enabled:
        parts.append(Part.TICK)
    children = [ChildSpec(name=part, arguments=["worker", "--only", part]) for part in parts]
    # The scorer's own orderly end, and a few seconds more to be told of it.
    grace = settings.score.shutdown_seconds + 5
    with stop_on_signals() as stop, Supervisor(children, notes().print, grace=grace) as supervisor:
        code = supervisor.run(stop)
    raise typer.Exit(code)
