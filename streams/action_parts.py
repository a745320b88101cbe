"""What do outcomes say of actions? As the end of their JSON; see docs/actions.md."""

from typing import Final

import msgspec

from scoring.advising import ADVISING, QUIET_ALERTS
from scoring.outcomes import Advice, Outcome
from scoring.policy import Policy
from streams.instants import instant_text
from streams.kind_bodies import ActionPart, RecommendedAction

_encode: Final = msgspec.json.Encoder().encode
#: All that is said where the policy has no actions: quiet alerts have had this field from the beginning.
NO_ACTIONS: Final = b',"action":null}'
#: Why there is no action: the policy has none for this tier and stage; the member is held out.
_NONE: Final = "none"
_HOLDOUT: Final = "holdout"


class ActionParts:
    """Writes what outcomes say of actions, under one policy."""

    def __init__(self, policy: Policy) -> None:
        self._has_actions = bool(policy.actions)
        self._holdout = policy.holdout
        #: The kinds that say something of actions.
        self.kinds = ADVISING if policy.actions else QUIET_ALERTS

    def behind(self, more: bytes, outcome: Outcome, member_id: str) -> bytes:
        """``more``, what follows after the fields that all have, and behind it the action, with the closing brace."""
        part = self._part(outcome.advice, member_id) if self._has_actions else NO_ACTIONS
        return more[:-1] + part

    def _part(self, advice: Advice | None, member_id: str) -> bytes:
        held_out = self._holdout.has(member_id)
        if advice is None:
            part = ActionPart(None, None, held_out, _NONE)
        elif advice.left_out:
            part = ActionPart(None, None, held_out, advice.left_out)
        elif held_out:
            part = ActionPart(None, _recommended(advice), held_out, _HOLDOUT)
        else:
            part = ActionPart(_recommended(advice), None, held_out, None)
        return b"," + _encode(part)[1:]


def _recommended(advice: Advice) -> RecommendedAction:
    action = advice.action
    return RecommendedAction(
        action.offer,
        action.message_key,
        instant_text(advice.valid_until),
        action.cap,
        action.cap_days or None,
        action.channel or None,
    )
