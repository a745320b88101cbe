"""Lines of the libraries that nobody needs: what they log as an error though it passes, and their own life."""

import logging
from typing import Final

from aiokafka.errors import GroupCoordinatorNotAvailableError

#: A broker that has just started makes its topic of groups within seconds; after so many it is no start any more.
_BIRTH_SECONDS: Final = 30.0
#: Without a repetition for so long, the next one is another occasion. aiokafka asks again ten times a second.
_OCCASION_SECONDS: Final = 60.0
#: Who tells of connections and of requests that failed. A filter does not reach the loggers below its own.
_OF_BROKERS: Final = (
    "kafka.cluster",
    "kafka.net.connection",
    "kafka.net.manager",
    "kafka.net.transport",
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
    "streams.engine.reading",
    "streams.engine.sending",
)
#: Both libraries' errors of a broker that is not there, by their names: few processes import both libraries.
_AWAY: Final = frozenset(
    {"KafkaConnectionError", "KafkaTimeoutError", "NodeNotReadyError", "RequestTimedOutError", "StaleMetadata"}
)
#: Lines of the same that carry no error.
_WAITING: Final = (
    "Bootstrap %s not ready",
    "Bootstrap attempt to ",
    "No node available for metadata refresh",
    "Unable to update metadata from",
)


class GroupsBeingMade(logging.Filter):
    """Leaves out that a broker does not know yet who coordinates a group: a fresh one answers so at first, to all.

    aiokafka logs each such answer as an error and asks again. Lasting longer than a broker takes to start, they are
    one, and pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._first = self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is shown."""
        if not (
            isinstance(record.args, tuple)
            and any(isinstance(each, GroupCoordinatorNotAvailableError) for each in record.args)
        ):
            return True
        if record.created - self._last > _OCCASION_SECONDS:
            self._first = record.created
        self._last = record.created
        return record.created - self._first > _BIRTH_SECONDS


class BrokersAway(logging.Filter):
    """Says in one line, at most once a minute, that no broker answers, of all that the libraries say at each attempt.

    kafka-python says four lines for one, aiokafka up to three for each of its clients.
    """

    def __init__(self, bootstrap: str) -> None:
        super().__init__()
        self._bootstrap = bootstrap
        self._said = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is shown, in words of ours then."""
        if not _is_of_a_broker_away(record):
            return True
        if record.created - self._said < _OCCASION_SECONDS:
            return False
        self._said = record.created
        first = record.getMessage()
        record.msg = "Kafka does not answer (%s). Start the broker, or correct kafka.bootstrap, which is %s"
        record.args = (first, self._bootstrap)
        return True


def _is_of_a_broker_away(record: logging.LogRecord) -> bool:
    arguments = record.args if isinstance(record.args, tuple) else ()
    return str(record.msg).startswith(_WAITING) or any(
        isinstance(each, OSError) or type(each).__name__ in _AWAY for each in arguments
    )


def quiet(bootstrap: str) -> None:
    """Leave out of the log what is for the libraries' own makers."""
    # They tell every connection and every service at this level. Faust's services log under the modules of those
    # classes of ours that extend them: starts, stops, and tables of offsets; streams.watching says what matters of it.
    for chatty in ("kafka", "aiokafka", "faust", "mode", "streams.engine"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(GroupsBeingMade())
    # One for all of them: it is one occasion.
    away = BrokersAway(bootstrap)
    for name in _OF_BROKERS:
        logging.getLogger(name).addFilter(away)
