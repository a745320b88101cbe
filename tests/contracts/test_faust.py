"""What the engine relies on in Faust, mode and aiokafka, one entry per method it overrides or calls by a private name.

An entry holds the method's signature and the pieces of its source that the engine counts on, in the order it counts on.
A changed
library fails here first, with the reason, instead of losing records later.
"""

import inspect
import re
from dataclasses import dataclass
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher as AIOKafkaFetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.sender import SendProduceReqHandler
from faust.stores.memory import Store as MemoryStore
from faust.tables import Table
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as transport
from faust.transport.drivers import aiokafka as driver
from mode import Service

from streams.engine.app import BatchApp, EngineSettings
from streams.engine.consumer import BatchConsumer, BatchConsumerThread, BatchTransport
from streams.engine.observer import Observer
from streams.engine.recovery import BatchRecovery, BatchTableManager
from streams.engine.table import RowStore, RowTable


@dataclass(frozen=True)
class Reliance:
    """``theirs`` has these ``parameters`` and, in this order, these ``pieces`` of source; ``why`` says what breaks
    otherwise.
    """

    theirs: Any
    parameters: tuple[str, ...]
    pieces: tuple[str, ...]
    why: str


OVERRIDDEN: dict[tuple[type, str], Reliance] = {
    (BatchConsumerThread, "_create_worker_consumer"): Reliance(
        driver.AIOKafkaConsumerThread._create_worker_consumer,
        ("self", "transport"),
        ("enable_auto_commit=False", "fetch_max_wait_ms=1500", "isolation_level"),
        "the fetch wait is hard-coded here, so it is corrected on the object",
    ),
    (BatchConsumerThread, "on_start"): Reliance(
        driver.AIOKafkaConsumerThread.on_start,
        ("self",),
        ("self._consumer = self._create_consumer(", "await self._consumer.start()"),
        "the fetcher exists afterwards, and nothing is assigned to it yet",
    ),
    (BatchConsumerThread, "on_partitions_assigned"): Reliance(
        transport.ConsumerThread.on_partitions_assigned,
        ("self", "assigned", "generation_id"),
        ("self.consumer.threadsafe_partitions_assigned(",),
        "called in the thread, with the assignment in place and before the app hears of it",
    ),
    (BatchConsumer, "_new_consumer_thread"): Reliance(
        driver.Consumer._new_consumer_thread,
        ("self",),
        ("AIOKafkaConsumerThread(self",),
        "the thread class is chosen here",
    ),
    (BatchConsumer, "_drain_messages"): Reliance(
        transport.Consumer._drain_messages,
        ("self", "fetcher"),
        ("consumer_stopped_errors", "should_stop"),
        "the fetcher's whole work is this method",
    ),
    (BatchConsumer, "force_commit"): Reliance(
        transport.Consumer.force_commit,
        ("self", "topics", "start_new_transaction"),
        ("_commit_tps(",),
        "every commit goes through commit() and force_commit()",
    ),
    (BatchConsumer, "_commit_handler"): Reliance(
        transport.Consumer._commit_handler.fun,
        ("self",),
        ("await self.sleep(interval)", "await self.commit()"),
        "the commit loop is this task",
    ),
    (BatchConsumer, "perform_seek"): Reliance(
        transport.Consumer.perform_seek,
        ("self",),
        ("seek_to_committed()", "read_offset.update", "_committed_offset.update"),
        "called when a recovery is over: the only place that decides where reading starts",
    ),
    (BatchConsumer, "seek_wait"): Reliance(
        transport.ThreadDelegateConsumer.seek_wait,
        ("self", "partitions"),
        ("self._thread.seek_wait(partitions)",),
        "recovery seeks through it",
    ),
    (BatchConsumer, "on_partitions_revoked"): Reliance(
        transport.Consumer.on_partitions_revoked,
        ("self", "revoked"),
        ("_acked.pop", "_on_partitions_revoked"),
        "called while the old generation is still valid",
    ),
    (BatchConsumer, "on_partitions_assigned"): Reliance(
        transport.Consumer.on_partitions_assigned,
        ("self", "assigned", "generation_id"),
        ("_set_active_tps(assigned)", "_on_partitions_assigned", "on_rebalance_return()"),
        "partitions are created before Faust's tables and recovery hear of the assignment",
    ),
    (BatchConsumer, "verify_event_path"): Reliance(
        driver.Consumer.verify_event_path,
        ("self", "now", "tp"),
        ("_thread.verify_event_path",),
        "only logs; the progress watch replaces it",
    ),
    (BatchRecovery, "on_rebalance"): Reliance(
        Recovery.on_rebalance,
        ("self", "assigned", "revoked", "newly_assigned", "generation_id"),
        ("self.revoke(tp)", "active_tps.clear()", "add_active(table, tp)", "signal_recovery_start.set()"),
        "offsets of partitions that were kept survive here, others are forgotten before",
    ),
    (BatchRecovery, "_build_highwaters"): Reliance(
        Recovery._build_highwaters,
        ("self", "consumer", "tps", "destination", "title"),
        ("consumer.highwaters(*tps)", "value - 1", "destination.update(highwaters)"),
        "highwater is the offset of the last record, one less than the end",
    ),
    (BatchRecovery, "_seek_offsets"): Reliance(
        Recovery._seek_offsets,
        ("self", "consumer", "tps", "offsets", "title"),
        ("if offset == -1", "consumer.seek_wait(new_offsets)"),
        "seeks once before reading",
    ),
    (BatchRecovery, "_slurp_changelogs"): Reliance(
        Recovery._slurp_changelogs.fun,
        ("self",),
        ("signal_recovery_end.clear()", "changelog_queue.get()"),
        "its loop clears the signal that we set",
    ),
    (BatchRecovery, "_set_recovery_started"): Reliance(
        Recovery._set_recovery_started,
        ("self",),
        ("self.in_recovery = True", "_recovery_started_at = monotonic()"),
        "marks the beginning",
    ),
    (BatchRecovery, "_set_recovery_ended"): Reliance(
        Recovery._set_recovery_ended, ("self",), ("self.in_recovery = False",), "marks the end"
    ),
    (BatchTableManager, "recovery"): Reliance(
        vars(TableManager)["recovery"].fget,
        ("self",),
        ("if self._recovery is None", "Recovery("),
        "the recovery class is chosen here",
    ),
    (RowTable, "_new_store"): Reliance(Table._new_store, ("self",), ("_new_store_by_url",), "the store is chosen here"),
    (RowStore, "on_recovery_completed"): Reliance(
        MemoryStore.on_recovery_completed,
        ("self", "active_tps", "standby_tps"),
        (),
        "awaited after reading the changelog",
    ),
    (RowStore, "on_rebalance"): Reliance(
        MemoryStore.on_rebalance,
        ("self", "assigned", "revoked", "newly_assigned", "generation_id"),
        (),
        "rows live elsewhere",
    ),
    (BatchApp, "_new_transport"): Reliance(
        faust.App._new_transport, ("self",), ("transport.by_url",), "the transport is chosen here"
    ),
    (BatchApp, "_crash"): Reliance(
        Service._crash, ("self", "reason"), ("_crashed.set()",), "every crash of a child reaches the app here"
    ),
    (BatchApp, "on_first_start"): Reliance(
        faust.App.on_first_start, ("self",), ("_create_directories",), "runs before any dependency starts"
    ),
    (BatchApp, "on_stop"): Reliance(
        faust.App.on_stop, ("self",), ("_stop_consumer()",), "runs before the consumer and its thread are stopped"
    ),
}

