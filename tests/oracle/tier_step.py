"""The tier step of one evaluation, in the order of docs/rules.md, section 6.4."""

from tests.oracle.holds import (
    RETESTING,
    Override,
    Step,
    TierState,
    at_once,
    hold_end,
    notice_step,
    override_step,
    retest,
    rise,
)
from tests.oracle.periods import Judge
from tests.oracle.policy import Rules
from tests.oracle.policy_change import policy_step
from tests.oracle.provisional import provisional_step


def tier_step(
    before: TierState, register: Override | None, reason: str, judge: Judge, old: Rules | None = None
) -> Step:
    """One evaluation at ``judge.now``; ``reason`` is empty for a timer. ``old``: the policy that a new one replaced."""
    step = Step(before)
    override_step(step, register, judge)
    standing = judge.standing(judge.now, step.state.base)
    rules = judge.rules.holds
    if old is not None:
        policy_step(step, standing, judge, old)
    elif rules is None:
        at_once(step, standing, judge)
    elif reason in RETESTING and retest(step, standing, judge):
        pass
    elif standing > step.state.base:
        rise(step, standing, judge)
    else:
        hold_end(step, standing, judge, rules)
    provisional_step(step, before, reason, judge)
    if rules is not None:
        notice_step(step, judge, rules)
    return step
