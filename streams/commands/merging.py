"""``memberpulse merge``, ``unmerge`` and ``erase``: two ids of one person, and a person who is to be forgotten."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.table import Table

from scoring.errors import Refused
from scoring.events import MemberErased, MemberMerged, MemberUnmerged
from scoring.policy import Policy
from scoring.state import MemberState
from streams.auditing import audit_record
from streams.bad_records import BadRecord
from streams.by_hand import checked, said_by
from streams.changelog import member_row, standing_of
from streams.commands.actor import Actor, named
from streams.commands.output import results
from streams.commands.resolve import resolved_settings
from streams.exits import CommandError, ExitCode
from streams.instants import instant_text
from streams.log_reading import log_consumer, spans
from streams.log_writing import NewRecord, write
from streams.merge_trial import Change, standing_text, tried
from streams.murmur import partition_of
from streams.pseudonyms import Pseudonyms
from streams.topics import AUDIT, MEMBER_EVENTS

Yes = Annotated[bool, typer.Option("--yes", help="write it to the log; without this nothing is changed")]
Reason = Annotated[str, typer.Option(help="why; it is kept in the log. Needed with --yes", show_default=False)]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="the id that is given up", show_default=False)]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="the id that stays", show_default=False)]

_Event = MemberMerged | MemberUnmerged | MemberErased


def register(app: typer.Typer) -> None:
    """Add the three verbs."""
    app.command("merge", epilog='Example: memberpulse merge 00041 00042 --yes --reason "same card"')(merge)
    app.command("unmerge", epilog='Example: memberpulse unmerge 00041 00042 --yes --reason "a mistake"')(unmerge)
    app.command("erase", epilog='Example: memberpulse erase 00041 --yes --reason "asked for on 3 May"')(erase)


def merge(source: Source, target: Target, *, yes: Yes = False, reason: Reason = "", actor: Actor = None) -> None:
    """Give the orders of SOURCE to TARGET: from then on both ids are one member. Shows what would come of it.

    It can be taken back for the time that the policy gives (merge.unmerge_days).
    """
    _carry_out(MemberMerged(into=target, **_common(source, reason, actor)), yes=yes)


def unmerge(source: Source, target: Target, *, yes: Yes = False, reason: Reason = "", actor: Actor = None) -> None:
    """Take back that SOURCE was merged into TARGET: each has its own orders again. Shows what would come of it."""
    _carry_out(MemberUnmerged(into=target, **_common(source, reason, actor)), yes=yes)


def erase(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="the member's id", show_default=False)],
    *,
    yes: Yes = False,
    reason: Reason = "",
    actor: Actor = None,
) -> None:
    """Forget a member: state and score go, and no later event brings them back. It cannot be undone.

    Events and outcomes that are in the log already stay there.
    """
    _carry_out(MemberErased(**_common(member_id, reason, actor)), yes=yes)


def _common(member_id: str, reason: str, actor: str | None) -> dict[str, Any]:
    return said_by(member_id, reason, named(actor), time.time_ns() // 1_000_000, "command")


def _carry_out(event: _Event, *, yes: bool) -> None:
    if yes and not event.reason:
        raise CommandError("say why, with --reason", ExitCode.USAGE, remedy="it is kept in the log beside your name")
    settings = resolved_settings()
    event = Pseudonyms(settings.pseudonyms).event(event)
    try:
        key, value = checked(event)
    except BadRecord as bad:
        raise CommandError(bad.detail, ExitCode.USAGE) from bad
    with log_consumer(settings) as consumer:
        count = len(spans(consumer, settings.topic(MEMBER_EVENTS)))
        number = partition_of(event.member_id.encode(), count) if count else 0
        standing = standing_of(settings, consumer, number)
        policy = None if standing is None else standing.progress.read_policy()

        def row_of(member_id: str) -> MemberState | None:
            return member_row(settings, consumer, member_id)

        changes = foreseen(event, row_of, policy)
    assert policy is not None
    results().print(changes_table(changes, policy))
    for line in remarks(event, changes):
        results().print(line, markup=False)
    if not yes:
        results().print("nothing was changed; --yes and --reason write it to the log", markup=False)
        return
    # The audit knows first: nothing is done that it does not tell of.
    write(settings, settings.topic(AUDIT), [NewRecord(number, *audit_record(event, caller=named(None), via="command"))])
    write(settings, settings.topic(MEMBER_EVENTS), [NewRecord(number, key, value)])
    results().print("written to the log; 'memberpulse member ID' shows it when the scorer has read it", markup=False)


def foreseen(event: _Event, row_of: Callable[[str], MemberState | None], policy: Policy | None) -> list[Change]:
    """What would come of the event.

    Raises:
        CommandError: the scorer has not run yet, or the event would be refused or do nothing.
    """
    if policy is None:
        raise CommandError(
            "the scorer has remembered nothing yet, so that nobody can be shown",
            ExitCode.TEMPORARY,
            remedy="start 'memberpulse worker' and try again when it has read the log",
        )
    source = row_of(event.member_id)
    if source is None:
        raise CommandError(
            f"member {event.member_id!r} is not known",
            ExitCode.NO_INPUT,
            allowed="the id exactly as in the events, leading zeros included",
            remedy="'memberpulse lag' tells whether events are still waiting to be scored",
        )
    if source.erased:
        raise CommandError(
            f"member {event.member_id!r} is erased: nothing that names them does anything", ExitCode.DATA
        )
    try:
        changes = tried(event, row_of, policy, time.time_ns() // 1_000_000)
    except Refused as refused:
        why = refused.detail.removeprefix(f"{event.event_id}: ")
        raise CommandError(f"the scorer would refuse this: {why}", ExitCode.DATA) from refused
    if isinstance(event, MemberMerged) and any(change.after.erased for change in changes):
        raise CommandError(f"member {event.into!r} is erased: the orders would be nobody's", ExitCode.DATA)
    return changes


def changes_table(changes: list[Change], policy: Policy) -> Table:
    """Everybody whom the event changes, before and after."""
    table = Table("member", "now", "then", box=None, pad_edge=False)
    for change in changes:
        table.add_row(change.member_id, standing_text(change.before, policy), standing_text(change.after, policy))
    return table


def remarks(event: _Event, changes: list[Change]) -> list[str]:
    """What else somebody should know before it is done."""
    told: list[str] = []
    first = changes[0]
    if isinstance(event, MemberMerged):
        if len(changes) > 1 and changes[1].before is None:
            told.append(f"{event.into} is not known yet and would begin with these orders; is the id right?")
        end = first.after.merge
        if end is not None and end.unmerge_until > end.at:
            told.append(f"it can be taken back until {instant_text(end.unmerge_until)}")
        elif end is not None:
            told.append("it cannot be taken back (merge.unmerge_days is 0)")
        if first.before is not None and first.before.override_in_force:
            told.append(f"the tier granted to {event.member_id} by hand would end")
    elif isinstance(event, MemberErased) and first.before is not None:
        if first.before.absorbed:
            names = ", ".join(first.before.absorbed)
            were, ids = ("was", "this id") if len(first.before.absorbed) == 1 else ("were", "these ids")
            told.append(f"{names} {were} merged into {event.member_id}: erase {ids} too, if it is the same person")
        told.append("this cannot be undone; what is in the log already stays there")
    return told
