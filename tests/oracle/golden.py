"""The golden cases of docs/rules.md, section 15, from ``golden.toml``: a log, and what has to come out of it."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.answer import ExpectedMember, ExpectedOutcome
from tests.oracle.calendar import instant_of
from tests.oracle.records import POLICY, rfc3339
from tests.oracle.telling import Telling

_FILE = Path(__file__).with_name("golden.toml")
MODES = ("at_once", "at_hold_end")


@dataclass(frozen=True)
class Golden:
    """One case under one way of losing a tier. What a case does not mention is None."""

    name: str
    log: Telling
    told: list[str]
    refused: list[str]
    tier: str | None
    stage: str | None
    next_due: str | None

    def mentioned(self, member: ExpectedMember) -> dict[str, str]:
        """What is expected of the member in the end."""
        stated = {"tier": self.tier, "stage": self.stage, "next_due": self.next_due}
        return {name: text for name, text in stated.items() if text is not None}

    def found(self, member: ExpectedMember) -> dict[str, str]:
        """What the member is like, in the same words."""
        next_due = "" if member.next_due_at is None else _told_at(member.next_due_at)
        words = {"tier": member.tier, "stage": member.stage, "next_due": next_due}
        return {name: words[name] for name in self.mentioned(member)}


def golden_cases() -> list[Golden]:
    """Every case at both modes."""
    cases = tomllib.loads(_FILE.read_text())["case"]
    return [_golden(case, mode) for case in cases for mode in MODES]


def in_words(outcomes: Iterable[ExpectedOutcome]) -> list[str]:
    """Outcomes as the file has them."""
    return [_in_words(outcome) for outcome in outcomes]


def _in_words(o: ExpectedOutcome) -> str:
    way = f"{o.before} -> {o.after}" if o.before else f"-> {o.after}"
    text = f"{_told_at(o.at)} {o.kind} {way}, {o.reason}"
    text += "" if o.due_at is None else f", due {_told_at(o.due_at)}"
    text += "" if o.held_until is None else f", held {_told_at(o.held_until)}"
    return text + (", late" if o.catch_up else "")


def _told_at(instant: int) -> str:
    return rfc3339(instant).replace("+00:00", "Z").replace(".000Z", "Z")


def _golden(case: Mapping[str, Any], mode: str) -> Golden:
    told = Telling(_policy(mode, case.get("zone", "UTC"), case.get("policy", {})))
    for line in case["story"]:
        _tell(told, line.split())
    return Golden(
        name=f"{case['name']}, {mode}",
        log=told,
        told=case["told"] + case.get(mode, []),
        refused=case.get("refused", []),
        tier=case.get("tier"),
        stage=case.get("stage"),
        next_due=case.get("next_due"),
    )


def _policy(mode: str, zone: str, lifecycle: Mapping[str, Any]) -> dict[str, Any]:
    tiers = {
        "window_days": 365,
        "downgrade": mode,
        "levels": [
            {"name": "D"},
            {"name": "C", "frequency": 2, "monetary": 10_000, "match": "any"},
            {"name": "B", "frequency": 5, "monetary": 30_000, "match": "any"},
            {"name": "A", "frequency": 12, "monetary": 80_000, "match": "any"},
        ],
    }
    if mode == "at_hold_end":
        tiers |= {"hold_days": 365, "grace_days": 0, "fall": "one_level", "expiring_days": 0}
    return {**POLICY, "time_zone": zone, "tiers": tiers, "lifecycle": {**POLICY["lifecycle"], **lifecycle}}


def _tell(told: Telling, words: list[str]) -> None:
    """One line: instant, verb, what the verb needs, then pairs of a field and its value."""
    at, verb = instant_of(words[0]), words[1]
    if verb == "tick":
        told.tick(at)
        return
    needed = {"paid": 2, "returned": 2, "cancelled": 1, "overridden": 1}[verb]
    what, pairs = words[2 : 2 + needed], words[2 + needed :]
    fields: dict[str, Any] = dict(zip(pairs[::2], pairs[1::2], strict=True))
    if "seen" in fields:
        fields["seen"] = instant_of(fields["seen"])
    if "revision" in fields:
        fields["revision"] = json.loads(fields["revision"])
    if verb == "paid":
        told.paid(what[0], int(what[1]), at, **fields)
    elif verb == "returned":
        told.returned(what[0], int(what[1]), at, **fields)
    elif verb == "cancelled":
        told.cancelled(what[0], at, **fields)
    else:
        told.event("tier.overridden", at, tier=what[0], reason="goodwill", actor="ada", **fields)
