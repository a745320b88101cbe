"""What an outcome says of actions, as the end of its sentence."""

from scoring.advising import CAPPED, IN_ALERT
from scoring.outcomes import Outcome, Superseded, TierFacts
from scoring.policy import Policy
from streams.instants import date_text


def action_words(outcome: Outcome, member_id: str, policy: Policy) -> str:
    """For example ``; free-delivery by email is recommended until 2026-04-30``; empty where there is nothing to say."""
    advice = outcome.advice
    if advice is None:
        return "; what was recommended with it is void" if _is_correction(outcome) else ""
    action = advice.action
    if advice.left_out == IN_ALERT:
        return ""
    if advice.left_out == CAPPED:
        often = "once" if action.cap == 1 else f"{action.cap} times"
        days = "a day" if action.cap_days == 1 else f"{action.cap_days} days"
        return f"; {action.offer} is not recommended again, being capped at {often} in {days}"
    if policy.holdout.has(member_id):
        return f"; {action.offer} is withheld, as the member is held out"
    channel = f" by {action.channel}" if action.channel else ""
    until = date_text(policy.zone.day_of(advice.valid_until - 1))
    return f"; {action.offer}{channel} is recommended until {until}"


def _is_correction(outcome: Outcome) -> bool:
    facts = outcome.facts
    return isinstance(facts, Superseded) or (isinstance(facts, TierFacts) and facts.superseded is not None)
