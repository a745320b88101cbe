"""Where a member stands at an instant: the one place that combines numbers, tier, stage and the next timer."""

from scoring.corrections import NOTHING_CORRECTED, correct, forget_until
from scoring.further import Further, Override
from scoring.holds import GRACE_END, HOLD_END, PROLONGED, RETEST, hold_step, next_hold_timer, notice_step
from scoring.lifecycle import lifecycle_at, stage_and_boundary
from scoring.overrides import SET, TIER_GONE, UNTIL, WITHDRAWN, override_step
from scoring.policy import ROLLING, Policy
from scoring.policy_change import change_step
from scoring.provisional import confirmation_step, next_settling, step_at_once
from scoring.qualifying_window import counts_at, year_start
from scoring.rfm import add_purchase, measure
from scoring.sealing import keep_caps, keep_up
from scoring.segment_timers import next_segment_timer, segments_at
from scoring.segments import NO_MEMBERSHIPS
from scoring.state import NO_DAY, MemberState
from scoring.tiers import earned_tier, passes
from scoring.vocabulary import PROSPECT


class Evaluation:
    """What was before an evaluation, and what it did that the state after it does not show.

    ``tier_before`` is a rank (-1 before the first event), ``stage_before`` the told stage, ``override_before`` the
    register; ``in_grace_before`` says whether the hold was in grace. ``prolonged``: the hold was over and begins anew
    for the same base, which is the tier. ``expiring``: the end of the hold is to be announced; ``would_be`` is the rank
    that the member then falls to. ``override_set``: another override came into force. ``override_ended``: the one of
    ``override_before`` ended, by ``until``, ``withdrawn`` or ``tier_gone``. ``fell_by``: the base
    fell by ``hold_end``, ``grace_end`` or ``retest``.

    ``late_at``: a new order, bought at that instant (epoch ms), may show outcomes to have been wrong; ``corrected``
    says which. ``base_before`` is the rank that the rules gave before. ``withdrawn``: a provisional base fell, which
    was the tier. ``confirmed``: the base is provisional no longer, and is the tier.

    ``by_peers``: the base fell at the end of its hold although the member still passes the test that it rested on.

    ``new_policy``: the policy is another one than at the evaluation before; ``still_held`` then says whether the base
    has a hold by the one before.
    """

    __slots__ = (
        "base_before",
        "by_peers",
        "confirmed",
        "corrected",
        "expiring",
        "fell_by",
        "in_grace_before",
        "late_at",
        "new_policy",
        "override_before",
        "override_ended",
        "override_set",
        "prolonged",
        "segments_before",
        "stage_before",
        "still_held",
        "tier_before",
        "withdrawn",
        "would_be",
    )

    def __init__(
        self,
        tier_before: int,
        stage_before: int,
        segments_before: tuple[int, int, int] = NO_MEMBERSHIPS,
        override_before: Override | None = None,
        in_grace_before: bool = False,
    ) -> None:
        self.tier_before = tier_before
        self.stage_before = stage_before
        self.segments_before = segments_before
        self.override_before = override_before
        self.in_grace_before = in_grace_before
        self.prolonged = False
        self.expiring = False
        self.would_be = 0
        self.override_set = False
        self.override_ended = ""
        self.fell_by = ""
        self.new_policy = False
        self.still_held = False
        self.base_before = tier_before
        self.late_at = 0
        self.corrected = NOTHING_CORRECTED
        self.withdrawn = False
        self.confirmed = False
        self.by_peers = False


def evaluate(state: MemberState, policy: Policy, evaluation: Evaluation | None = None, *, retest: bool = False) -> None:
    """Bring numbers, tier, stage and the next timer up to the state's as_of, from the whole ledger.

    What it did is noted in ``evaluation``. ``retest``: a correction, a cancel or a return led here, which may take back
    what was earned in the past.
    """
    day = policy.zone.day_of(state.as_of)
    measure(state, day, policy)
    if keep_up(state, day, policy):
        measure(state, day, policy)
    if policy.seal is not None:
        keep_caps(state, policy.seal)
    _settle(state, day, policy, evaluation, retest)


def evaluate_purchase(
    state: MemberState, at: int, bought: int, value: int, policy: Policy, evaluation: Evaluation | None = None
) -> None:
    """The same, after nothing but a new order: bought ``at`` (epoch ms, local day ``bought``) for ``value``.

    The state's other numbers must hold at as_of already, which they do when no timer lies between their evaluation and
    as_of.
    """
    day = bought if at == state.as_of else policy.zone.day_of(state.as_of)
    if add_purchase(state, day, at, bought, value, policy):
        _settle(state, day, policy, evaluation, retest=False)
    else:
        evaluate(state, policy, evaluation)


