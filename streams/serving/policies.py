"""Which policies does the log know? Read from it and followed, so that baskets are judged as the scorer would.

A score names the version of the policy that it was made by; its preview is made by the same. The first policy is the
first record of the log, each later one lies on the control topic before the scorer takes it up, as do the cuts of the
day. So nothing has to be configured, and nobody has to tell.
"""

import asyncio
import logging
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from tenacity import AsyncRetrying, RetryCallState, wait_exponential_jitter

from scoring.events import PolicyPublished
from scoring.policy import Policy
from streams import policy_file
from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.config import Settings
from streams.cuts_document import CutsError, DatedCuts, with_cuts
from streams.file_problems import FileError
from streams.kafka_clients import client_settings
from streams.metrics.serving import ServingMetrics
from streams.outcome_records import OutcomeRecords
from streams.policy_file import PolicyDocument, PolicyFileError, from_canonical
from streams.preview.record import PolicyControl
from streams.score_records import ScoreRecords
from streams.signing import Signatures
from streams.ticker.control import ControlState
from streams.topics import CONTROL, MEMBER_EVENTS, PARTITION_KEY

log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 10.0
_POLL_MS: Final = 500
#: Said again about once every ten minutes while Kafka is away.
_SAY_EVERY: Final = 60


class NoPolicyYetError(Exception):
    """The log has no policy: ``memberpulse topics apply`` was not run."""


class InForce(msgspec.Struct, frozen=True):
    """A policy under the cuts of the day, what writes scores by it, and what each tier gives its members."""

    policy: Policy
    scores: ScoreRecords
    benefits: dict[str, list[str]]


def in_force(document: PolicyDocument, version: int, cuts: DatedCuts | None, epoch: int) -> InForce:
    """A document as the policy of that version."""
    policy = document.to_policy(version)
    if cuts is not None and policy.needs_cuts:
        try:
            policy = with_cuts(policy, cuts.encode())
        except CutsError as error:
            log.warning("The cuts of %s cannot be used here: %s", cuts.date, error)
    benefits = {level.name: list(level.benefits) for level in document.tiers.levels}
    return InForce(policy, OutcomeRecords(policy, epoch).scores, benefits)


class Policies:
    """The policies that the log knows, by version. Empty until Kafka has answered once."""

    def __init__(self, settings: Settings, metrics: ServingMetrics) -> None:
        self._settings = settings
        self._genuine = Signatures(settings.signing).genuine
        self._metrics = metrics
        self._known: dict[int, InForce] = {}
        self._named: Policy | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def newest(self) -> Policy | None:
        """The policy with the highest version in the log; None before Kafka has answered."""
        return self._known[max(self._known)].policy if self._known else None

    @property
    def for_strangers(self) -> Policy | None:
        """What stands in for members of whom nothing is known: the newest policy, else the one of the settings."""
        return self.newest or self._named

    def of_version(self, version: int) -> InForce | None:
        """The policy of that version; None while the log has not told it."""
        return self._known.get(version)

    def start(self) -> None:
        """Read the policy that the settings name, and begin to follow the log."""
        try:
            self._named = policy_file.load(self._settings.score.policy).to_policy()
        except FileError as error:
            log.warning("The policy of the settings cannot be used, and none stands in before Kafka answers: %s", error)
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Follow no longer."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self) -> None:
        wait = wait_exponential_jitter(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)
        async for attempt in AsyncRetrying(wait=wait, before_sleep=_say):
            with attempt:
                await self._follow_once()

    async def _follow_once(self) -> None:
        consumer = AIOKafkaConsumer(
            **client_settings(self._settings), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            opening = await self._opening(consumer)
            control = TopicPartition(self._settings.topic(CONTROL), 0)
            consumer.assign([control])
            await consumer.seek_to_beginning(control)
            policies, cuts = PolicyControl(), ControlState()
            end: int = (await consumer.end_offsets([control]))[control]
            while True:
                moved = False
                for record in filter(self._genuine, await _fetched(consumer, control)):
                    before = (len(policies.successors), cuts.cuts)
                    policies.absorb(record.key, record.value)
                    cuts.absorb(record.key, record.value)
                    moved = moved or before != (len(policies.successors), cuts.cuts)
                caught_up = await consumer.position(control) >= end
                if caught_up and (moved or not self._known):
                    await self._take(opening, policies, cuts.cuts)
        finally:
            await consumer.stop()

    async def _opening(self, consumer: AIOKafkaConsumer) -> PolicyPublished:
        """The policy that opened the log: the first one in partition 0, as in every other.

        Raises:
            NoPolicyYetError: there is none.
        """
        partition = TopicPartition(self._settings.topic(MEMBER_EVENTS), 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end: int = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for record in await _fetched(consumer, partition):
                if record.key != PARTITION_KEY or not self._genuine(record):
                    continue
                try:
                    event = decode(record.key, record.value)
                except BadRecord:
                    continue
                if isinstance(event, PolicyPublished):
                    return event
        raise NoPolicyYetError(f"{partition.topic} has no policy: run 'memberpulse topics apply'")

    async def _take(self, opening: PolicyPublished, control: PolicyControl, cuts: DatedCuts | None) -> None:
        # Reading policies and time zones takes milliseconds, which no request should wait for.
        self._known = await asyncio.to_thread(_chain, opening, control, cuts, self._settings.score.epoch)
        if self._known:
            newest = max(self._known)
            self._metrics.policy_version.set(newest)
            log.info("Policy version %d is the newest of the log", newest)


def _chain(opening: PolicyPublished, control: PolicyControl, cuts: DatedCuts | None, epoch: int) -> dict[int, InForce]:
    """The policies one after the other, by version."""
    found: dict[int, InForce] = {}
    version, content = opening.version, bytes(opening.policy)
    while True:
        try:
            document = from_canonical(content)
        except PolicyFileError as error:
            log.warning("Policy version %d of the log cannot be used here: %s", version, error)
            return found
        found[version] = in_force(document, version, cuts, epoch)
        successor = control.successors.get(document.content_hash)
        if successor is None or successor.version in found:
            return found
        version, content = successor.version, bytes(successor.policy)


async def _fetched(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Any]:
    fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
    records: list[Any] = fetched.get(partition, [])
    return records


def _say(state: RetryCallState) -> None:
    if state.attempt_number % _SAY_EVERY == 1 and state.outcome is not None:
        log.warning("The policy cannot be read, so baskets cannot be previewed: %s", state.outcome.exception())
