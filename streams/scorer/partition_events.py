"""What a record says beside its event: its log time, and whether a published policy takes effect."""

from scoring.errors import Refused
from scoring.events import PolicyPublished
from scoring.policy import Policy
from scoring.vocabulary import FUTURE_ALLOWANCE_MS
from streams.bad_records import BadRecord
from streams.engine.batches import Record
from streams.policy_file import PolicyDocument, PolicyFileError, from_canonical

_HEADER = "log_time"
#: More digits than any instant has; what follows cannot make the number smaller.
_MOST_DIGITS = 20


def log_time_of(record: Record) -> tuple[int, bool]:
    """The record's own log time (epoch ms), and whether it brought it along as imported history does.

    Raises :class:`BadRecord` for a header that is no number.
    """
    for name, value in record.headers:
        if name == _HEADER:
            if not value.isdigit():
                raise BadRecord(
                    "bad_log_time",
                    f"the header {_HEADER} must be milliseconds in decimal digits; got {value[:40]!r}",
                )
            at = int(value[:_MOST_DIGITS])
            if at > record.timestamp + FUTURE_ALLOWANCE_MS:
                raise BadRecord(
                    "bad_log_time",
                    f"the header {_HEADER} lies after the record itself was appended; it must be milliseconds since "
                    f"1970 and not later than now; got {value[:40]!r}",
                )
            return at, True
    return record.timestamp, False


def policy_to_take(event: PolicyPublished, in_force: Policy | None) -> PolicyDocument | None:
    """The policy that this event puts into force, None for a repeat of the present one.

    Raises :class:`Refused` for a different policy than the one in force, and :class:`BadRecord` for one that is not
    valid
    or not the one that its hash names.
    """
    if in_force is not None:
        if event.content_hash == in_force.content_hash:
            return None
        raise Refused(
            "unsupported",
            f"policy version {event.version} differs from version {in_force.version} in force; changing the policy of "
            "known members is not supported yet",
        )
    try:
        document = from_canonical(bytes(event.policy))
    except PolicyFileError as exc:
        raise BadRecord("bad_policy", str(exc)) from exc
    if document.content_hash != event.content_hash:
        raise BadRecord(
            "bad_policy", f"content_hash is {event.content_hash} but the policy's own is {document.content_hash}"
        )
    return document