def _settle(state: MemberState, day: int, policy: Policy, evaluation: Evaluation | None, retest: bool) -> None:
    if state.further is not None or not policy.plain:
        _settle_further(state, day, policy, evaluation if evaluation is not None else Evaluation(0, 0), retest)
        return
    due_day = state.exit_day
    stage = PROSPECT
    if state.purchase_days > 0:
        stage, boundary = stage_and_boundary(policy, day - state.last_day, state.purchase_days)
        boundary += state.last_day
        if boundary < due_day:
            due_day = boundary
    state.next_due = policy.zone.start_of_day(due_day) if due_day < NO_DAY >> 1 else 0
    tier = earned_tier(policy, state.tier_frequency, state.tier_monetary)
    if tier != state.tier:
        state.tier = tier
        state.tier_since = state.as_of
    if stage != state.stage:
        state.stage = stage
        state.stage_since = state.as_of


def _settle_further(state: MemberState, day: int, policy: Policy, evaluation: Evaluation, retest: bool) -> None:
    """The same with everything that a policy may ask for, and with an override."""
    own = state.own_further()
    if own.remembered:
        forget_until(own, day - policy.horizon_days, policy)
    timers = [policy.zone.start_of_day(state.exit_day)] if state.exit_day < NO_DAY >> 1 else []
    _settle_tier(state, own, day, policy, evaluation, retest, timers)
    stage, own.told_stage, timer = lifecycle_at(state, policy, state.as_of)
    timers.append(timer)
    if stage != state.stage:
        state.stage = stage
        state.stage_since = state.as_of
    own.rf_segment, own.quadrant, own.kind_of_eight = segments_at(state, policy, day)
    timers.append(next_segment_timer(state, policy, day))
    state.next_due = min([due for due in timers if due > 0], default=0)
    if not own.says_something(state.tier, state.stage):
        state.further = None


def _settle_tier(
    state: MemberState,
    own: Further,
    day: int,
    policy: Policy,
    evaluation: Evaluation,
    retest: bool,
    timers: list[int],
) -> None:
    """The tier, its hold and its override at as_of; their timers are added to ``timers`` (epoch ms, 0 for none)."""
    evaluation.base_before = own.base
    was_provisional = own.provisional
    if evaluation.late_at:
        evaluation.corrected = correct(state, own, policy, evaluation.late_at)
    if own.override is not None:
        became = override_step(own, policy, state.as_of, evaluation.override_before)
        evaluation.override_set = became == SET
        evaluation.override_ended = became if became in {UNTIL, WITHDRAWN, TIER_GONE} else ""
        if own.override_in_force:
            timers.append(own.override.until)
    windows = [(state.tier_frequency, state.tier_monetary)]
    if policy.tier_window != ROLLING:
        windows = counts_at(state, policy, state.as_of)
        state.tier_frequency, state.tier_monetary = windows[0]
        if windows[0][0] > 0 or windows[1][0] > 0:
            timers.append(policy.zone.start_of_day(year_start(state, policy, day, 1)))
    if policy.holds is None:
        step_at_once(state, own, policy, windows, retest)
    else:
        asked = own.asked
        if evaluation.new_policy:
            became = change_step(state, own, policy, policy.holds, windows, evaluation.still_held)
        else:
            became = hold_step(state, own, policy, policy.holds, windows, retest)
        would_be = notice_step(state, own, policy, policy.holds)
        evaluation.fell_by = became if became in {HOLD_END, GRACE_END, RETEST} else ""
        evaluation.by_peers = became in {HOLD_END, GRACE_END} and asked is not None and passes(asked, windows)
        evaluation.prolonged = became == PROLONGED and own.base >= own.floor
        evaluation.expiring = would_be >= 0
        evaluation.would_be = max(would_be, 0)
        timers.append(next_hold_timer(state, own, policy, policy.holds))
    if was_provisional or own.provisional:
        fell = was_provisional and own.base < evaluation.base_before
        evaluation.withdrawn = fell and evaluation.tier_before == evaluation.base_before
        evaluation.confirmed = confirmation_step(state, own, policy) and own.base >= own.floor
        timers.append(next_settling(state, own, policy))
    tier = max(own.base, own.floor)
    if tier != state.tier:
        state.tier = tier
        state.tier_since = state.as_of