CALLED: dict[str, Reliance] = {
    "nobody looks how restoring ended": Reliance(
        Recovery.on_recovery_completed,
        ("self", "generation_id"),
        ("asyncio.wait(callback_coros)", "assignment = consumer.assignment()"),
        "RowStore.on_recovery_completed has to end the process itself",
    ),
    "idle workers leave the group": Reliance(
        GroupCoordinator._heartbeat_routine,
        ("self",),
        ("self._subscription.fetcher_idle_time", "self._max_poll_interval", "_maybe_leave_group()"),
        "a worker without partitions is idle for ever, so the limit must be out of reach",
    ),
    "the fetcher drains": Reliance(
        transport.Fetcher._fetcher.fun,
        ("self",),
        ("consumer._drain_messages(self)",),
        "our drain is never called otherwise",
    ),
    "one commit at a time": Reliance(
        transport.Consumer.commit,
        ("self", "topics", "start_new_transaction"),
        ("maybe_wait_for_commit_to_finish", "self.force_commit("),
        "cuts would overlap",
    ),
    "waiting for records": Reliance(
        transport.Consumer._wait_next_records,
        ("self", "timeout"),
        ("if not self.flow_active", "_get_active_partitions()", "self._getmany("),
        "returns the chunks and the active partitions",
    ),
    "fetched chunks": Reliance(
        AIOKafkaFetcher._proc_fetch_request,
        ("self", "assignment", "node_id", "request"),
        ("PartitionRecords(", "self._records[tp] = FetchResult("),
        "what was fetched lies in _records when this returns",
    ),
    "the fetcher asks itself for the response": Reliance(
        AIOKafkaFetcher._fetch_requests_routine,
        ("self",),
        ("self._proc_fetch_request(assignment, node_id, request)",),
        "an attribute of the object takes its place",
    ),
    "records as parsed": Reliance(
        PartitionRecords._unpack_records,
        ("self",),
        ("record.offset < self.next_fetch_offset", "self._consumer_record(tp, record)", "yield consumer_record"),
        "nothing but the wrapping goes through the method that we replace",
    ),
    "recovery order": Reliance(
        Recovery.on_recovery_completed,
        ("self", "generation_id"),
        (
            "table.on_recovery_completed(",
            "consumer_generation_id != generation_id",
            "resume_partitions",
            "perform_seek()",
            "flow_control.resume()",
            "resume_flow()",
            "on_actives_ready()",
        ),
        "rows are restored, then positions decided, then records delivered",
    ),
    "no table, same end": Reliance(
        Recovery._resume_streams,
        ("self", "generation_id"),
        ("perform_seek()", "resume_flow()", "on_actives_ready()"),
        "ingest starts the same way",
    ),
    "what is still to restore": Reliance(
        Recovery.active_remaining, ("self",), ("highwater - offsets[tp]",), "our chunks end the recovery by it"
    ),
    "first offset to restore": Reliance(
        Recovery._build_offsets,
        ("self", "consumer", "tps", "destination", "title"),
        ("earliest_offsets(*tps)", "offset - 1", "destination[tp] = new_value"),
        "one before the earliest: nothing read yet",
    ),
    "a paused partition is not fetched": Reliance(
        AIOKafkaFetcher._get_actions_per_node,
        ("self", "assignment"),
        ("elif tp_state.paused:", "resume_futures.append(", "else:", "fetchable[node_id].append("),
        "our reader alone fetches the sources",
    ),
    "a partition is assigned before anybody hears of it": Reliance(
        GroupCoordinator._on_join_complete,
        ("self", "generation", "member_id", "protocol", "member_assignment_bytes"),
        ("self._subscription.assign_from_subscribed(", ".on_partitions_assigned("),
        "the thread can pause it then",
    ),
    "revocation comes first": Reliance(
        driver.ConsumerRebalanceListener.on_partitions_assigned,
        ("self", "assigned"),
        ("consumer_generation_id = generation", "on_partitions_assigned("),
        "the generation is known before the assignment is handled",
    ),
    "commits raise": Reliance(
        GroupCoordinator.commit_offsets,
        ("self", "assignment", "offsets"),
        ("IllegalGenerationError", "CommitFailedError"),
        "a refused commit is how we learn that we are no longer the owner",
    ),
    "a stale fetch is dropped": Reliance(
        AIOKafkaFetcher.seek_to,
        ("self", "tp", "offset"),
        ("self._subscriptions.seek(tp, offset)", "del self._records[tp]"),
        "after a seek nothing older is handed out",
    ),
    "a connection by node": Reliance(
        AIOKafkaClient._get_conn,
        ("self", "node_id", "group", "no_hint"),
        ("if not conn.connected():", "return conn", "create_conn(", "return None", "return self._conns[conn_id]"),
        "our requests take the connection from here, made anew after a break; None where there is none",
    ),
    "a request over a connection": Reliance(
        AIOKafkaConnection.send,
        ("self", "request", "expect_response"),
        (
            "if self._writer is None",
            "correlation_id = self._next_correlation_id()",
            "client_id=self._client_id",
            "self._writer.write(size + message)",
            "except OSError as err: self.close(reason=CloseReason.CONNECTION_BROKEN)",
            "self._requests.append( (correlation_id, request_struct, fut), )",
        ),
        "we do the same with requests that are bytes",
    ),
    "an answer over a connection": Reliance(
        AIOKafkaConnection._handle_frame,
        ("self", "resp"),
        (
            "correlation_id, request, fut = self._requests[0]",
            "resp = io.BytesIO(resp)",
            "response_header = request.parse_response_header(resp)",
            "resp_type = request.RESPONSE_TYPE",
            "response_header.correlation_id != correlation_id",
            "if not fut.done()",
            "response = resp_type.decode(resp)",
            "fut.set_result(response)",
            "self._requests.popleft()",
        ),
        "this is all it asks of what waits for an answer",
    ),
    "a connection that closes": Reliance(
        AIOKafkaConnection.close,
        ("self", "reason", "exc"),
        ("for _, _, fut in self._requests", "KafkaConnectionError", "fut.set_exception(error)", "_on_close_cb"),
        "who waits for an answer learns that none will come",
    ),
    "versions by request": Reliance(
        AIOKafkaConnection._do_version_lookup,
        ("self",),
        ("versions[api_key] = (min_version, max_version)", "self._versions = versions"),
        "we refuse brokers that do not know our version",
    ),
    "the client's own way to ask": Reliance(
        AIOKafkaClient.send,
        ("self", "node_id", "request", "group"),
        ("NodeNotReadyError", "close(reason=CloseReason.CONNECTION_TIMEOUT)", "raise RequestTimedOutError()"),
        "we fail in the same ways",
    ),
    "who leads": Reliance(
        ClusterMetadata.leader_for_partition, ("self", "partition"), ("return None",), "None or -1 where nobody does"
    ),
    "a new topic": Reliance(
        AIOKafkaClient._wait_on_metadata,
        ("self", "topic"),
        (
            "return partitions",
            "self.add_topic(topic)",
            "force_metadata_update()",
            "raise UnknownTopicOrPartitionError()",
        ),
        "a topic's leaders are known before its first batch leaves",
    ),
    "what aiokafka does with a refused batch": Reliance(
        SendProduceReqHandler._can_retry,
        ("self", "error", "batch"),
        ("batch.expired()", "return error.retriable"),
        "we repeat what it would",
    ),
}


