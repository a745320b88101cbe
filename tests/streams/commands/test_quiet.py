"""What a person at the terminal is told of the libraries: what is wrong, and not how they live."""

import logging
from collections.abc import Iterator

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError

from streams.commands.quiet import GroupsBeingMade, quiet


@pytest.fixture
def coordinator() -> Iterator[logging.Logger]:
    logger = logging.getLogger("aiokafka.consumer.group_coordinator")
    levels = {name: logging.getLogger(name).level for name in ("kafka", "aiokafka", "faust", "mode", "streams.engine")}
    yield logger
    logger.filters.clear()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_fresh_broker_that_still_makes_its_groups_is_no_error(
    coordinator: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    quiet()
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
    quiet()
    service = logging.getLogger("streams.engine.recovery")
    service.info("[^--BatchRecovery]: Highwater for active changelog partitions:")
    service.warning("[^--BatchRecovery]: Recovery rebalancing again")
    assert caplog.messages == ["[^--BatchRecovery]: Recovery rebalancing again"]
