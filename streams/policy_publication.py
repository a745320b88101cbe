"""The first record of every partition: the policy that decides what follows."""

from collections.abc import Iterable, Sequence

from streams.codecs import encode_policy
from streams.config import Settings
from streams.log_reading import log_consumer, spans
from streams.log_writing import NewRecord, write
from streams.policy_file import PolicyDocument
from streams.signing import Header, Signatures
from streams.topics import MEMBER_EVENTS, PARTITION_KEY

#: A policy that opens a partition was there before everything else: with the time of its appending it would make
#: imported history late, because the log time of a partition never falls.
_BEFORE_EVERYTHING = (("log_time", b"0"),)


def policy_record(document: PolicyDocument, partition: int) -> bytes:
    """The value of the record that publishes a policy to one partition; the same policy always has the same id
    there.
    """
    return encode_policy(partition, document.version, document.content_hash, document.canonical())


def signed_policies(
    settings: Settings, document: PolicyDocument, partitions: Iterable[int], headers: Sequence[Header] = ()
) -> list[NewRecord]:
    """The records that publish a policy to these partitions, signed where the settings say so."""
    sign = Signatures(settings.signing).sign
    found = []
    for number in partitions:
        value = policy_record(document, number)
        found.append(NewRecord(number, PARTITION_KEY, value, tuple(sign(PARTITION_KEY, value, headers))))
    return found


def open_empty_partitions(settings: Settings, document: PolicyDocument) -> list[int]:
    """Publish the policy to every partition of ``member-events`` without records, and say which these were.

    Two callers at once may both publish; the scorer ignores a policy with the hash that it has.

    Raises:
        kafka.errors.KafkaError: a record was not acknowledged within 30 s.
    """
    topic = settings.topic(MEMBER_EVENTS)
    with log_consumer(settings) as consumer:
        empty = [number for number, span in spans(consumer, topic).items() if span.end == 0]
    if empty:
        write(settings, topic, signed_policies(settings, document, empty, _BEFORE_EVERYTHING))
    return empty