def source_of(theirs: Any) -> str:
    return re.sub(r"\s+", " ", inspect.getsource(theirs))


def check(reliance: Reliance) -> None:
    assert tuple(inspect.signature(reliance.theirs).parameters) == reliance.parameters, reliance.why
    source, place = source_of(reliance.theirs), 0
    for piece in reliance.pieces:
        found = source.find(re.sub(r"\s+", " ", piece), place)
        assert found >= 0, f"{piece!r} is gone or elsewhere in {reliance.theirs.__qualname__}: {reliance.why}"
        place = found


@pytest.mark.parametrize(("ours", "name"), OVERRIDDEN, ids=lambda part: getattr(part, "__name__", part))
def test_overridden_method_is_what_the_engine_was_written_against(ours: type, name: str) -> None:
    assert name in vars(ours), f"{ours.__name__} no longer overrides {name}: delete its entry"
    check(OVERRIDDEN[ours, name])


@pytest.mark.parametrize("called", CALLED)
def test_code_around_the_overrides_still_calls_them_as_the_engine_expects(called: str) -> None:
    check(CALLED[called])


OURS = (
    BatchConsumerThread,
    BatchConsumer,
    BatchTransport,
    BatchRecovery,
    BatchTableManager,
    RowTable,
    RowStore,
    BatchApp,
)


