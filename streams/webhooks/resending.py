"""Outcomes that were set aside, by an operator's word: sent again, or dismissed. Either way they wait no more."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.config import Settings
from streams.log_writing import NewRecord, write
from streams.topics import UNDELIVERED
from streams.webhooks.attempt import AttemptFailed, EndpointClient
from streams.webhooks.ceilings import Ceilings
from streams.webhooks.clock import Clock
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.outcome import CONTENT_TYPE, member_of
from streams.webhooks.signing_secrets import Signer
from streams.webhooks.undelivered import Undelivered, undelivered_key


class Resent(NamedTuple):
    """What became of outcomes: accepted, refused once more and why, and those that wait behind one of these."""

    accepted: list[Undelivered]
    refused: list[tuple[Undelivered, str]]
    behind: list[Undelivered]


async def resend(name: str, endpoint: Endpoint, waiting: Sequence[Undelivered], clock: Clock) -> Resent:
    """Send each of them once, in their order and within the endpoint's ceilings.

    Behind one that is refused again none of the same member is sent.

    Raises:
        UnusableSecretError: a secret is unusable.
    """
    signer, done = Signer(name, endpoint.secrets), Resent([], [], [])
    ceilings, refused = Ceilings(endpoint.per_second, endpoint.per_hour, clock), set()
    async with EndpointClient(endpoint) as client:
        for each in waiting:
            member = member_of(each.body)
            if member in refused:
                done.behind.append(each)
                continue
            await ceilings.turn()
            now = clock.now()
            headers = signer.headers(each.id, now, each.body.decode())
            try:
                await client.post(each.body, {**headers, "content-type": CONTENT_TYPE}, now)
            except AttemptFailed as failure:
                refused.add(member)
                done.refused.append((each, str(failure)))
            else:
                done.accepted.append(each)
    return done


def dismiss(settings: Settings, outcomes: Iterable[Undelivered], *, actor: str, reason: str) -> None:
    """Let them wait no more. Blocking.

    Raises:
        kafka.errors.KafkaError: not all of it could be written.
    """
    told = (("actor", actor.encode()), ("reason", reason.encode()))
    records = [NewRecord(0, undelivered_key(each.endpoint, each.id), None, told) for each in outcomes]
    write(settings, settings.topic(UNDELIVERED), records)
