"""The fields that only some kinds of outcomes have, in the order in which they are written; see docs/outcomes.md."""

import msgspec


class TierPart(msgspec.Struct, gc=False):
    """What every tier kind says besides."""

    base: msgspec.Raw | None
    floor: msgspec.Raw | None
    held_until: str | None
    grace_until: str | None


class MergePart(TierPart, gc=False):
    """Whom the member is, or was, merged into."""

    into: str


class ExpiringPart(TierPart, gc=False):
    """The end of a hold is announced."""

    would_be: msgspec.Raw


class RisingPart(TierPart, gc=False):
    """A member rose, under a policy with provisional upgrades."""

    provisional: bool


class PyramidPart(TierPart, gc=False):
    """A member rose or fell by percentile; ``cut`` and ``cuts_date`` are None where thresholds decided."""

    value: int
    cut: int | None
    cuts_date: str | None
    moved_by: str


class SupersededOutcome(msgspec.Struct, gc=False):
    """An outcome that was wrong."""

    kind: str
    at: str
    sequence: int


class TierCorrectedPart(TierPart, gc=False):
    """A fall was wrong; ``supersedes`` is its ce_id, ``now`` the tier."""

    supersedes: str
    superseded: SupersededOutcome
    now: msgspec.Raw


class AlertCorrectedPart(msgspec.Struct, gc=False):
    """An alert was wrong; ``supersedes`` is its ce_id, ``now`` the stage that alerts follow."""

    supersedes: str
    superseded: SupersededOutcome
    now: msgspec.Raw


class OverrideSet(msgspec.Struct, gc=False):
    """A tier granted by hand."""

    tier: str
    until: str
    reason: str
    actor: str
    event_id: str


class OverrideSetPart(TierPart, gc=False):
    """An override came into force."""

    override: OverrideSet


class OverrideGone(msgspec.Struct, gc=False):
    """A tier that had been granted by hand."""

    tier: str
    until: str
    event_id: str


class OverrideEndedPart(TierPart, gc=False):
    """An override ended; ``detail`` is until, withdrawn or tier_gone."""

    override: OverrideGone
    detail: str


class RecommendedAction(msgspec.Struct, gc=False):
    """What the policy recommends for such a member."""

    offer: str
    message_key: str
    valid_until: str
    cap: int
    cap_days: int | None
    channel: str | None


class ActionPart(msgspec.Struct, gc=False):
    """What every kind says that can have an action, under a policy with actions."""

    action: RecommendedAction | None
    action_withheld: RecommendedAction | None
    holdout: bool
    no_action_reason: str | None
