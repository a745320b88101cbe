"""What becomes of a member who does nothing: their timers, fired one after the other by the rules themselves."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from scoring.advising import CAPPED
from scoring.decision import Position
from scoring.engine import fire
from scoring.outcomes import Outcome
from scoring.policy import ROLLING, Policy
from scoring.segment_rules import GROUPS
from scoring.state import MemberState
from scoring.vocabulary import STAGES
from streams.currencies import money_text
from streams.explaining.dates import last_day_before, zoned

#: A member with hundreds of orders has hundreds of timers; the first ones are enough.
MOST_STEPS: Final = 40


class Step(NamedTuple):
    """One timer: its instant (epoch ms), what it does in words, what it tells, and the state after it."""

    at: int
    words: list[str]
    outcomes: list[str]
    state: MemberState


def steps_ahead(state: MemberState, policy: Policy, most: int = MOST_STEPS) -> list[Step]:
    """The next timers in order, as if no event and no policy came in between."""
    found: list[Step] = []
    position = Position(state.offset, state.as_of, state.as_of, imported=False)
    while state.next_due and len(found) < most:
        due = state.next_due
        decision = fire(state, due, policy, position)
        words = [*changes_in_words(state, decision.state, policy), *_of_actions(decision.outcomes)]
        found.append(Step(due, words, [each.kind for each in decision.outcomes], decision.state))
        state = decision.state
    return found


def as_data(steps: list[Step], policy: Policy) -> list[dict[str, Any]]:
    """The steps with instants in the policy's zone."""
    return [
        {
            "at": zoned(step.at, policy.zone),
            "what": step.words,
            "outcomes": step.outcomes,
            "tier": policy.tier_names[step.state.tier],
            "stage": STAGES[step.state.stage],
        }
        for step in steps
    ]


def changes_in_words(before: MemberState, after: MemberState, policy: Policy) -> list[str]:
    """What a timer did, most important first; that it was looked at again when nothing else can be said."""
    words = [
        *_of_tier(before, after, policy),
        *_of_stage(before, after),
        *_of_windows(before, after, policy),
        *_of_segments(before, after),
    ]
    return words or ["everything is looked at again, and nothing changes"]


def _of_tier(before: MemberState, after: MemberState, policy: Policy) -> list[str]:
    names = policy.tier_names
    words = []
    if before.tier != after.tier:
        verb = "rises" if after.tier > before.tier else "falls"
        words.append(f"{verb} from {names[before.tier]} to {names[after.tier]}")
    if before.override_in_force and not after.override_in_force and before.override is not None:
        words.append(f"the granted tier {before.override.tier} ends")
    base = names[after.base]
    if before.base != after.base:
        if before.tier == after.tier or after.tier != after.base:
            words.append(f"the earned tier becomes {base} instead of {names[before.base]}")
        if after.held_until:
            words.append(f"{base} is held until {last_day_before(after.held_until, policy.zone)}")
    elif after.grace_until and not before.grace_until:
        until = last_day_before(after.grace_until, policy.zone)
        words.append(f"the time for which {base} is held ends; grace until {until}")
    elif before.held_until != after.held_until:
        words.append(f"{base} is earned again and held until {last_day_before(after.held_until, policy.zone)}")
    if after.notice_told and not before.notice_told:
        words.append(f"is told that {base} ends on {last_day_before(after.held_until, policy.zone)}")
    if before.provisional and not after.provisional and before.base == after.base:
        words.append(f"{base} is confirmed: the return window of its orders is over")
    return words


def _of_stage(before: MemberState, after: MemberState) -> list[str]:
    if before.stage != after.stage:
        return [f"{STAGES[after.stage].replace('_', ' ')} begins"]
    if before.told_stage != after.told_stage:
        return [f"the alert of {STAGES[after.told_stage].replace('_', ' ')} is told"]
    return []


def _of_windows(before: MemberState, after: MemberState, policy: Policy) -> list[str]:
    words = []
    if (before.frequency, before.monetary) != (after.frequency, after.monetary):
        left = before.frequency - after.frequency
        what = "an order leaves" if left == 1 else f"{left} orders leave"
        words.append(
            f"{what} the {policy.window_days} days; {_numbers(after.frequency, after.monetary, policy)} remain"
        )
    if (before.tier_frequency, before.tier_monetary) != (after.tier_frequency, after.tier_monetary):
        remain = _numbers(after.tier_frequency, after.tier_monetary, policy)
        if policy.tier_window != ROLLING:
            words.append("a new year begins for the tier: nothing is counted in it yet")
        elif policy.tier_window_days != policy.window_days:
            words.append(f"an order no longer counts for the tier; {remain} do")
    return words


def _of_segments(before: MemberState, after: MemberState) -> list[str]:
    old = (before.rf_segment, before.quadrant, before.kind_of_eight)
    new = (after.rf_segment, after.quadrant, after.kind_of_eight)
    return [
        f"segment {names[was].replace('_', ' ')} becomes {names[now].replace('_', ' ')}"
        for names, was, now in zip(GROUPS, old, new, strict=True)
        if was != now and was >= 0 and now >= 0
    ]


def _of_actions(outcomes: Sequence[Outcome]) -> list[str]:
    """What is recommended then; whether the member gets it or is held out is told beside."""
    advised = [outcome.advice for outcome in outcomes if outcome.advice is not None]
    given = [f"{each.action.offer} is recommended" for each in advised if not each.left_out]
    return given + [f"{each.action.offer} is capped" for each in advised if each.left_out == CAPPED]


def _numbers(frequency: int, monetary: int, policy: Policy) -> str:
    orders = "1 order" if frequency == 1 else f"{frequency} orders"
    return f"{orders} and {money_text(monetary, policy.currency)}"
