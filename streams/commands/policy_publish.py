"""``memberpulse policy publish``: let another policy take effect."""

from contextlib import ExitStack
from typing import Annotated

import msgspec
import typer

from streams import policy_file
from streams.commands.actor import Actor, named
from streams.commands.output import results
from streams.commands.progress import Advance, progress
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.policy_file import PolicyDocument, from_canonical
from streams.preview.publication import copy_to, log_standings
from streams.preview.record import PublishedRecord, policy_control, remember_publication
from streams.preview.succession import Done, LogStanding, Publish, next_step, unfinished

EPILOG = "Example: memberpulse policy publish our.toml --max-share 5"


def publish(
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="a policy file, or a shipped policy", show_default=False)
    ] = None,
    *,
    max_share: Annotated[
        float, typer.Option(min=0, max=100, help="percent of the members that may be in another tier then")
    ] = 10.0,
    accept: Annotated[bool, typer.Option("--accept", help="publish although more members than that move")] = False,
    go_on: Annotated[
        bool, typer.Option("--continue", help="finish a publication that broke off, without the file")
    ] = False,
    actor: Actor = None,
) -> None:
    """Put another policy into force: it is written once to the control topic and then copied into every partition,
    where the scorer judges every member by it, between one event and the next.

    Refuses without a preview of the day, and when more members would move than --max-share. Safe to run again: a
    publication that broke off is continued, one that is complete is told to be.
    """
    if go_on == (new is not None):
        raise CommandError(
            "name the policy, or say --continue", ExitCode.USAGE, remedy="see memberpulse policy publish --help"
        )
    settings = resolved_settings()
    given = None if new is None else policy_file.load(new)
    standings = read_standings(settings)
    control = policy_control(settings)
    if given is None:
        begun = unfinished(standings, control.successors)
        if begun is None:
            _say("no publication is unfinished")
            return
        given = from_canonical(bytes(begun.policy))
    step = next_step(
        given,
        standings,
        control.successors,
        control.previews.get(given.content_hash),
        max_share / 100,
        accepted=accept,
    )
    if isinstance(step, Done):
        for line in done_lines(given, step):
            _say(line)
        return
    carry_out(settings, given, step, named(actor))
    for line in published_lines(given, step, len(standings)):
        _say(line)


def read_standings(settings: Settings) -> list[LogStanding]:
    """What every partition has come to, with the reading of what the scorer has not remembered yet told to stderr."""
    with ExitStack() as stack:

        def shown(records: int) -> Advance:
            return stack.enter_context(progress("Reading on from the scorer", "records", records))

        return log_standings(settings, shown)


def carry_out(settings: Settings, document: PolicyDocument, step: Publish, actor: str) -> None:
    """Write the policy to the control topic unless it is there, then copy it to the partitions that lack it.

    Raises:
        CommandError: somebody else published another one at the same time; nothing was copied.
        kafka.errors.KafkaError: the broker refused; a second call goes on where this one stopped.
    """
    if not step.begun:
        first = remember_publication(
            settings,
            PublishedRecord(
                step.follows, document.version, document.content_hash, actor, msgspec.Raw(document.canonical())
            ),
        )
        if first.content_hash != document.content_hash:
            raise CommandError(
                f"{first.actor} has just published another policy, version {first.version}; yours was not copied",
                ExitCode.TEMPORARY,
                remedy="preview yours again when that one is in force, with a higher version",
            )
    copy_to(settings, document, step.missing)


def done_lines(document: PolicyDocument, step: Done) -> list[str]:
    """What is told of a policy that every partition has."""
    name = f"version {document.version} (content hash {document.content_hash[:12]})"
    if not step.sweeping:
        return [f"{name} is in force, and every member has been judged by it"]
    where = ", ".join(map(str, step.sweeping))
    waiting = f"{name} is in every partition of the log; members of partitions {where} have still to be judged by it"
    return [waiting, *_watch()]


def published_lines(document: PolicyDocument, step: Publish, partitions: int) -> list[str]:
    """What is told of a policy that has just been copied."""
    name = f"version {document.version} (content hash {document.content_hash[:12]})"
    if step.begun:
        count = f"the {len(step.missing)} of {partitions} partitions that had not got it"
    else:
        count = f"{partitions} partitions"
    return [f"{name} was published to {count}", *_watch()]


def _watch() -> list[str]:
    return [
        "it takes effect as the scorer reaches it and has judged every member:",
        "  memberpulse lag --watch             nothing waits any more",
        "  memberpulse policy publish NEW      says that every member has been judged",
        "  memberpulse member ID --why         the policy that a member is under",
    ]


def _say(text: str) -> None:
    results().print(text, markup=False, emoji=False)
