"""What is recommended after an evaluation, who says it, and who goes without (docs/rules.md, section 9.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from tests.oracle.answer import Advised
from tests.oracle.calendar import start_of_day
from tests.oracle.changes import Change
from tests.oracle.policy import Rules
from tests.oracle.standing import Standing

_WHOLE = 1 << 64


@dataclass(frozen=True)
class Had:
    """A capped offer that was recommended, and the local day."""

    offer: str
    day: int


def can_say(kind: str) -> bool:
    """Whether outcomes of this kind can say an action."""
    return kind in ("tier.upgraded", "tier.downgraded") or (
        kind.startswith("lifecycle.") and kind != "lifecycle.corrected"
    )


def is_held_out(member_id: str, rules: Rules) -> bool:
    """Whether this member gets no actions, ever."""
    digest = blake2b((rules.holdout_salt + "|" + member_id).encode("utf-8"), digest_size=8).digest()
    return 100 * int.from_bytes(digest, byteorder="big") < rules.holdout_percent * _WHOLE


def still_remembered(had: Sequence[Had], today: int, rules: Rules) -> list[Had]:
    """Without offers that the policy does not cap, and those of too long ago."""
    spans = {action.offer: action.cap_days for action in rules.actions.values() if action.cap_days is not None}
    return [each for each in had if each.offer in spans and each.day > today - spans[each.offer]]


def with_actions(
    told: Sequence[Change], after: Standing, member_id: str, had: Sequence[Had], today: int, rules: Rules
) -> tuple[list[Change], list[Had]]:
    """The outcomes of an evaluation with what they say of actions, and the offers remembered afterwards."""
    places = [place for place, change in enumerate(told) if can_say(change.kind)]
    if not rules.actions or not places:
        return list(told), list(had)
    held_out = is_held_out(member_id, rules)
    action = rules.actions.get((rules.levels[after.tiers.tier].name, after.stage))
    nothing = Advised(held_out=held_out, reason="none" if action is None else "in_alert")
    said = dict.fromkeys(places, nothing)
    remembered = list(had)
    if action is not None:
        is_full = False
        if action.cap_days is not None:
            remembered = still_remembered(had, today, rules)
            is_full = [each.offer for each in remembered].count(action.offer) >= action.cap
        if is_full:
            said[places[-1]] = replace(nothing, reason="capped")
        else:
            until = start_of_day(today + action.valid_days, rules.zone)
            said[places[-1]] = Advised(action, until, held_out=held_out, reason="holdout" if held_out else "")
            remembered += [Had(action.offer, today)] if action.cap_days is not None else []
    advised = [replace(change, said=replace(change.said, advised=said.get(place))) for place, change in enumerate(told)]
    return advised, remembered
