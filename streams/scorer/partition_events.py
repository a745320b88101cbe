"""What a record says beside its event: its log time, and whether a published policy or cuts take effect."""

from scoring.errors import Refused
from scoring.events import CutsPublished, PolicyPublished
from scoring.policy import Policy
from scoring.vocabulary import FUTURE_ALLOWANCE_MS
from streams.bad_records import BadRecord
from streams.cuts_document import CutsError, DatedCuts, with_cuts
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

    Raises :class:`BadRecord` for one that is not valid or not the one that its hash names, and :class:`Refused` for one
    of another currency or time zone than the one in force.
    """
    if in_force is not None and event.content_hash == in_force.content_hash:
        return None
    try:
        document = from_canonical(bytes(event.policy))
    except PolicyFileError as exc:
        raise BadRecord("bad_policy", str(exc)) from exc
    if document.content_hash != event.content_hash:
        raise BadRecord(
            "bad_policy", f"content_hash is {event.content_hash} but the policy's own is {document.content_hash}"
        )
    if in_force is not None:
        if event.version <= in_force.version:
            raise Refused(
                "policy_refused",
                f"policy version {event.version} comes after version {in_force.version}; raise its version above that "
                "and publish it again, if it is what you want now.",
            )
        for what, wanted, found in (
            ("currency", in_force.currency, document.currency),
            ("time_zone", in_force.zone.name, document.time_zone),
        ):
            if wanted != found:
                raise Refused(
                    "policy_refused",
                    f"policy version {event.version} has {what} {found} but version {in_force.version} in force has "
                    f"{wanted}; what members bought is remembered in it and cannot be counted anew. Publish the policy "
                    f"with {what} {wanted}, or begin with an empty log.",
                )
    return document


def cuts_to_take(event: CutsPublished, in_force: Policy) -> tuple[bytes, Policy] | None:
    """The cuts that this event puts into force, to be remembered, and the policy under them.

    None unless their date is later than that of the cuts in force. Raises :class:`BadRecord` for cuts that are not
    valid.
    """
    if in_force.cuts is not None and event.date <= in_force.cuts.date:
        return None
    cuts = DatedCuts(event.date, event.cuts).encode()
    try:
        return cuts, with_cuts(in_force, cuts)
    except CutsError as error:
        raise BadRecord("bad_cuts", str(error)) from error
