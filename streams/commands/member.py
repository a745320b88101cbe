"""``memberpulse member``: where one member stands, why, and what comes next."""

import time
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import orjson
import typer
from kafka import KafkaConsumer
from redis.exceptions import RedisError

from scoring.policy import Policy
from scoring.state import MemberState
from streams.changelog import member_row, standing_of
from streams.commands.output import notes, results
from streams.commands.resolve import resolved_settings
from streams.config import Settings
from streams.currencies import money_text
from streams.exits import CommandError, ExitCode
from streams.explaining.ahead import steps_ahead
from streams.explaining.data import LIVE, NOT_YET, Known, as_known, status_of
from streams.explaining.telling import lines
from streams.instants import instant_text
from streams.log_reading import log_consumer, spans
from streams.member_history import latest_outcomes, score_in_topic
from streams.murmur import partition_of
from streams.needed_words import cut_needed, more_needed
from streams.policy_file import from_canonical
from streams.preview.record import policy_control
from streams.projector.scores import fetch
from streams.pseudonyms import Pseudonyms
from streams.scorer.progress import PartitionProgress, under_cuts
from streams.topics import MEMBER_EVENTS
from streams.zone_table import zone_info

_SHOWN_OUTCOMES = 10
_DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("member", epilog="Example: memberpulse member 00042 --why")(member)


