"""Tiers granted by hand: the register of a member, and the floor that it gives (docs/rules.md, section 6.6)."""

from typing import Final

from scoring.further import Further, Override
from scoring.policy import Policy
from scoring.state import MemberState

#: What became of an override.
NO_CHANGE: Final = ""
SET: Final = "set"
UNTIL: Final = "until"
WITHDRAWN: Final = "withdrawn"
TIER_GONE: Final = "tier_gone"


def record_override(state: MemberState, offered: Override) -> None:
    """Let an override, or a withdrawal, compete for the register: the larger (occurred_at, event id) wins."""
    known = state.override
    if known is None or (known.occurred_at, known.event_id.encode()) < (offered.occurred_at, offered.event_id.encode()):
        state.own_further().override = offered


def override_step(own: Further, policy: Policy, instant: int, before: Override | None) -> str:
    """Bring the floor up to ``instant`` (epoch ms), the register having been ``before``; say what became of it."""
    override = own.override
    floor = 0
    in_force = False
    if override is not None and override.until > instant and override.tier in policy.tier_names:
        floor = policy.tier_names.index(override.tier)
        in_force = True
    ended = own.override_in_force and not in_force
    own.override_in_force = in_force
    own.floor = floor
    if in_force and override != before:
        return SET
    if not ended:
        return NO_CHANGE
    if override is not None and override.tier and override.until > instant:
        return TIER_GONE
    # One that was over by itself before it was withdrawn ended by itself.
    withdrawn = override is not None and not override.tier and (before is None or before.until > instant)
    return WITHDRAWN if withdrawn else UNTIL
