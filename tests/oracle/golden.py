"""The golden cases of docs/rules.md, section 15 and beyond, from ``golden.toml``: a log, and what has to come of it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracle.answer import Advised, ExpectedFurther, ExpectedMember, ExpectedOutcome
from tests.oracle.calendar import instant_of
from tests.oracle.log import LogRecord
from tests.oracle.records import POLICY, headers_of, rfc3339
from tests.oracle.telling import Telling

_FILE = Path(__file__).with_name("golden.toml")
MODES = ("at_once", "at_hold_end")
_ENDS = ("tier", "stage", "next_due", "orders", "net", "buckets", "segments")
#: Verbs of an event with what follows them at once; then come pairs of a field and its value.
_VERBS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "paid": ("order.paid", ("order_id", "net_amount")),
    "returned": ("order.returned", ("order_id", "returned_amount")),
    "cancelled": ("order.cancelled", ("order_id",)),
    "overridden": ("tier.overridden", ("tier",)),
    "withdrawn": ("tier.override_withdrawn", ()),
    "visit": ("visit", ()),
    "merged": ("member.merged", ()),
    "unmerged": ("member.unmerged", ()),
    "erased": ("member.erased", ()),
}
_NUMBERS = ("net_amount", "returned_amount", "revision")


@dataclass(frozen=True)
class Golden:
    """One case under one way of losing a tier.

    ``log`` has what members write for each other, at once behind what it follows from; ``written`` are the offsets of
    it. ``ends`` is what is expected of members in the end, by id; what a case does not mention is left out.
    ``is_about_ids``: other ids would come out otherwise, as in the draw of a holdout.
    """

    name: str
    log: Telling
    written: frozenset[int]
    told: list[str]
    refused: list[str]
    ends: Mapping[str, Mapping[str, Any]]
    is_about_ids: bool = False

    @property
    def story(self) -> list[LogRecord]:
        """The records that the scorer does not write itself."""
        return [record for record in self.log.log if record.offset not in self.written]

    def found(
        self, members: Mapping[str, ExpectedMember], further: Mapping[str, ExpectedFurther]
    ) -> dict[str, dict[str, Any]]:
        """What the members of ``ends`` are like, in the same words."""
        found = {}
        for name, mentioned in self.ends.items():
            words = _ending_in_words(members[name], further[name])
            found[name] = {key: words[key] for key in mentioned}
        return found


@cache
def golden_cases() -> list[Golden]:
    """Every case at the modes that it is about, both unless it says so."""
    cases = tomllib.loads(_FILE.read_text())["case"]
    return [_golden(case, mode) for case in cases for mode in case.get("modes", MODES)]


def in_words(outcomes: Iterable[ExpectedOutcome]) -> list[str]:
    """Outcomes as the file has them, those of m first."""
    return in_order_of_members(_in_words(outcome) for outcome in outcomes)


def in_order_of_members(lines: Iterable[str]) -> list[str]:
    """Each member's lines in their order; what several members are told has no order."""
    return sorted(lines, key=lambda line: line.partition(", of ")[2])


def _in_words(o: ExpectedOutcome) -> str:
    said = o.said
    superseded = None if said.superseded is None else (said.superseded[0], _told_at(said.superseded[1]))
    return line_of(
        at=_told_at(o.at),
        kind=o.kind,
        way=(o.before, o.after),
        reason=o.reason,
        due="" if o.due_at is None else _told_at(o.due_at),
        held="" if o.held_until is None else _told_at(o.held_until),
        superseded=superseded,
        words=(("detail", said.detail), ("would be", said.would_be), ("now", said.now), ("by", said.moved_by)),
        action="" if said.advised is None else _action_in_words(said.advised),
        provisional=said.provisional is True,
        late=o.catch_up,
        member=o.member_id,
    )


def _action_in_words(advised: Advised) -> str:
    if advised.action is None or advised.valid_until is None:
        return action_line("", "", "", advised.reason)
    offer, until = advised.action.offer, _told_at(advised.valid_until)
    return action_line(offer, until, "withholds" if advised.held_out else "offers", advised.reason)


def action_line(offer: str, until: str, verb: str, reason: str) -> str:
    """What a line of ``told`` says of actions; nothing where the policy has none for tier and stage."""
    if offer:
        return f"{verb} {offer} until {until}"
    return {"none": "", "capped": "capped", "in_alert": "action in alert"}[reason]