def member(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="the member's id", show_default=False)],
    *,
    why: Annotated[bool, typer.Option("--why", help="everything that is remembered, and what follows from it")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print all of that and the last outcomes as JSON")] = False,
    from_topic: Annotated[
        bool, typer.Option("--from-topic", help="read the score from the topic member-scores instead of Redis")
    ] = False,
) -> None:
    """Show a member's tier, stage and numbers, what is missing to the next tier, what happens next by itself, and the
    last outcomes. With --why also holds, orders, every timer to come and what decided each outcome.

    State and policy come from the log: the policy is the one that the member is under, whatever the settings name.
    """
    settings = resolved_settings()
    known_as = Pseudonyms(settings.pseudonyms).of(member_id)
    with log_consumer(settings) as consumer:
        known = read_known(settings, consumer, known_as, from_topic=from_topic)
    if as_json:
        results().print(orjson.dumps(as_known(known), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    brief = not why and known.score is not None and status_of(known.row) in {LIVE, NOT_YET}
    told = described(known, time.time_ns() // 1_000_000) if brief else lines(as_known(known))
    for line in told:
        results().print(line, markup=False, emoji=False)


def read_known(settings: Settings, consumer: KafkaConsumer, member_id: str, *, from_topic: bool) -> Known:
    """Score, remembered state, policy and last outcomes of a member.

    Raises:
        CommandError: exit 66, nobody has seen the member.
    """
    row = member_row(settings, consumer, member_id)
    score = None if from_topic else _projected(settings, member_id)
    if score is None:
        score = score_in_topic(settings, consumer, member_id)
    if score is None and row is None:
        raise CommandError(
            f"member {member_id!r} is not known",
            ExitCode.NO_INPUT,
            where="Redis, the topic " + settings.topic("member-scores") + " and " + settings.changelog_topic,
            allowed="the id exactly as in the events, leading zeros included",
            remedy="'memberpulse lag' tells whether events are still waiting to be scored",
        )
    count = len(spans(consumer, settings.topic(MEMBER_EVENTS))) or settings.kafka.partitions
    number = partition_of(member_id.encode(), count)
    policy = _policy_over(settings, consumer, number, row, score)
    sequence = row.sequence if score is None and row is not None else score["sequence"] if score is not None else None
    outcomes = latest_outcomes(settings, consumer, member_id, _SHOWN_OUTCOMES, sequence)
    return Known(member_id, number, row, policy, score, outcomes)


def policy_of(
    progress: PartitionProgress,
    position: int,
    successor: tuple[int, bytes] | None,
    row: MemberState | None,
    score: dict[str, Any] | None,
) -> Policy | None:
    """The policy that a member's row is under: that of the partition, or the one that is taking its place.

    ``successor`` is version and canonical form of a published policy that the partition has not wholly taken up; the
    row is under it when it lies beyond the partition's ``position`` and the score of the same offset names it.
    """
    if successor is not None and row is not None and score is not None and row.offset >= position:
        version, canonical = successor
        if score["offset"] == row.offset and score["policy_version"] == version:
            return under_cuts(from_canonical(canonical).to_policy(version), progress.cuts)
    return progress.read_policy()


def described(known: Known, now: int) -> list[str]:
    """The member in brief, as lines of text; ``now`` is epoch milliseconds, dates are those of the policy's zone."""
    score, policy = known.score, known.policy
    assert score is not None, "without a score there is nothing to say in brief"
    zone = policy.zone.name if policy is not None else "UTC"
    window = f"in {policy.window_days} days" if policy is not None else "in the window"
    last = score["last_purchase_ms"]
    bought = "never" if last is None else f"{_date(last, zone)}, {_days(now - last)} ago"
    told = [
        f"member      {score['member_id']}",
        f"tier        {score['tier']} since {_date(score['tier_since_ms'], zone)}",
        f"stage       {score['stage']} since {_date(score['stage_since_ms'], zone)}",
        f"recency     last order {bought}",
        f"frequency   {score['frequency']} order{'' if score['frequency'] == 1 else 's'} {window}",
        f"monetary    {money_text(score['monetary'], score['currency'])} {window}",
        f"next tier   {to_next(score)}",
        f"next        {what_next(known, now, zone)}",
        (
            f"as of       {instant_text(score['as_of_ms'])}, policy version {score['policy_version']}, "
            f"epoch {score['epoch']}, offset {score['offset']}"
        ),
    ]
    if known.outcomes:
        told += ["", f"the last {len(known.outcomes)} of {score['sequence']} outcomes:"]
        told += [
            f"  {body['sequence']:>4}  {body['at'][:16].replace('T', ' ')}  {body['sentence']}"
            for body in known.outcomes
        ]
    return told


def to_next(score: dict[str, Any]) -> str:
    """What is missing to the next tier, in words."""
    missing = score["to_next"]
    if missing is None:
        return "none: this is the highest"
    if "match" in missing:
        needed = more_needed(missing["frequency"], missing["monetary"], missing["match"], score["currency"])
    elif missing["cut"] is None:
        needed = "nobody passes the cut of the day"
    else:
        needed = cut_needed(missing["cut"], missing["value"])
    return f"{missing['tier']}: {needed}"


def what_next(known: Known, now: int, zone: str) -> str:
    """What happens by itself if the member does nothing, and when."""
    score, row = known.score, known.row
    due = None if score is None else score["next_due_ms"]
    if due is None:
        return "nothing until the next event"
    what = ": tier and stage are looked at again"
    if known.policy is not None and row is not None and row.next_due == due and row.merge is None and not row.erased:
        what = ", if they do nothing: " + "; ".join(steps_ahead(row, known.policy, 1)[0].words)
    when = f"in {_days(due - now)}" if due > now else "due, fired by the next tick"
    return f"{_date(due, zone)} ({when}){what}"


def _policy_over(
    settings: Settings, consumer: KafkaConsumer, number: int, row: MemberState | None, score: dict[str, Any] | None
) -> Policy | None:
    standing = standing_of(settings, consumer, number)
    if standing is None or not standing.progress.policy:
        return None
    successor = None
    if row is not None and row.offset >= standing.position:
        in_force = from_canonical(standing.progress.policy).content_hash
        found = policy_control(settings).successors.get(in_force)
        if found is not None:
            successor = found.version, bytes(found.policy)
    return policy_of(standing.progress, standing.position, successor, row, score)


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
