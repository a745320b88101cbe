"""A preview as data: what ``policy preview --json`` prints, and what its tables are made of."""

from collections.abc import Iterable
from typing import Any

from streams.instants import instant_text
from streams.policy_diff import changes
from streams.policy_file import PolicyDocument
from streams.preview.reading import Preview
from streams.preview.tally import Move, Tally

SWITCH = "no_one_falls_before_expiry"
_LIFECYCLE = "lifecycle."


def as_data(preview: Preview) -> dict[str, Any]:
    """Everything that a preview found; instants are RFC 3339, money is minor units, shares are fractions of 1."""
    found, tally, new = preview.found, preview.found.as_written, preview.new
    return {
        "policy": {
            "in_force": {"version": preview.in_force_version, "content_hash": preview.in_force.content_hash},
            "new": {"version": new.version, "content_hash": new.content_hash},
            "changes": [
                {"path": each.path, "old": each.old, "new": each.new, "sentence": each.sentence}
                for each in changes(preview.in_force, new)
            ],
        },
        "as_of": {
            "instant": instant_text(found.instant) if found.instant else None,
            "partitions": [
                {"partition": number, "offset": offset, "last_tick": _instant(found.last_ticks[number])}
                for number, offset in sorted(found.offsets.items())
            ],
        },
        "currency": new.currency,
        "members": {"judged": tally.members, "merged": found.merged, "erased": found.erased},
        "tiers": {
            "before": tiers_before(preview),
            "after": tiers_after(preview),
            "moves": matrix(preview),
        },
        **_variant(tally, preview),
        "losers": [_loser(move) for move in tally.first_losers()],
        "switch": switch(preview),
    }


def tiers_before(preview: Preview) -> dict[str, int]:
    """Members per tier of the policy in force, lowest first."""
    tally = preview.found.as_written
    return {level.name: tally.in_tier(level.name, after=False) for level in preview.in_force.tiers.levels}


def tiers_after(preview: Preview) -> dict[str, int]:
    """Members per tier of the new policy, lowest first."""
    tally = preview.found.as_written
    return {level.name: tally.in_tier(level.name, after=True) for level in preview.new.tiers.levels}


def matrix(preview: Preview) -> list[dict[str, Any]]:
    """From each tier to each tier where there is somebody: count, and share of those who were in the first."""
    tally, before = preview.found.as_written, tiers_before(preview)
    return [
        {"from": was, "to": now, "members": tally.moves[was, now], "share": tally.moves[was, now] / before[was]}
        for was in before
        for now in tiers_after(preview)
        if tally.moves[was, now]
    ]


def switch(preview: Preview) -> dict[str, Any] | None:
    """Both positions of ``change.no_one_falls_before_expiry``; None where tiers fall at once under the new policy."""
    otherwise = preview.found.otherwise
    holds = preview.new.to_policy().holds
    if otherwise is None or holds is None:
        return None
    written = {"this_file": True, **_variant(preview.found.as_written, preview)}
    turned = {"this_file": False, **_variant(otherwise, preview)}
    return {"on": written, "off": turned} if holds.kept_on_change else {"on": turned, "off": written}


def cost_per_year(document: PolicyDocument, members: Iterable[tuple[str, int]]) -> int | None:
    """What the benefits of so many members per tier cost in minor units; None where the policy prices no tier.

    A tier without a price costs nothing.
    """
    prices = {level.name: level.benefit_cost for level in document.tiers.levels if level.benefit_cost is not None}
    return sum(prices.get(name, 0) * count for name, count in members) if prices else None


def _variant(tally: Tally, preview: Preview) -> dict[str, Any]:
    after = [(level.name, tally.in_tier(level.name, after=True)) for level in preview.new.tiers.levels]
    return {
        "moved": {
            "members": tally.moved,
            "share": tally.share_moved,
            "rises": tally.directions["rises"],
            "falls": tally.directions["falls"],
            "renamed": tally.directions["renamed"],
            "lose_a_promised_tier": tally.promises_lost,
        },
        "alerts": _sorted({kind: count for kind, count in tally.outcomes.items() if kind.startswith(_LIFECYCLE)}),
        "tier_outcomes": _sorted({kind: count for kind, count in tally.outcomes.items() if kind.startswith("tier.")}),
        "segments": {"entered": _sorted(tally.entered), "left": _sorted(tally.left)},
        "benefit_cost_per_year": {
            "before": cost_per_year(preview.in_force, tiers_before(preview).items()),
            "after": cost_per_year(preview.new, after),
        },
    }


def _loser(move: Move) -> dict[str, Any]:
    return {
        "member_id": move.member_id,
        "from": move.before,
        "to": move.after,
        "promised_until": _instant(move.promised_until),
        "frequency": move.frequency,
        "monetary": move.monetary,
    }


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _instant(instant: int) -> str | None:
    return instant_text(instant) if instant else None
