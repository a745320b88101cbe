"""The broker is a real one: it answers, survives kill -9 with its records, and says clearly why it cannot start."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from streams.devstack import Broker, DevStack, DevStackError

ANSWER_LIMIT_S = 20


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "kafka")
    yield broker
    broker.stop()


def make_topic(bootstrap: str, name: str, **config: str) -> None:
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    client.create_topics([NewTopic(name, num_partitions=1, replication_factor=1, topic_configs=config)])
    client.close()


def send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=4_000_000)
    producer.send(topic, value).get(timeout=ANSWER_LIMIT_S)
    producer.close()


def records(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition(topic, 0)])
    values = [record.value for _, record in zip(range(count), consumer, strict=False)]
    consumer.close()
    return values


def cluster_id(bootstrap: str) -> str:
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return str(client.describe_cluster()["cluster_id"])
    finally:
        client.close()


@pytest.mark.kafka
def test_the_sessions_stack_answers(stack: DevStack) -> None:
    make_topic(stack.broker.bootstrap, "devstack-answers")
    send(stack.broker.bootstrap, "devstack-answers", b"hello")
    assert records(stack.broker.bootstrap, "devstack-answers", 1) == [b"hello"]


@pytest.mark.kafka
def test_a_record_of_two_megabytes_goes_where_the_topic_allows_it(stack: DevStack) -> None:
    value = bytes(2_000_000)
    make_topic(stack.broker.bootstrap, "devstack-large", **{"max.message.bytes": "3000000"})
    send(stack.broker.bootstrap, "devstack-large", value)
    assert records(stack.broker.bootstrap, "devstack-large", 1) == [value]


@pytest.mark.kafka
def test_a_broker_killed_and_started_again_keeps_records_address_and_cluster(broker: Broker) -> None:
    broker.start()
    bootstrap, first = broker.bootstrap, psutil.Process(broker.pid)
    cluster = cluster_id(bootstrap)
    make_topic(bootstrap, "orders")
    send(bootstrap, "orders", b"kept")

    os.kill(broker.pid, signal.SIGKILL)
    psutil.wait_procs([first], timeout=ANSWER_LIMIT_S)
    broker.start()

    assert broker.bootstrap == bootstrap
    assert broker.pid != first.pid
    assert cluster_id(bootstrap) == cluster
    assert records(bootstrap, "orders", 1) == [b"kept"]


@pytest.mark.kafka
def test_a_given_home_keeps_records_from_one_run_to_the_next(tmp_path: Path) -> None:
    with DevStack(tmp_path / "home", redis=False) as first:
        cluster = cluster_id(first.broker.bootstrap)
        make_topic(first.broker.bootstrap, "orders")
        send(first.broker.bootstrap, "orders", b"kept")
    with DevStack(tmp_path / "home", redis=False) as second:
        assert cluster_id(second.broker.bootstrap) == cluster
        assert records(second.broker.bootstrap, "orders", 1) == [b"kept"]


@pytest.mark.kafka
def test_stop_ends_java_and_can_be_repeated(broker: Broker) -> None:
    broker.start()
    java = psutil.Process(broker.pid)
    broker.stop()
    broker.stop()
    assert not java.is_running()
    with pytest.raises(DevStackError, match=r"call start\(\) first"):
        _ = broker.pid


@pytest.mark.kafka
def test_java_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka", config={"num.io.threads": "none"})
    with pytest.raises(DevStackError, match=r"(?s)did not start.*status 1.*kafka\.log.*num\.io\.threads"):
        broker.start()


@pytest.mark.kafka
def test_a_heap_that_java_does_not_understand_is_reported_with_what_to_write(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka", heap="lots")
    with pytest.raises(DevStackError, match="`heap` is written as 512m or 2g"):
        broker.start()


def test_a_taken_port_is_named_before_java_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DevStackError, match=rf"Kafka cannot listen on 127\.0\.0\.1:{port}: the port is taken"):
            Broker(tmp_path / "kafka", port=port).start()
    assert not (tmp_path / "kafka").exists()