def line_of(
    *,
    at: str,
    kind: str,
    way: tuple[str, str],
    reason: str,
    due: str,
    held: str,
    superseded: tuple[str, str] | None,
    words: Iterable[tuple[str, str]],
    action: str,
    provisional: bool,
    late: bool,
    member: str,
) -> str:
    """A line of ``told``. Instants are as the file has them; empty is left out."""
    before, after = way
    parts = [f"{at} {kind} {before} -> {after}".replace("  ", " ").rstrip(), reason]
    parts += [f"due {due}"] if due else []
    parts += [f"held {held}"] if held else []
    parts += [f"supersedes {superseded[0]} {superseded[1]}"] if superseded else []
    parts += [f"{name} {word}" for name, word in words if word]
    parts += [action] if action else []
    parts += ["provisional"] if provisional else []
    parts += ["late"] if late else []
    parts += [f"of {member}"] if member != "m" else []
    return ", ".join(parts)


def _ending_in_words(member: ExpectedMember, further: ExpectedFurther) -> dict[str, Any]:
    return {
        "tier": member.tier,
        "stage": member.stage,
        "next_due": "" if member.next_due_at is None else _told_at(member.next_due_at),
        "orders": member.frequency,
        "net": member.monetary,
        "buckets": [
            f"{date.fromordinal(day + _EPOCH_ORDINAL)} {orders} orders {net} net {len(hashes)} known"
            for day, orders, net, hashes in further.buckets
        ],
        "segments": list(further.segments),
    }


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def _told_at(instant: int) -> str:
    return rfc3339(instant).replace("+00:00", "Z").replace(".000Z", "Z")


def _golden(case: Mapping[str, Any], mode: str) -> Golden:
    policy = _policy(case, mode)
    told = Telling(policy)
    written: set[int] = set()
    for line in case["story"]:
        words = line.split()
        at = instant_of(words[0])
        headers = headers_of(at) if case.get("imported", False) else ()
        _tell(told, at, words[1:], headers, case, policy)
        if "members" in case:
            known = len(told.log)
            told.deliver(at, *headers)
            written |= set(range(known, len(told.log)))
    of_m = {key: case[key] for key in _ENDS if key in case}
    return Golden(
        name=f"{case['name']}, {mode}",
        log=told,
        written=frozenset(written),
        told=in_order_of_members(case["told"] + case.get(mode, [])),
        refused=case.get("refused", []),
        ends={**({"m": of_m} if of_m else {}), **case.get("members", {})},
        is_about_ids="holdout" in case.get("policy", {}),
    )


def _policy(case: Mapping[str, Any], mode: str) -> dict[str, Any]:
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
    return _changed({**POLICY, "time_zone": case.get("zone", "UTC"), "tiers": tiers}, case.get("policy", {}))


def _changed(policy: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with other keys in its sections; "none" takes a key out. ``levels`` changes tiers by name."""
    changed = dict(policy)
    for section, keys in changes.items():
        if section == "levels":
            levels = [level | keys.get(level["name"], {}) for level in policy["tiers"]["levels"]]
            changed["tiers"] = {**changed["tiers"], "levels": levels}
        elif not isinstance(keys, Mapping):
            changed[section] = keys
        else:
            whole = {**changed.get(section, {}), **keys}
            changed[section] = {key: value for key, value in whole.items() if value != "none"}
    return changed


def _tell(
    told: Telling,
    at: int,
    words: list[str],
    headers: tuple[tuple[str, bytes], ...],
    case: Mapping[str, Any],
    policy: Mapping[str, Any],
) -> None:
    """One line behind its instant: verb, what the verb needs, then pairs of a field and its value."""
    verb, *rest = words
    if verb == "tick":
        told.tick(at, *headers)
    elif verb == "published":
        # A version above all before it; a story that wants another says so.
        later = {**policy, "version": 1 + len(told.log)}
        told.publish(_changed(later, case["policies"][rest[0]]), at, *headers)
    elif verb == "cuts":
        told.cuts(_day_of(at), _cuts(case["cuts"][rest[0]]), at, *headers)
    else:
        kind, needed = _VERBS[verb]
        pairs = rest[len(needed) :]
        fields: dict[str, Any] = dict(zip(needed, rest[: len(needed)], strict=True))
        fields |= dict(zip(pairs[::2], pairs[1::2], strict=True))
        fields |= {name: int(fields[name]) for name in _NUMBERS if name in fields}
        seen = instant_of(fields.pop("seen")) if "seen" in fields else None
        fields |= {"currency": "USD", **fields} if verb == "paid" else {}
        fields |= {"reason": "goodwill", "actor": "ada"} if kind.startswith("tier.") else {}
        told.event(kind, at, seen=seen, member_id=fields.pop("member", "m"), headers=headers, **fields)


def _day_of(instant: int) -> str:
    return datetime.fromtimestamp(instant // 1000, UTC).date().isoformat()


def _cuts(tiers: Mapping[str, Any]) -> dict[str, Any]:
    """Cuts of 900 members, each tier's to enter and to stay."""
    cuts = {name: {"enter": enter, "leave": leave} for name, (enter, leave) in tiers.items()}
    return {"ranked": 900, "fallback": False, "tiers": cuts, "medians": None, "quantiles": None}
