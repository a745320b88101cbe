"""What the engine calls in aiokafka by private names, and what it counts on around its own fetches and requests."""

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher as AIOKafkaFetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.sender import SendProduceReqHandler

from tests.contracts.reliance import Reliance, check, source_of

CALLED: dict[str, Reliance] = {
    "idle workers leave the group": Reliance(
        GroupCoordinator._heartbeat_routine,
        ("self",),
        ("self._subscription.fetcher_idle_time", "self._max_poll_interval", "_maybe_leave_group()"),
        "a worker without partitions is idle for ever, so the limit must be out of reach",
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


@pytest.mark.parametrize("called", CALLED)
def test_the_client_still_does_what_the_engine_counts_on(called: str) -> None:
    check(CALLED[called])


def test_fetch_wait_is_read_from_the_attribute_that_the_thread_sets() -> None:
    assert "self._fetch_max_wait_ms" in source_of(AIOKafkaConsumer.start)


def test_aiokafka_is_the_pinned_one() -> None:
    assert aiokafka.__version__.startswith("0.14.")
