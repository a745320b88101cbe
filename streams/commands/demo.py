"""``memberpulse demo``: the whole system on real orders, then checked."""

import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.live import Live
from rich.table import Table

from streams import policy_file
from streams.commands.output import as_typed, notes, results
from streams.commands.topics import apply_topics
from streams.config import KafkaSettings, RedisSettings, Settings
from streams.demo.checking import Comparison
from streams.demo.demonstration import Demonstration, environment_for
from streams.demo.screen import Moment, line, screen
from streams.demo.watching import Watcher
from streams.devstack.stack import DevStack
from streams.exits import ExitCode
from streams.policy_file import PolicyDocument
from streams.supervision import Supervisor, stop_on_signals


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo", epilog="Example: memberpulse demo --keep")(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C, to look around")] = False,
) -> None:
    """Start Kafka, Redis, the scorer and the projector, import 69,659 real orders, and check every member against the
    file.

    Takes one to three minutes and needs no settings. Exit 0 only when every member's numbers, tier and stage in
    Redis, and every alert in
    the log, equal an independent recomputation.
    """
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="memberpulse-demo-") as folder,
        stop_on_signals() as stop,
        DevStack() as stack,
    ):
        comparison = _demonstrate(stack, Path(folder), stop, keep=keep, began=began)
    if comparison is None:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not comparison.exact:
        raise typer.Exit(ExitCode.DATA)


def _demonstrate(
    stack: DevStack, folder: Path, stop: threading.Event, *, keep: bool, began: float
) -> Comparison | None:
    environment = environment_for(stack.broker.bootstrap, stack.redis.url, folder)
    # Made without the sources of settings: the demonstration is the same on every machine.
    settings = Settings.model_construct(
        kafka=KafkaSettings(bootstrap=stack.broker.bootstrap),
        redis=RedisSettings(url=SecretStr(stack.redis.url)),
        data_dir=folder / "data",
    )
    document = policy_file.load(settings.score.policy)
    out, console = results(), notes()
    apply_topics(settings)
    demonstration = Demonstration(settings=settings, environment=environment, folder=folder, policy=document)
    with demonstration.children(console.print) as supervisor:
        comparison = _shown(demonstration, supervisor, stop, document, out)
        if comparison is None:
            return None
        out.print(as_table(comparison))
        for difference in comparison.differences:
            out.print(difference, markup=False)
        verdict = (
            "every member and every alert is exact"
            if comparison.exact
            else "[red]the system and the recomputation differ[/]"
        )
        out.print(f"{verdict}; {time.monotonic() - began:.0f} s in all")
        out.print("\n".join(_what_next(stack, folder, keep=keep)), markup=False)
        if keep:
            supervisor.run(stop)
    return comparison


def _shown(
    demonstration: Demonstration, supervisor: Supervisor, stop: threading.Event, document: PolicyDocument, out: Console
) -> Comparison | None:
    names = [level.name for level in document.tiers.levels]
    if not out.is_terminal:
        return demonstration.run(
            supervisor, stop, lambda watcher, moment: print(line(watcher, moment, names), flush=True)
        )
    with Live(console=out, auto_refresh=False) as live:

        def show(watcher: Watcher, moment: Moment) -> None:
            live.update(screen(watcher, moment, names), refresh=True)

        return demonstration.run(supervisor, stop, show)


def as_table(comparison: Comparison) -> Table:
    """How many members are equal in each measure."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("recomputed from the file and compared with Redis and the log", no_wrap=True)
    for title in ("members", "equal", ""):
        table.add_column(title, justify="right")
    for name, equal in comparison.equal.items():
        what = f"{name} ({comparison.alerts:,} in all)" if name == "alerts" else name
        verdict = "[green]exact[/]" if equal == comparison.members else "[red]different[/]"
        table.add_row(what, f"{comparison.members:,}", f"{equal:,}", verdict)
    if comparison.strangers:
        table.add_row("members that the file does not have", f"{comparison.strangers:,}", "", "[red]unexpected[/]")
    return table


def _what_next(stack: DevStack, folder: Path, *, keep: bool) -> list[str]:
    typed = as_typed()
    if keep:
        return [
            "",
            "Everything still runs, until Ctrl-C. In another terminal:",
            f"  export MEMBERPULSE_KAFKA__BOOTSTRAP={stack.broker.bootstrap} MEMBERPULSE_REDIS__URL={stack.redis.url}",
            f"  {typed} member 00042",
            f"  {typed} lag --watch",
            f"  {typed} verify",
            f"The logs are in {folder}.",
        ]
    return [
        "",
        "What to try next:",
        f"  {typed} demo --keep                                   the same, left running to look around",
        f"  {typed} up                                            an empty system that stays until Ctrl-C",
        f"  {typed} import orders.csv --mapping my-shop.toml      your own history into it",
        f"  {typed} member <id>                                   where a member stands, why, and what comes next",
    ]
