"""What a person at the terminal is told of the libraries: what is wrong, and not how they live."""

import logging
from collections.abc import Iterator

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError
from aiokafka.errors import KafkaConnectionError as ClientConnectionError
from kafka.errors import KafkaConnectionError

from streams.commands.quiet import _OF_BROKERS, BrokersAway, GroupsBeingMade, quiet


@pytest.fixture
def coordinator() -> Iterator[logging.Logger]:
    logger = logging.getLogger("aiokafka.consumer.group_coordinator")
    levels = {name: logging.getLogger(name).level for name in ("kafka", "aiokafka", "faust", "mode", "streams.engine")}
    yield logger
    for name in (logger.name, *_OF_BROKERS):
        logging.getLogger(name).filters.clear()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_fresh_broker_that_still_makes_its_groups_is_no_error(
    coordinator: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    quiet("kafka:9092")
    coordinator.error("Group Coordinator Request failed: %s", GroupCoordinatorNotAvailableError())
    assert caplog.messages == []
    coordinator.error("Group Coordinator Request failed: %s", GroupAuthorizationFailedError("score"))
    assert "GroupAuthorizationFailed" in caplog.text


def test_a_broker_that_never_gets_to_it_is_one() -> None:
    quiet_at_first = GroupsBeingMade()

    def is_shown(at: float) -> bool:
        record = logging.LogRecord("", logging.ERROR, "", 0, "%s", (GroupCoordinatorNotAvailableError(),), None)
        record.created = at
        return quiet_at_first.filter(record)

    assert [is_shown(at) for at in range(1_000, 1_050, 10)] == [False, False, False, False, True]
    # Another broker was started, much later.
    assert not is_shown(5_000)


def test_the_services_of_faust_live_unseen_and_their_warnings_come(
    coordinator: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    quiet("kafka:9092")
    service = logging.getLogger("streams.engine.recovery")
    service.info("[^--BatchRecovery]: Highwater for active changelog partitions:")
    service.warning("[^--BatchRecovery]: Recovery rebalancing again")
    assert caplog.messages == ["[^--BatchRecovery]: Recovery rebalancing again"]


def test_a_broker_that_is_away_is_told_of_once_by_both_libraries_and_again_when_it_lasts() -> None:
    away = BrokersAway("kafka:9092")

    def line(at: float, words: str, *arguments: object) -> str | None:
        record = logging.LogRecord("", logging.ERROR, "", 0, words, arguments, None)
        record.created = at
        return record.getMessage() if away.filter(record) else None

    first = line(1_000, "Connection failed: %s", KafkaConnectionError("111 ECONNREFUSED"))
    assert first == (
        "Kafka does not answer (Connection failed: KafkaConnectionError: 111 ECONNREFUSED). "
        "Start the broker, or correct kafka.bootstrap, which is kafka:9092"
    )
    assert line(1_001, "Bootstrap %s not ready; waiting %.2f secs", "bootstrap-0", 0.1) is None
    assert line(1_002, 'Unable connect to "%s:%s": %s', "kafka", 9092, ConnectionRefusedError(111, "refused")) is None
    assert line(1_003, "Failed fetch messages from %s: %s", 1, ClientConnectionError()) is None
    # Another matter has nothing to do with it.
    assert line(1_004, "Not authorized to read from topic %s.", "orders") == "Not authorized to read from topic orders."
    assert line(1_070, "Unable to update metadata from %s", [1])


def test_every_logger_that_tells_of_connections_is_heard(
    coordinator: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    quiet("kafka:9092")
    for name in ("aiokafka", "aiokafka.conn", "kafka.net.manager", "kafka.net.connection", coordinator.name):
        logging.getLogger(name).error("Heartbeat send request failed: %s", ConnectionResetError("reset"))
    assert len(caplog.messages) == 1
