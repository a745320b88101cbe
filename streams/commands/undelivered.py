"""``memberpulse deliver undelivered``, ``resend`` and ``dismiss``: outcomes that were set aside."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import orjson
import typer

from streams.commands.actor import Actor, named
from streams.commands.endpoints import Name, endpoint_of
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.instants import instant_text

if TYPE_CHECKING:  # what this imports takes longer than most verbs
    from streams.webhooks.undelivered import Undelivered

#: So many are named in one message.
_SHOWN = 10
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="their webhook-id", show_default=False)]


def register(verbs: typer.Typer) -> None:
    """Add the verbs to those of ``deliver``."""
    verbs.command("undelivered", epilog="Example: memberpulse deliver undelivered crm")(show)
    verbs.command("resend", epilog="Example: memberpulse deliver resend crm")(resend)
    verbs.command("dismiss", epilog='Example: memberpulse deliver dismiss crm ID --reason "nobody needs it"')(dismiss)


def show(
    name: Annotated[str | None, typer.Argument(metavar="ENDPOINT", help="of this one alone")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with what was sent")] = False,
) -> None:
    """Show the outcomes that endpoints kept refusing, so that they were set aside, the oldest first."""
    from streams.webhooks.operator import undelivered

    found = undelivered(resolved_settings(), name)
    if as_json:
        told = [{**msgspec.to_builtins(each), "body": msgspec.json.decode(each.body)} for each in found]
        results().print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    if not found:
        notes().print("nothing is set aside", markup=False)
    for each in found:
        where = f"{each.topic}, partition {each.partition}, offset {each.offset}"
        since = instant_text(each.since_ms)
        results().print(f"{each.endpoint}  {each.id}  {since}  {each.reason}: {each.detail} ({where})", markup=False)


def resend(name: Name, ids: Ids = None, actor: Actor = None) -> None:
    """Send outcomes that were set aside once more, all or those named; exit 69 when one was not accepted.

    They come after what was delivered since, with their own webhook-id and sequence.
    """
    from streams.webhooks import resending
    from streams.webhooks.clock import SystemClock

    settings = resolved_settings()
    endpoint = endpoint_of(settings, name)
    waiting = _waiting(settings, name, ids)
    if not waiting:
        notes().print(f"nothing of {name} is set aside: there is nothing to send again", markup=False)
        return
    done = asyncio.run(resending.resend(name, endpoint, waiting, SystemClock()))
    resending.dismiss(settings, done.accepted, actor=named(actor), reason="sent again")
    results().print(f"{name} accepted {len(done.accepted)} of them", markup=False)
    if done.refused:
        told = "; ".join(f"{each.id}: {why}" for each, why in done.refused[:_SHOWN])
        behind = f"; {len(done.behind)} of the same members wait behind them" if done.behind else ""
        raise CommandError(
            f"{name} refused {len(done.refused)} once more{behind}: {told}",
            ExitCode.UNAVAILABLE,
            where=endpoint.shown_url,
            remedy=f"correct the receiver and call again, or: memberpulse deliver dismiss {name} ID --reason WHY",
        )


def dismiss(name: Name, ids: Ids, reason: Annotated[str, typer.Option(help="why")], actor: Actor = None) -> None:
    """Give outcomes that were set aside up for good. They stay in the log, and `deliver replay` still reaches them."""
    from streams.webhooks import resending

    settings = resolved_settings()
    found = _waiting(settings, name, ids)
    resending.dismiss(settings, found, actor=named(actor), reason=reason)
    results().print(f"{len(found)} outcomes of {name} wait no more", markup=False)


def _waiting(settings: Settings, name: str, ids: list[str] | None) -> "list[Undelivered]":
    """What waits, or of this what was named."""
    from streams.webhooks.operator import undelivered

    found = undelivered(settings, name)
    missing = set(ids or ()) - {each.id for each in found}
    if missing:
        raise CommandError(
            f"nothing of this id waits for {name}: {', '.join(sorted(missing))}",
            ExitCode.NO_INPUT,
            remedy=f"see what does: memberpulse deliver undelivered {name}",
        )
    return [each for each in found if not ids or each.id in ids]
