"""``memberpulse pseudonyms``: what an id is known as, and moving members to a new secret."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from scoring.calendar import EPOCH
from scoring.events import MemberMerged
from streams.auditing import audit_record
from streams.codecs import encode_event
from streams.commands.actor import Actor, named
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.log_reading import LogRecord, log_consumer, missing_topic, scan, spans
from streams.log_writing import NewRecord, write
from streams.murmur import partition_of
from streams.pseudonyms import Pseudonyms
from streams.topics import AUDIT, MEMBER_EVENTS, MEMBER_SCORES

pseudonyms = typer.Typer(
    name="pseudonyms",
    help="What an id is known as, and moving members to a new secret.",
    no_args_is_help=True,
)

_SETTINGS: Final = "settings pseudonyms.secret, key_id, former_secret and former_key_id"


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.add_typer(pseudonyms)


@pseudonyms.command(epilog="Example: memberpulse pseudonyms of 00042")
def of(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="the member's plain id", show_default=False)],
    *,
    former: Annotated[bool, typer.Option("--former", help="under the secret before")] = False,
) -> None:
    """Print what a member is known as, to join what webhooks and topics say with your own data."""
    known = _known(resolved_settings(), former=former)
    results().print((known.former(member_id) if former else known.hide(member_id)) or member_id, markup=False)


@pseudonyms.command(epilog='Example: memberpulse pseudonyms move ids.txt --yes --reason "new secret"')
def move(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="plain ids, one per line", show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="write it to the log; without this nothing is changed")] = False,
    reason: Annotated[str, typer.Option(help="why; it is kept in the log. Needed with --yes")] = "",
    actor: Actor = None,
) -> None:
    """Merge what each member was known as under the former secret into what they are known as now.

    An id that is no member under the former secret is left out. Calling it again does no harm: the same move is the
    same event.
    """
    settings = resolved_settings()
    known = _known(settings, former=True)
    if yes and not reason:
        raise CommandError("say why, with --reason", ExitCode.USAGE, remedy="it is kept in the log beside your name")
    ids = _ids(file)
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        count = len(spans(consumer, topic))
        if not count:
            raise missing_topic(settings, topic)
        read = scan(consumer, settings.topic(MEMBER_SCORES), spans(consumer, settings.topic(MEMBER_SCORES)))
        found = members_among(known, ids, read)
    strangers = len(ids) - len(found)
    if strangers:
        notes().print(f"left out, since they are no members under the former secret: {strangers:,}", markup=False)
    ids = found
    if not yes:
        results().print(f"{len(ids):,} members would move; --yes and --reason write it to the log", markup=False)
        return
    events = list(moves(known, ids, time.time_ns() // 1_000_000, reason, named(actor)))
    # The audit knows first: nothing is done that it does not tell of.
    told = [(event, audit_record(event, caller=named(None), via="command")) for event in events]
    write(
        settings,
        settings.topic(AUDIT),
        [NewRecord(partition_of(event.member_id.encode(), count), *record) for event, record in told],
    )
    write(settings, topic, (_record(event, count) for event in events))
    results().print(f"{len(ids):,} moves are in the log; 'memberpulse lag' tells when they are scored", markup=False)


def members_among(known: Pseudonyms, ids: list[str], scores: Iterable[LogRecord]) -> list[str]:
    """Those ids whose former pseudonym has a score, which every member has: a move would make the others members.

    ``scores`` are the records of ``member-scores`` in the order of each partition.
    """
    former = {(known.former(each) or "").encode(): each for each in ids}
    there: dict[str, bool] = dict.fromkeys(ids, False)
    for record in scores:
        member_id = former.get(record.key or b"")
        if member_id is not None:
            there[member_id] = record.value is not None
    return [member_id for member_id, is_one in there.items() if is_one]


def moves(known: Pseudonyms, ids: list[str], at: int, reason: str, actor: str) -> Iterator[MemberMerged]:
    """One merge per id, from the former pseudonym into the present one; ``at`` is epoch milliseconds.

    The same move has the same event id, whenever it is made.
    """
    for member_id in ids:
        former, present = known.former(member_id) or "", known.hide(member_id)
        yield MemberMerged(
            event_id="moved-" + hashlib.sha256(f"{former} {present}".encode()).hexdigest()[:48],
            member_id=former,
            into=present,
            occurred_at=EPOCH + timedelta(milliseconds=at),
            source="memberpulse",
            reason=reason,
            actor=actor,
        )


def _record(event: MemberMerged, partitions: int) -> NewRecord:
    key, value = encode_event(event)
    return NewRecord(partition_of(key, partitions), key, value)


def _known(settings: Settings, *, former: bool) -> Pseudonyms:
    known = Pseudonyms(settings.pseudonyms)
    if not known.active or (former and settings.pseudonyms.former_secret is None):
        missing = "pseudonyms.former_secret" if known.active else "pseudonyms.secret"
        raise CommandError(
            f"{missing} is not set", ExitCode.CONFIG, where=_SETTINGS, remedy="docs/access.md tells how members move"
        )
    return known


def _ids(file: Path) -> list[str]:
    """The ids of a file, each once.

    Raises:
        CommandError: exit 66 or 65; nothing was changed.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}", ExitCode.NO_INPUT) from error
    wrong = [number for number, line in enumerate(lines, 1) if not 0 < len(line) <= 64]
    if wrong:
        raise CommandError(
            f"line {wrong[0]} of {file} is no member id ({len(wrong)} such lines)",
            ExitCode.DATA,
            allowed="one id of 1 to 64 characters per line, exactly as in your events",
        )
    return list(dict.fromkeys(lines))
