"""Which policy does a starting scorer obey? The one of the log, whatever its settings name."""

import logging

from streams import policy_file
from streams.changelog import standing_of
from streams.config import Settings
from streams.file_problems import FileError
from streams.log_reading import log_consumer, spans
from streams.policy_file import PolicyDocument, from_canonical
from streams.scorer.progress import PartitionProgress

log = logging.getLogger(__name__)


def say_policy_in_force(settings: Settings) -> None:
    """Log the policy of every partition that has one, and that ``score.policy`` is another where it is.

    Raises:
        kafka.errors.KafkaError: the broker did not answer.
    """
    with log_consumer(settings) as consumer:
        standings = [standing_of(settings, consumer, number) for number in spans(consumer, settings.changelog_topic)]
    for line in policy_lines([each.progress for each in standings if each is not None], _named(settings), settings):
        log.info(line)


def policy_lines(partitions: list[PartitionProgress], named: PolicyDocument | None, settings: Settings) -> list[str]:
    """What is said of the policies in force, one line per policy; nothing before the first start."""
    found = {each.policy: each.policy_version for each in partitions if each.policy}
    told = []
    for canonical, version in sorted(found.items(), key=lambda each: each[1]):
        content_hash = from_canonical(canonical).content_hash
        line = f"Policy version {version} ({content_hash[:12]}) is in force, from the log"
        if named is not None and named.content_hash != content_hash:
            line += (
                f"; score.policy names {settings.score.policy!r}, version {named.version} ({named.content_hash[:12]}), "
                "which only opens empty partitions"
            )
        told.append(line)
    return told


def _named(settings: Settings) -> PolicyDocument | None:
    """The policy of the settings; None where this machine has no such file, which scoring does not need."""
    try:
        return policy_file.load(settings.score.policy)
    except FileError:
        return None
