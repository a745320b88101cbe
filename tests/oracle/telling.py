"""A small log told event by event, for examples whose answers are worked out by hand."""

import json
from collections.abc import Mapping
from typing import Any

from tests.oracle.calendar import instant_of
from tests.oracle.log import LogRecord
from tests.oracle.records import PARTITION_KEY, POLICY, cuts_event, policy_event, rfc3339, tick_event
from tests.oracle.rules import Expected, ExpectedForward, ExpectedMember, ExpectedOutcome, expected


def ms(text: str) -> int:
    """``2026-01-31`` (noon) or ``2026-01-31T00:00:00.000``, both UTC, as epoch milliseconds."""
    return instant_of(f"{text}+00:00" if "T" in text else f"{text}T12:00:00+00:00")


class Telling:
    """One partition that begins with a policy. Events without ``seen`` are appended at the instant they happened.

    Ids of events count from e1, whatever their type; offset 0 is the policy.
    """

    def __init__(self, policy: Mapping[str, Any] = POLICY) -> None:
        self.log: list[LogRecord] = []
        self.put(PARTITION_KEY, policy_event(0, policy), 0)

    def put(self, key: bytes, value: bytes, timestamp: int, *headers: tuple[str, bytes]) -> "Telling":
        """Any record at all."""
        self.log.append(LogRecord(0, len(self.log), timestamp, key, value, headers))
        return self

    def event(self, kind: str, at: str | int, *, seen: str | int | None = None, **fields: Any) -> "Telling":
        """An event of one member, ``m`` unless named."""
        happened = ms(at) if isinstance(at, str) else at
        appended = happened if seen is None else ms(seen) if isinstance(seen, str) else seen
        headers = fields.pop("headers", ())
        about = {"type": kind, "event_id": f"e{len(self.log)}", "member_id": "m", "occurred_at": rfc3339(happened)}
        event = {**about, **fields}
        return self.put(str(event["member_id"]).encode(), json.dumps(event).encode(), appended, *headers)

    def paid(self, order: str, amount: int, at: str | int, **fields: Any) -> "Telling":
        """An ``order.paid`` in USD."""
        fields = {"currency": "USD", "order_id": order, "net_amount": amount, **fields}
        return self.event("order.paid", at, **fields)

    def returned(self, order: str, amount: int, at: str | int, **fields: Any) -> "Telling":
        """An ``order.returned``."""
        return self.event("order.returned", at, order_id=order, returned_amount=amount, **fields)

    def cancelled(self, order: str, at: str | int, **fields: Any) -> "Telling":
        """An ``order.cancelled``."""
        return self.event("order.cancelled", at, order_id=order, **fields)

    def publish(self, policy: Mapping[str, Any], at: str | int, *headers: tuple[str, bytes]) -> "Telling":
        """Another policy, appended at ``at``."""
        instant = ms(at) if isinstance(at, str) else at
        return self.put(PARTITION_KEY, policy_event(0, policy), instant, *headers)

    def cuts(self, day: str, cuts: Mapping[str, Any], at: str | int, *headers: tuple[str, bytes]) -> "Telling":
        """Cuts of a local date, appended at ``at``."""
        instant = ms(at) if isinstance(at, str) else at
        return self.put(PARTITION_KEY, cuts_event(0, day, cuts), instant, *headers)

    def deliver(self, at: str | int | None = None, *headers: tuple[str, bytes]) -> "Telling":
        """Append what members have written for each other, and what follows from that, until nobody writes any more.

        Without ``at``, each at the instant that it tells of.
        """
        while waiting := self._undelivered():
            known = {json.loads(r.value or b"").get("event_id"): json.loads(r.value or b"") for r in self.log}
            for forward in waiting:
                about = {"event_id": forward.event_id, "type": forward.type}
                also: dict[str, Any] = {"absorbed": forward.absorbed, "path": forward.path, "numbers": forward.numbers}
                if forward.via:
                    also = {**known[forward.event_id], "via": forward.via}
                happened = rfc3339(forward.occurred_at)
                event = {**also, **about, "member_id": forward.member_id, "occurred_at": happened}
                appended = forward.occurred_at if at is None else ms(at) if isinstance(at, str) else at
                self.put(forward.member_id.encode(), json.dumps(event).encode(), appended, *headers)
        return self

    def _undelivered(self) -> list[ExpectedForward]:
        events = [json.loads(record.value or b"") for record in self.log]
        known = {
            (
                e.get("event_id"),
                e.get("member_id"),
                tuple(e.get("path") or [e.get("via", "")]),
                tuple(e.get("numbers", ())),
            )
            for e in events
        }
        return [forward for key, forward in self.answer().forwards.items() if key not in known]

    def tick(self, at: str | int, *headers: tuple[str, bytes]) -> "Telling":
        """A tick."""
        instant = ms(at) if isinstance(at, str) else at
        return self.put(PARTITION_KEY, tick_event(0, instant), instant, *headers)

    def answer(self, epoch: int = 1) -> Expected:
        """What the rules make of it."""
        return expected(self.log, epoch=epoch)

    @property
    def member(self) -> ExpectedMember:
        """The member ``m`` at the end."""
        return self.answer().members["m"]

    @property
    def outcomes(self) -> list[ExpectedOutcome]:
        """All outcomes, each member's in sequence."""
        return list(self.answer().outcomes.values())

    @property
    def kinds(self) -> list[str]:
        """The kinds of all outcomes."""
        return [outcome.kind for outcome in self.outcomes]
