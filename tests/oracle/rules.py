"""The independent oracle: what the scorer has to know and to say after a whole log, by docs/rules.md."""

from collections.abc import Collection, Iterable

from tests.oracle.answer import Expected, ExpectedForward, ExpectedFurther, ExpectedMember, ExpectedOutcome
from tests.oracle.log import LogRecord, PartitionLog, read_log
from tests.oracle.merges import Carried, Key, MergingStory, StillToComeError
from tests.oracle.story import NAMESPACE

__all__ = [
    "NAMESPACE",
    "Expected",
    "ExpectedForward",
    "ExpectedFurther",
    "ExpectedMember",
    "ExpectedOutcome",
    "LogRecord",
    "expected",
]


def expected(log: Iterable[LogRecord], *, epoch: int, poison: Collection[tuple[int, int]] = frozenset()) -> Expected:
    """Replay a log member by member. ``poison`` holds the (partition, offset) of records that cannot be decoded.

    What one member writes for another has to be in the log already, behind what it follows from. All is told again and
    again until nobody waits for what another has written.

    Raises ValueError for an event before the first policy, when two outcomes get the same id, and for a
    ``member.absorbed`` that nobody wrote.
    """
    partitions = read_log(log, poison)
    carried: dict[Key, Carried] = {}
    while True:
        result, written, waiting = _told(partitions, epoch, carried)
        if not waiting:
            return result
        if written.keys() <= carried.keys():
            raise ValueError("; ".join(str(missing) for missing in waiting))
        carried = written


def _told(
    partitions: dict[int, PartitionLog], epoch: int, carried: dict[Key, Carried]
) -> tuple[Expected, dict[Key, Carried], list[StillToComeError]]:
    """All stories, each as far as it can be told, and what they write."""
    result = Expected()
    written: dict[Key, Carried] = {}
    waiting: list[StillToComeError] = []
    for partition, content in partitions.items():
        result.dead_letters.update({(partition, offset): reason for offset, reason in content.dead_letters.items()})
        for member_id, facts in content.facts.items():
            story = MergingStory(member_id, content, epoch, result, carried)
            try:
                story.tell(facts)
            except StillToComeError as missing:
                waiting.append(missing)
            written |= story.written
            result.dead_letters.update({(partition, offset): reason for offset, reason in story.refused.items()})
            if story.offset is not None:
                result.members[member_id] = story.ending(story.offset)
                result.further[member_id] = story.further()
                if story.merged is not None or story.is_erased:
                    result.gone[member_id] = "" if story.merged is None else story.merged.into
    result.forwards = {key: told.forward for key, told in written.items()}
    return result, written, waiting
