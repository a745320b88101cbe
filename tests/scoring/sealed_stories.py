"""What tests about final orders ask of a member."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from scoring.errors import Refused
from scoring.events import MemberEvent
from scoring.policy import Policy, SealRules
from scoring.state import ORDER_BYTES
from tests.builders import Story, a_policy, an_order, contents, midnight, noon

FIRST_DAY = midnight(0) // 86_400_000


def sealing(*, orders: int = 512, hashes: int = 4096, **rules: object) -> Policy:
    """Orders are final after 90 days unless said otherwise."""
    return a_policy(seal=SealRules(orders, hashes), **rules)  # type: ignore[arg-type]


def at_midnight(day: int, ms: int = 0) -> datetime:
    return datetime.fromtimestamp(midnight(day) // 1000, UTC) + timedelta(milliseconds=ms)


def can_change(story: Story) -> int:
    """How many orders and stubs are not final."""
    return len(story.member.orders) // ORDER_BYTES + len(story.member.amended)


def final(story: Story) -> list[tuple[int, int, int, int]]:
    """Per day since the story's first: kept orders, what they came to, how many ids are recognised."""
    sealed = story.member.sealed
    buckets = () if sealed is None else sealed.buckets
    return [(day - FIRST_DAY, count, worth, len(ids) // 8) for day, count, worth, ids in buckets]


def forgotten_day(story: Story) -> int | None:
    sealed = story.member.sealed
    return None if sealed is None or sealed.forgotten_day < -100_000 else sealed.forgotten_day - FIRST_DAY


def sealed_last_at(story: Story) -> int:
    sealed = story.member.sealed
    return -1 if sealed is None else sealed.last_at


def is_too_late(story: Story, event: MemberEvent, *, log_time: int | None = None) -> bool:
    """Whether the event is refused; then the member is as before."""
    before = contents(story.member)
    if accepts(story, event, log_time=log_time):
        return False
    assert contents(story.member) == before
    return True


def accepts(story: Story, event: MemberEvent, *, log_time: int | None = None) -> bool:
    """Whether the event is accepted; it may be too late."""
    reason = ""
    try:
        story.has(event, log_time=log_time)
    except Refused as refused:
        reason = refused.reason
    assert reason in {"", "too_late"}
    return not reason


def orders(days: Sequence[int], prefix: str = "order") -> list[MemberEvent]:
    return [an_order(f"{prefix}-{day}", at=noon(day), net=100) for day in days]
