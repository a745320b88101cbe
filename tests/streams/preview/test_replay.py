"""A preview says what the scorer then does: the same members, remembered, judged by the same rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.changelog import PartitionMemory, remembered
from streams.log_reading import LogRecord
from streams.policy_file import PolicyDocument
from streams.preview.reading import Preview, judge
from streams.preview.replay import Replay, started
from streams.preview.report import as_data
from streams.preview.tally import Move
from tests.driver import ScorerDriver, day, paid

LEVELS: list[dict[str, Any]] = [
    {"name": "D"},
    {"name": "C", "frequency": 2},
    {"name": "B", "frequency": 4},
    {"name": "A", "frequency": 6},
]


def a_policy(version: int = 1, **sections: Any) -> PolicyDocument:
    base = {"version": version, "currency": "USD", "time_zone": "UTC", "tiers": {"levels": LEVELS}}
    return PolicyDocument.model_validate({**base, **sections})


def tiers(levels: list[dict[str, Any]] = LEVELS, **keys: Any) -> dict[str, Any]:
    return {"tiers": {"levels": levels, **keys}}


HOLDING = tiers(downgrade="at_hold_end", hold_days=100, expiring_days=20)
#: Everybody needs twice the orders.
HARDER: list[dict[str, Any]] = [
    {"name": "D"},
    {"name": "C", "frequency": 4},
    {"name": "B", "frequency": 8},
    {"name": "A", "frequency": 12},
]
RENAMED: list[dict[str, Any]] = [{"name": "D"}, {"name": "Silver", "frequency": 2}, {"name": "A", "frequency": 6}]
EASIER: list[dict[str, Any]] = [
    {"name": "D"},
    {"name": "C", "frequency": 1},
    {"name": "B", "frequency": 2},
    {"name": "A", "frequency": 3},
]

BY_PERCENT: list[dict[str, Any]] = [
    {"name": "D"},
    {"name": "C", "frequency": 1000, "enter_percent": 50, "leave_percent": 60},
    {"name": "B", "frequency": 2000, "enter_percent": 10, "leave_percent": 20},
]
FEWER: list[dict[str, Any]] = BY_PERCENT[:2]

FOLLOWERS = {
    "harder at once": tiers(HARDER),
    "harder, held": tiers(HARDER, downgrade="at_hold_end"),
    "harder, held, switch off": {
        **tiers(HARDER, downgrade="at_hold_end"),
        "change": {"no_one_falls_before_expiry": False},
    },
    "easier": tiers(EASIER),
    "tiers gone and renamed": tiers(RENAMED),
    "earlier alerts": {**tiers(), "lifecycle": {"near_churn_days": 20, "recently_lapsed_days": 40}},
    "segments begin": {
        **tiers(),
        "segments": {"high_monetary": 10_000, "told": ["champion", "at_risk", "hibernating", "new"]},
    },
    "shorter window": {**tiers(window_days=30), "windows": {"reported_days": 60}},
}


def a_shop(first: PolicyDocument, orders: list[tuple[int, int, int]], last_day: int) -> ScorerDriver:
    """Members 0 to 9 with orders of (member, day, amount), ticks every ten days until ``last_day``."""
    shop = ScorerDriver(first)
    days = sorted({*(at for _, at, _ in orders), *range(0, last_day + 1, 10)})
    for at in days:
        for number, (member, bought, amount) in enumerate(orders):
            if bought == at:
                shop.pipe(paid(f"m{member}", f"o{number}", day(at), amount))
        if at % 10 == 0:
            shop.tick(day(at + 0.5))
    return shop


def memory_of(shop: ScorerDriver) -> PartitionMemory:
    shop.cut()
    records = [LogRecord(0, each.offset, 0, each.key, each.value, ()) for each in shop.changelog]
    found = remembered(0, records)
    assert found is not None
    return found


def previewed(shop: ScorerDriver, new: PolicyDocument, shown: int = 0) -> tuple[Replay, list[Move]]:
    found = started(new.to_policy(), shown)
    moves: list[Move] = []
    judge(memory_of(shop), new, found, moves.append, lambda _: None)
    return found, moves


def published(shop: ScorerDriver, new: PolicyDocument) -> list[dict[str, Any]]:
    """What the scorer tells when the policy comes."""
    told = len(shop.outcomes())
    shop.publish(new, day(1000))
    return shop.outcomes()[told:]


def counted(found: Replay, shop: ScorerDriver, before: dict[str, str], new: PolicyDocument, told: list[Any]) -> None:
    """Compare every number of the preview with what came to be."""
    names = [level.name for level in new.tiers.levels]
    now = {key.decode(): names[shop_member(shop, key.decode()).tier] for key in shop.partition.rows}
    moves = {(was, now[member]): 0 for member, was in before.items()}
    for member, was in before.items():
        moves[was, now[member]] += 1
    assert dict(found.as_written.moves) == moves
    kinds: dict[str, int] = {}
    for body in told:
        kinds[body["kind"]] = kinds.get(body["kind"], 0) + 1
    assert dict(found.as_written.outcomes) == kinds


def shop_member(shop: ScorerDriver, member_id: str) -> Any:
    state = shop.member(member_id)
    assert state is not None
    return state


def tiers_now(shop: ScorerDriver, document: PolicyDocument) -> dict[str, str]:
    names = [level.name for level in document.tiers.levels]
    members = {*shop.partition.rows, *shop.partition.live}
    return {key.decode(): names[shop_member(shop, key.decode()).tier] for key in members}


ORDERS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 200), st.sampled_from([900, 5_000, 20_000])), min_size=1, max_size=50
)


@pytest.mark.parametrize("first", [tiers(), HOLDING], ids=["at once", "held"])
@pytest.mark.parametrize("follower", FOLLOWERS.values(), ids=FOLLOWERS)
@given(orders=ORDERS, last_day=st.sampled_from([60, 200, 390]))
def test_preview_and_reality_agree_about_every_member(
    first: dict[str, Any], follower: dict[str, Any], orders: list[tuple[int, int, int]], last_day: int
) -> None:
    old, new = a_policy(1, **first), a_policy(2, **follower)
    shop = a_shop(old, orders, last_day)
    before = tiers_now(shop, old)
    found, moves = previewed(shop, new)
    told = published(shop, new)
    counted(found, shop, before, new, told)
    after = tiers_now(shop, new)
    assert {move.member_id: (move.before, move.after) for move in moves} == {
        member: (before[member], after[member]) for member in before if before[member] != after[member]
    }


def test_cuts_in_force_go_on_deciding_under_the_new_policy() -> None:
    old, new = a_policy(1, **tiers(BY_PERCENT, basis="percentile")), a_policy(2, **tiers(FEWER, basis="percentile"))
    shop = a_shop(old, [(member, at, 5_000) for member in (1, 2, 3) for at in range(member)], 20)
    cut = {"C": {"enter": 20_000, "leave": 900}, "B": {"enter": 40_000, "leave": 20_000}}
    shop.cuts("2026-01-21", {"ranked": 1_000, "fallback": False, "tiers": cut, "medians": None}, day(20.6))
    before = tiers_now(shop, old)
    assert before == {"m1": "D", "m2": "C", "m3": "B"}
    found, _ = previewed(shop, new)
    # By the thresholds of the file all would be in D.
    assert found.as_written.moves == {("D", "D"): 1, ("C", "C"): 1, ("B", "C"): 1}
    counted(found, shop, before, new, published(shop, new))


def test_the_switch_is_shown_in_both_positions_whichever_the_file_has() -> None:
    shop = a_shop(a_policy(1, **HOLDING), [(1, at, 5_000) for at in range(4)], 10)
    held = {**tiers(HARDER, downgrade="at_hold_end")}
    for written, kept in ((True, 0), (False, 1)):
        new = a_policy(2, **held, change={"no_one_falls_before_expiry": written})
        found, moves = previewed(shop, new, shown=5)
        assert found.otherwise is not None
        assert (found.as_written.moved, found.otherwise.moved) == (kept, 1 - kept)
        assert [move.member_id for move in found.as_written.first_losers()] == ["m1"] * kept
        assert len(moves) == kept


def test_held_tier_that_is_lost_is_named_with_the_time_it_was_to_last() -> None:
    shop = a_shop(a_policy(1, **HOLDING), [(1, at, 5_000) for at in range(4)], 10)
    found, _ = previewed(shop, a_policy(2, **tiers(HARDER)), shown=5)
    [loser] = found.as_written.first_losers()
    assert (loser.before, loser.after, loser.direction) == ("B", "C", "falls")
    # The fourth order, of 4 January, earned B; it is held for 100 days.
    assert loser.promised_until == int(day(103).timestamp() * 1000) - 12 * 3_600_000
    assert found.otherwise is None


def test_fall_after_the_hold_breaks_no_promise() -> None:
    first = tiers(downgrade="at_once")
    shop = a_shop(a_policy(1, **first), [(1, at, 5_000) for at in range(4)], 10)
    found, [move] = previewed(shop, a_policy(2, **tiers(HARDER)))
    assert (move.direction, move.promised) == ("falls", False)
    assert found.as_written.promises_lost == 0


def test_granted_tier_that_is_gone_is_a_broken_promise() -> None:
    shop = a_shop(a_policy(1), [(1, 0, 5_000)], 0)
    until = day(300).isoformat()
    grant = {"type": "tier.overridden", "event_id": "g", "member_id": "m1", "occurred_at": day(1).isoformat()}
    shop.pipe({**grant, "tier": "A", "until": until, "reason": "kindness", "actor": "eve"})
    found, [move] = previewed(shop, a_policy(2, **tiers(LEVELS[:3])))
    assert (move.before, move.after) == ("A", "D")
    assert move.loses_a_promise
    assert found.as_written.promises_lost == 1


def test_tier_held_for_good_is_a_promise_without_an_end() -> None:
    for_good = [*LEVELS[:2], {**LEVELS[2], "never_downgrade": True}, LEVELS[3]]
    shop = a_shop(a_policy(1, **tiers(for_good, downgrade="at_hold_end")), [(1, at, 5_000) for at in range(4)], 10)
    found, [move] = previewed(shop, a_policy(2, **tiers(HARDER)))
    assert (move.before, move.promised, move.promised_until) == ("B", True, 0)
    assert found.as_written.promises_lost == 1


def test_benefits_are_priced_before_and_after() -> None:
    priced = [{**level, "benefit_cost": 100 * number} for number, level in enumerate(LEVELS)]
    dearer = [{**level, "benefit_cost": 1_000 * number} for number, level in enumerate(HARDER)]
    shop = a_shop(a_policy(1, **tiers(priced)), [(1, at, 5_000) for at in range(4)] + [(2, 1, 5_000)], 10)
    old, new = a_policy(1, **tiers(priced)), a_policy(2, **tiers(dearer))
    found, _ = previewed(shop, new)
    data = as_data(Preview(in_force=old, in_force_version=1, new=new, found=found))
    # One in B and one in D, then one in C and one in D.
    assert data["benefit_cost_per_year"] == {"before": 200, "after": 1_000}


def test_row_with_the_highest_offset_counts_whatever_was_written_last() -> None:
    shop = a_shop(a_policy(), [(1, 0, 5_000)], 0)
    early = memory_of(shop)
    shop.pipe(paid("m1", "another", day(5)))
    late = memory_of(shop)
    records = [LogRecord(0, n, 0, each.key, each.value, ()) for n, each in enumerate(shop.changelog)]
    found = remembered(0, [*records, LogRecord(0, 99, 0, b"m1", early.rows[b"m1"], ())])
    assert found is not None
    assert found.rows == late.rows
    assert found.position == late.position
    assert remembered(0, records[:1]) is None
