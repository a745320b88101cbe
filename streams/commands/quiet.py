"""Lines of the libraries that nobody needs: what they log as an error though it passes, and their own life."""

import logging
from typing import Final

from aiokafka.errors import GroupCoordinatorNotAvailableError

#: A broker that has just started makes its topic of groups within seconds; after so many it is no start any more.
_BIRTH_SECONDS: Final = 30.0
#: Without a repetition for so long, the next one is another occasion. aiokafka asks again ten times a second.
_OCCASION_SECONDS: Final = 60.0


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


def quiet() -> None:
    """Leave out of the log what is for the libraries' own makers."""
    # They tell every connection and every service at this level. Faust's services log under the modules of those
    # classes of ours that extend them: starts, stops, and tables of offsets; streams.watching says what matters of it.
    for chatty in ("kafka", "aiokafka", "faust", "mode", "streams.engine"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(GroupsBeingMade())
