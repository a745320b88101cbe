"""The consumer group of one endpoint, in this process: reads its partitions and lets the courier bring what they hold.

The committed offset is the only memory of what was delivered. While the courier is patient the group is kept content:
partitions that hold enough are paused, and polling goes on.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.kafka_clients import client_settings
from streams.metrics.webhooks import EndpointMetrics
from streams.webhooks.courier import Courier
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.lane import Lane
from streams.webhooks.lane_work import LaneWork
from streams.webhooks.placing import ForgottenOffsetsError, placed
from streams.webhooks.standing import HALTED, Standing
from streams.webhooks.surroundings import Surroundings

log = logging.getLogger(__name__)

_FETCH_WAIT_MS: Final = 250
_RECORDS_PER_FETCH: Final = 500
#: A partition that holds this many is paused until half of them are handled: about a megabyte.
_MOST_WAITING: Final = 500
#: How often offsets are committed and metrics set, in seconds: after a crash, so much is delivered again.
_ROUND_S: Final = 1.0


def group_role(endpoint: str) -> str:
    """The role of an endpoint's consumer group, for ``Settings.group``."""
    return f"deliver-{endpoint}"


class EndpointGroup(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is published without types
    """One process's share of one endpoint."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        courier: Courier,
        *,
        around: Surroundings,
        metrics: EndpointMetrics,
    ) -> None:
        settings = around.settings
        self._name = name
        self._endpoint = endpoint
        self._courier = courier
        self._around = around
        self._standings = around.standings
        self._clock = around.clock
        self._metrics = metrics
        self._group = settings.group(group_role(name))
        self._topics = [settings.topic(topic) for topic in endpoint.topics]
        session_ms = int(settings.kafka.session_timeout_seconds * 1000)
        self._consumer = AIOKafkaConsumer(
            **client_settings(settings),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # The same partition of every topic in the same process: members keep their order.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 3,
            # A loop that stands still loses its partitions as a process that has died does.
            max_poll_interval_ms=session_ms,
        )
        #: Assigned, but not known yet where to go on.
        self._unplaced: frozenset[TopicPartition] = frozenset()
        self._lanes: dict[int, Lane] = {}
        self._work = LaneWork(name, endpoint.filter(), courier, around=around, metrics=metrics)
        #: Offset and seconds of refusals.
        self._committed: dict[TopicPartition, tuple[int, float]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``.

        Raises:
            aiokafka.errors.KafkaError: Kafka cannot be reached at the start, or refuses this client.
        """
        next_round = 0.0
        loop = asyncio.get_running_loop()
        try:
            await self._consumer.start()
            self._consumer.subscribe(self._topics, listener=self)
            while not stop.is_set():
                await self._place()
                await self._read()
                if self._is_halted():
                    self._work.halt(self._lanes.values())
                else:
                    self._work.go_on(self._lanes.values())
                if loop.time() >= next_round:
                    next_round = loop.time() + _ROUND_S
                    await self._commit(self._lanes.values())
                    self._measure()
        finally:
            await self._work.end()
            await self._commit(self._lanes.values())
            await self._consumer.stop()
            self._metrics.partitions.set(0)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Stop in the middle of whatever is under way, and say how far it came."""
        self._metrics.partitions.set(0)
        # First of all: nobody may give these lanes new work while the old one ends.
        lanes, self._lanes, self._unplaced = self._lanes, {}, frozenset()
        await self._work.end()
        if revoked:
            await self._commit(lanes.values())
        self._committed.clear()

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take the partitions, but nothing from them before it is known where to go on."""
        self._unplaced = frozenset(assigned)
        if assigned:
            self._consumer.pause(*assigned)
        log.info("Webhook endpoint %s: %d partitions are this process's", self._name, len(assigned))

    async def _place(self) -> None:
        wanted, known = self._unplaced, self._standings.of(self._name)
        if not wanted or (known is not None and known.state == "lost"):
            return
        try:
            found = await placed(
                self._around.admin, self._consumer, self._group, wanted, began_before=known is not None
            )
            if found.fresh and wanted is self._unplaced:
                await self._consumer.commit(found.fresh)
        except ForgottenOffsetsError:
            await self._lose()
            return
        except KafkaError as error:
            log.warning("Webhook endpoint %s: where to go on is not known yet: %s", self._name, error)
            return
        if wanted is not self._unplaced:
            return
        self._unplaced = frozenset()
        self._lanes = {lane.number: lane for lane in found.lanes}
        for lane in found.lanes:
            for topic, at in lane.done.items():
                self._consumer.seek(TopicPartition(topic, lane.number), at)
        self._consumer.resume(*wanted)
        now = self._clock.now()
        self._courier.ceilings.share = len(found.lanes) / self._around.partitions
        self._courier.ceilings.remember(at for lane in found.lanes for at in lane.memory.sent.instants(now))
        if known is None:
            log.info("Webhook endpoint %s is new and begins with the outcomes of now", self._name)
            await self._standings.tell(self._name, Standing("delivering", int(now * 1000)))
        self._metrics.partitions.set(len(wanted))

    async def _lose(self) -> None:
        reason = (
            f"Kafka has forgotten how far group {self._group} was, because nobody read for a long time "
            "(offsets.retention.minutes of the brokers)"
        )
        log.error(
            "Webhook endpoint %s: %s. Say where to begin: memberpulse deliver replay %s --from TIME",
            self._name,
            reason,
            self._name,
        )
        await self._standings.tell(self._name, Standing("lost", int(self._clock.now() * 1000), reason))

    async def _read(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_FETCH_WAIT_MS, max_records=_RECORDS_PER_FETCH)
        # Before anything is awaited: what was fetched between an assignment and its placing begins anywhere.
        for partition, records in fetched.items():
            lane = self._lanes.get(partition.partition)
            if lane is not None:
                lane.put(partition.topic, records)
        paused = self._consumer.paused() if self._lanes else set()
        for lane in self._lanes.values():
            lane.news.set()
            for topic in lane.done:
                self._pause_or_resume(TopicPartition(topic, lane.number), lane.waiting(topic), paused)

    def _pause_or_resume(self, partition: TopicPartition, waiting: int, paused: set[TopicPartition]) -> None:
        if partition in paused:
            if waiting <= _MOST_WAITING // 2:
                self._consumer.resume(partition)
        elif waiting >= _MOST_WAITING:
            self._consumer.pause(partition)

    def _is_halted(self) -> bool:
        known = self._standings.of(self._name)
        return self._endpoint.paused or (known is not None and known.state in HALTED)

    async def _commit(self, lanes: Iterable[Lane]) -> None:
        """Remember what was delivered; when that fails, it is delivered again."""
        now = self._clock.now()
        offsets: dict[TopicPartition, Any] = {}
        reached: dict[TopicPartition, tuple[int, float]] = {}
        for lane in lanes:
            refused = lane.memory.refused_seconds
            at = {TopicPartition(topic, lane.number): (offset, refused) for topic, offset in lane.done.items()}
            if any(self._committed.get(each) != state for each, state in at.items()):
                text = lane.memory.text(now)
                offsets |= {each: (offset, text) for each, (offset, _) in at.items()}
                reached |= at
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            log.info("Webhook endpoint %s: its partitions have gone to another process", self._name)
        except KafkaError as error:
            log.warning("Webhook endpoint %s: what was delivered could not be committed: %s", self._name, error)
        else:
            self._committed.update(reached)

    def _measure(self) -> None:
        behind = 0
        for lane in self._lanes.values():
            for topic, done in lane.done.items():
                behind += max(0, (self._consumer.highwater(TopicPartition(topic, lane.number)) or done) - done)
        oldest = min((at for lane in self._lanes.values() if (at := lane.oldest()) is not None), default=0)
        self._metrics.lag.set(behind)
        self._metrics.oldest.set(oldest / 1000)
        known = self._standings.of(self._name)
        state: str = "delivering" if known is None else known.state
        if self._endpoint.paused:
            state = "paused"
        elif state == "delivering" and self._courier.is_failing:
            state = "failing"
        self._metrics.is_in(state)
