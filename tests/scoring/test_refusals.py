"""Which events change nothing, at the last millisecond and day on either side."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from scoring.calendar import instant_of
from scoring.errors import Refused
from scoring.events import MemberEvent
from scoring.vocabulary import DAY_MS
from tests.builders import (
    NOON,
    Story,
    a_policy,
    a_return,
    a_visit,
    a_withdrawal,
    a_zone,
    an_order,
    an_override,
    contents,
    midnight,
    noon,
)

LOGGED = instant_of(NOON)


@pytest.mark.parametrize("ahead_ms", [-1, 0, 599_999, 600_000])
def test_an_event_up_to_ten_minutes_ahead_of_the_log_is_accepted(ahead_ms: int) -> None:
    story = Story()
    story.has(an_order(at=NOON + timedelta(milliseconds=ahead_ms)), log_time=LOGGED)
    assert story.member.as_of == LOGGED + ahead_ms


def test_an_event_further_ahead_of_the_log_is_quarantined() -> None:
    with pytest.raises(Refused, match="600 s") as refusal:
        Story().has(an_order(at=NOON + timedelta(milliseconds=600_001)), log_time=LOGGED)
    assert refusal.value.reason == "quarantined"


@pytest.mark.parametrize("event", [an_order(at=noon(0)), a_return(at=noon(0)), a_visit(at=noon(0))])
@pytest.mark.parametrize(("log_time", "refused"), [(midnight(460) - 1, False), (midnight(460), True)])
def test_an_event_is_too_late_from_the_start_of_its_460th_day(
    event: MemberEvent, log_time: int, *, refused: bool
) -> None:
    story = Story()
    if refused:
        with pytest.raises(Refused, match="460 days") as refusal:
            story.has(event, log_time=log_time)
        assert refusal.value.reason == "too_late"
        assert story.state is None
    else:
        story.has(event, log_time=log_time)
        assert story.member.offset == 0


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "America/Sao_Paulo"])
def test_lateness_counts_local_days(zone: str) -> None:
    table = a_zone(zone)
    policy = a_policy(zone=table)
    event = a_visit(at=datetime(2018, 11, 4, 12, tzinfo=UTC))
    limit = table.start_of_day(table.day_of(instant_of(event.occurred_at)) + 460)
    Story(policy).has(event, log_time=limit - 1)
    with pytest.raises(Refused):
        Story(policy).has(event, log_time=limit)


@pytest.mark.parametrize("moved_by", ["tick", "event"])
def test_lateness_counts_from_as_of_when_the_log_time_is_behind_it(moved_by: str) -> None:
    story = Story()
    story.has(an_order(at=noon(460)))
    story.position.log_time = midnight(459)
    if moved_by == "tick":
        story.state = None
        story.position.last_tick = midnight(460)
    with pytest.raises(Refused) as refusal:
        story.has(an_order("late", at=noon(0)), log_time=0)
    assert refusal.value.reason == "too_late"


@pytest.mark.parametrize("currency", ["USD", "eur", "Eur", "E U"])
def test_an_order_in_another_currency_is_refused(currency: str) -> None:
    with pytest.raises(Refused, match=rf"{currency}.*EUR only") as refusal:
        Story().has(an_order(currency=currency))
    assert refusal.value.reason == "wrong_currency"


def test_lateness_is_found_before_the_wrong_currency() -> None:
    with pytest.raises(Refused) as refusal:
        Story().has(an_order(currency="USD"), log_time=LOGGED + 500 * DAY_MS)
    assert refusal.value.reason == "too_late"


@pytest.mark.parametrize("tier", ["Platinum", "gold", " Gold"])
def test_an_override_to_a_tier_that_the_policy_lacks_is_refused(tier: str) -> None:
    with pytest.raises(Refused, match="Basic, Silver, Gold, Black") as refusal:
        Story().has(an_override(tier, until=midnight(50)))
    assert refusal.value.reason == "unknown_tier"


@pytest.mark.parametrize("tier", ["Basic", "Black"])
def test_every_tier_of_the_policy_can_be_granted(tier: str) -> None:
    story = Story()
    story.has(an_override(tier, until=midnight(50)), a_withdrawal(at=noon(1)))
    assert story.member.offset == 1


def test_lateness_is_found_before_the_unknown_tier() -> None:
    with pytest.raises(Refused) as refusal:
        Story().has(an_override("Platinum", until=midnight(50)), log_time=LOGGED + 500 * DAY_MS)
    assert refusal.value.reason == "too_late"


def test_a_refusal_leaves_the_member_as_she_was() -> None:
    story = Story()
    story.has(an_order(), a_visit())
    before = copy.deepcopy(contents(story.member))
    with pytest.raises(Refused):
        story.has(an_order("other", currency="USD"))
    assert contents(story.member) == before
