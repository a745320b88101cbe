"""``memberpulse topics``: are the topics as they have to be, and make them so."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from streams import policy_file
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.log_reading import admin_client
from streams.policy_publication import open_empty_partitions
from streams.topic_admin import Action, Step, carry_out, look, plan, wanted_topics

WithSources = Annotated[
    bool, typer.Option("--with-sources", help="also the upstream topics of ingest.sources, which are yours otherwise")
]

_WORDS = {
    Action.NOTHING: "as it should be",
    Action.CREATE: "[green]create[/]",
    Action.CONFIGURE: "[yellow]configure[/]",
    Action.REFUSE: "[red]refuse[/]: the partition count differs",
}


def register(app: typer.Typer) -> None:
    """Add the verb and what it can do."""
    verbs = typer.Typer(no_args_is_help=True, help="See and make the topics, and publish the policy into an empty log.")
    verbs.command("plan", epilog="Example: memberpulse topics plan")(show_plan)
    verbs.command("apply", epilog="Example: MEMBERPULSE_KAFKA__PARTITIONS=12 memberpulse topics apply")(apply)
    app.add_typer(verbs, name="topics")


def show_plan(*, with_sources: WithSources = False) -> None:
    """Show what 'apply' would do: missing topics, settings that drifted, partition counts that differ. Changes
    nothing.
    """
    settings = resolved_settings()
    document = policy_file.load(settings.score.policy)
    with admin_client(settings) as admin:
        wanted = wanted_topics(settings, with_sources=with_sources)
        steps = plan(wanted, look(admin, wanted))
    results().print(as_table(steps))
    notes().print(
        f"policy for empty partitions: {settings.score.policy}, version {document.version}, "
        f"hash {document.content_hash[:12]}"
    )
    refuse_other_counts(steps)


def apply(*, with_sources: WithSources = False) -> None:
    """Create missing topics, correct settings that drifted, and publish the policy as the first record of every empty
    partition.

    Safe to run again, and from two places at once. Refuses (exit 78) before changing anything when a partition count
    differs.
    """
    settings = resolved_settings()
    steps, opened = apply_topics(settings, with_sources=with_sources)
    out = results()
    changed = [step for step in steps if step.action is not Action.NOTHING]
    for step in changed:
        what = "created" if step.action is Action.CREATE else "configured " + ", ".join(key for key, _, _ in step.drift)
        out.print(f"{step.topic.name}: {what}", markup=False)
    if opened:
        out.print(f"policy {settings.score.policy} published to {len(opened)} empty partitions", markup=False)
    if not changed and not opened:
        out.print(f"all {len(steps)} topics are as they should be, and every partition has a policy")


def apply_topics(settings: Settings, *, with_sources: bool = False) -> tuple[list[Step], list[int]]:
    """What 'topics apply' does: the steps that were taken and the partitions that were given the policy.

    Raises:
        CommandError: exit 78, a topic has another partition count; nothing was changed.
        PolicyFileError: the policy of the settings cannot be used; nothing was changed.
    """
    document = policy_file.load(settings.score.policy)
    with admin_client(settings) as admin:
        wanted = wanted_topics(settings, with_sources=with_sources)
        steps = plan(wanted, look(admin, wanted))
        refuse_other_counts(steps)
        carry_out(admin, steps, settings.kafka.replication)
    return steps, open_empty_partitions(settings, document)


def refuse_other_counts(steps: Sequence[Step]) -> None:
    """Raise when a topic has another number of partitions than it must have."""
    wrong = [step for step in steps if step.action is Action.REFUSE]
    if wrong:
        raise CommandError(
            "the number of partitions cannot change: members would land on other partitions than their state",
            ExitCode.CONFIG,
            where="; ".join(
                f"{step.topic.name} has {step.found_partitions}, settings say {step.topic.partitions}" for step in wrong
            ),
            allowed="the number that the topics were created with",
            remedy="set kafka.partitions to the number found, or use another kafka.topic_prefix and import the "
            "history again",
        )


def as_table(steps: Sequence[Step]) -> Table:
    """The plan as a table, one line per topic and one per drifted setting."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("topic", no_wrap=True)
    for title in ("carries", "partitions", "plan"):
        table.add_column(title)
    for step in steps:
        counts = str(step.topic.partitions)
        if step.found_partitions not in (None, step.topic.partitions):
            counts = f"{step.found_partitions} found, {step.topic.partitions} wanted"
        table.add_row(step.topic.name, step.topic.carries, counts, _WORDS[step.action])
        for key, wanted, found in step.drift:
            table.add_row("", f"  {key}", "", f"{found} → {wanted}")
    return table
