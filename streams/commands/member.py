"""``memberpulse member``: where one member stands, why, and what comes next."""

import time
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import orjson
import typer
from redis.exceptions import RedisError

from streams import policy_file
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.currencies import money_text
from streams.exits import CommandError, ExitCode
from streams.instants import instant_text
from streams.log_reading import log_consumer
from streams.member_history import latest_outcomes, score_in_topic
from streams.policy_file import PolicyDocument
from streams.projector.scores import fetch
from streams.zone_table import zone_info

_SHOWN_OUTCOMES = 10
_DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("member", epilog="Example: memberpulse member 00042")(member)


def member(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="the member's id", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print the score and the last outcomes as JSON")] = False,
    from_topic: Annotated[
        bool, typer.Option("--from-topic", help="read the score from the topic member-scores instead of Redis")
    ] = False,
) -> None:
    """Show a member's tier, stage and numbers, what is missing to the next tier, what happens next by itself, and the
    last outcomes.
    """
    settings = resolved_settings()
    with log_consumer(settings) as consumer:
        score = None if from_topic else _projected(settings, member_id)
        if score is None:
            score = score_in_topic(settings, consumer, member_id)
        if score is None:
            raise CommandError(
                f"member {member_id!r} is not known",
                ExitCode.NO_INPUT,
                where="Redis and the topic " + settings.topic("member-scores"),
                allowed="the id exactly as in the events, leading zeros included",
                remedy="'memberpulse lag' tells whether events are still waiting to be scored",
            )
        outcomes = latest_outcomes(settings, consumer, member_id, _SHOWN_OUTCOMES, score["sequence"])
    if as_json:
        results().print(
            orjson.dumps({"score": score, "outcomes": outcomes}, option=orjson.OPT_INDENT_2).decode(), markup=False
        )
        return
    document = policy_file.load(settings.score.policy)
    for line in described(score, outcomes, document, time.time_ns() // 1_000_000):
        results().print(line, markup=False)


def described(score: dict[str, Any], outcomes: list[dict[str, Any]], document: PolicyDocument, now: int) -> list[str]:
    """Everything about a member as lines of text; ``now`` is epoch milliseconds, dates are those of the policy's time
    zone.
    """
    known = document.version == score["policy_version"]
    zone = document.time_zone if known else "UTC"
    days = document.windows.reported_days if known else None
    window = f"in {days} days" if days else "in the window"
    last = score["last_purchase_ms"]
    bought = "never" if last is None else f"{_date(last, zone)}, {_days(now - last)} ago"
    lines = [
        f"member      {score['member_id']}",
        f"tier        {score['tier']} since {_date(score['tier_since_ms'], zone)}",
        f"stage       {score['stage']} since {_date(score['stage_since_ms'], zone)}",
        f"recency     last order {bought}",
        f"frequency   {score['frequency']} orders {window}",
        f"monetary    {money_text(score['monetary'], score['currency'])} {window}",
        f"next tier   {to_next(score)}",
        f"next        {what_next(score, document if known else None, now, zone)}",
        (
            f"as of       {instant_text(score['as_of_ms'])}, policy version {score['policy_version']}, "
            f"epoch {score['epoch']}, offset {score['offset']}"
        ),
    ]
    if outcomes:
        lines += ["", f"the last {len(outcomes)} of {score['sequence']} outcomes:"]
        lines += [
            f"  {body['sequence']:>4}  {body['at'][:16].replace('T', ' ')}  {body['sentence']}" for body in outcomes
        ]
    return lines


def to_next(score: dict[str, Any]) -> str:
    """What is missing to the next tier, in words."""
    missing = score["to_next"]
    if missing is None:
        return "none: this is the highest"
    parts = []
    if missing["frequency"] is not None:
        parts.append(f"{missing['frequency']} more order{'' if missing['frequency'] == 1 else 's'}")
    if missing["monetary"] is not None:
        parts.append(f"{money_text(missing['monetary'], score['currency'])} more")
    return f"{missing['tier']}: {(' and ' if missing['match'] == 'all' else ' or ').join(parts)}"


def what_next(score: dict[str, Any], document: PolicyDocument | None, now: int, zone: str) -> str:
    """What happens by itself if the member does nothing, and when."""
    due = score["next_due_ms"]
    if due is None:
        return "nothing until the next event"
    what = "an order leaves the window and tier and stage are looked at again"
    if document is not None and score["last_purchase_ms"] is not None:
        quiet = (_local(due, zone) - _local(score["last_purchase_ms"], zone)).days
        stages = {days: name.removesuffix("_days") for name, days in document.lifecycle.model_dump().items()}
        what = f"becomes {stages[quiet]} unless they order before" if quiet in stages else what
    when = f"in {_days(due - now)}" if due > now else "due, fired by the next tick"
    return f"{_date(due, zone)} ({when}): {what}"


def _projected(settings: Settings, member_id: str) -> dict[str, Any] | None:
    try:
        return fetch(settings, member_id)
    except RedisError as error:
        notes().print(f"Redis does not answer ({error}); reading the topic instead", markup=False)
        return None


def _local(instant: int, zone: str) -> date:
    return (
        (datetime.fromtimestamp(0, zone_info("UTC")) + timedelta(milliseconds=instant))
        .astimezone(zone_info(zone))
        .date()
    )


def _date(instant: int, zone: str) -> str:
    return _local(instant, zone).isoformat()


def _days(milliseconds: int) -> str:
    days = milliseconds // _DAY_MS
    return f"{days:,} day{'' if days == 1 else 's'}"