def overrides(ours: type) -> set[str]:
    bases = ours.__mro__[1:]
    own = {
        name
        for name, member in vars(ours).items()
        if callable(member) or isinstance(member, property) or hasattr(member, "fun")
    }
    return {
        name
        for name in own
        if not name.startswith("__") and any(name in vars(base) for base in bases if base is not object)
    }


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.__name__)
def test_every_override_has_its_entry(ours: type) -> None:
    listed = {name for kind, name in OVERRIDDEN if kind is ours}
    assert overrides(ours) - {"Consumer"} == listed


def test_transport_takes_its_consumer_class_from_an_attribute() -> None:
    assert driver.Transport.Consumer is driver.Consumer
    assert BatchTransport.Consumer is BatchConsumer
    assert "self.Consumer(" in source_of(driver.Transport.create_consumer)


def test_fetch_wait_is_read_from_the_attribute_that_the_thread_sets() -> None:
    assert "self._fetch_max_wait_ms" in source_of(AIOKafkaConsumer.start)


def test_libraries_are_the_pinned_ones() -> None:
    assert faust.__version__.startswith("0.15.")
    assert aiokafka.__version__.startswith("0.14.")


async def test_standby_worker_is_never_idle_enough_to_leave_the_group() -> None:
    settings = EngineSettings(app_id="shop", bootstrap="127.0.0.1:1", session_timeout=10, commit_interval=1)
    app = BatchApp(settings, lambda tp, outbox: NotImplemented, Observer())
    thirty_years = 30 * 365 * 86_400
    assert app.conf.broker_max_poll_interval is not None
    assert app.conf.broker_max_poll_interval > thirty_years
