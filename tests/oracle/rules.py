"""The independent oracle: what the scorer has to know and to say after a whole log, by docs/rules.md."""

from collections.abc import Collection, Iterable

from tests.oracle.answer import Expected, ExpectedForward, ExpectedFurther, ExpectedMember, ExpectedOutcome
from tests.oracle.log import Fact, LogRecord, PartitionLog, read_log
from tests.oracle.merges import Carried, Key, MergingStory, StillToComeError
from tests.oracle.story import ABSORBED, NAMESPACE

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

#: A member's events with the log of their partition.
Facts = tuple[int, PartitionLog, str, list[Fact]]


def expected(log: Iterable[LogRecord], *, epoch: int, poison: Collection[tuple[int, int]] = frozenset()) -> Expected:
    """Replay a log member by member. ``poison`` holds the (partition, offset) of records that cannot be decoded.

    What one member writes for another has to be in the log already, behind what it follows from. All is told again and
    again until nobody waits for what another has written.

    Raises ValueError for an event before the first policy, when two outcomes get the same id, and for a
    ``member.absorbed`` that nobody wrote.
    """
    partitions = read_log(log, poison)
    told = Expected()
    alone: list[Facts] = []
    hearers: list[Facts] = []
    for partition, content in partitions.items():
        told.dead_letters.update({(partition, offset): reason for offset, reason in content.dead_letters.items()})
        for member_id, facts in content.facts.items():
            hears = any(fact.type == ABSORBED for fact in facts)
            (hearers if hears else alone).append((partition, content, member_id, facts))
    # Nobody who hears of no other member has to be told twice.
    of_their_own, _ = _tell(alone, epoch, {}, told)
    carried = of_their_own
    while True:
        heard = Expected()
        written, waiting = _tell(hearers, epoch, carried, heard)
        written |= of_their_own
        if not waiting:
            return _together(told, heard, {key: each.forward for key, each in written.items()})
        if written.keys() <= carried.keys():
            raise ValueError("; ".join(str(missing) for missing in waiting))
        carried = written


def _tell(
    stories: list[Facts], epoch: int, carried: dict[Key, Carried], into: Expected
) -> tuple[dict[Key, Carried], list[StillToComeError]]:
    """These stories, each as far as it can be told: what they write, and who waits for what."""
    written: dict[Key, Carried] = {}
    waiting: list[StillToComeError] = []
    for partition, content, member_id, facts in stories:
        story = MergingStory(member_id, content, epoch, into, carried)
        try:
            story.tell(facts)
        except StillToComeError as missing:
            waiting.append(missing)
        written |= story.written
        into.dead_letters.update({(partition, offset): reason for offset, reason in story.refused.items()})
        if story.offset is not None:
            into.members[member_id] = story.ending(story.offset)
            into.further[member_id] = story.further()
            if story.merged is not None or story.is_erased:
                into.gone[member_id] = "" if story.merged is None else story.merged.into
    return written, waiting


def _together(told: Expected, heard: Expected, forwards: dict[Key, ExpectedForward]) -> Expected:
    if both := told.outcomes.keys() & heard.outcomes.keys():
        raise ValueError(f"the same id for two outcomes: {sorted(both)}")
    return Expected(
        told.members | heard.members,
        told.further | heard.further,
        told.outcomes | heard.outcomes,
        told.dead_letters | heard.dead_letters,
        forwards,
        told.gone | heard.gone,
        told.ways + heard.ways,
    )
