"""From a partition's census to cuts, sweeps and tier changes, without a broker."""

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest

from scoring.calendar import instant_of
from streams.cuts.census import census_taker, read_sketches
from streams.cuts.gathering import Gathering
from streams.cuts_document import CutsDocument, DatedCuts
from streams.topics import CUT_SKETCHES, PARTITION_KEY
from tests.driver import ListOutbox, ScorerDriver, day, paid
from tests.streams.published_schemas import assert_fits

MEMBERS = 1_000


class Shop(ScorerDriver):
    """One partition that takes a census."""

    def __init__(self, policy: str) -> None:
        self.counted = ListOutbox()
        super().__init__(policy)

    def _new_process(self) -> None:
        super()._new_process()
        put: Any = self.counted.put
        self.partition._census = census_taker(put, CUT_SKETCHES, 0, 1)

    @property
    def sketches(self) -> list[bytes]:
        return [value for _, _, _, value, _ in self.counted.records if value is not None]

    def publish_cuts(self, at: datetime) -> DatedCuts:
        """What the ticker does with the newest sketches."""
        gathering = Gathering(1)
        for value in self.sketches:
            gathering.absorb(value)
        cuts = gathering.cuts([0])
        assert cuts is not None
        self.pipe_bytes(PARTITION_KEY, cuts.event(0), at=at)
        return cuts


def midnight(number: int) -> datetime:
    return day(number).replace(hour=0)


def a_shop(members: int = MEMBERS, policy: str = "pyramid") -> Shop:
    """Member n (m00000, m00001, …) has bought for n + 1 US cents in one order, on New Year's Day."""
    shop = Shop(policy)
    for number in range(members):
        shop.pipe(paid(f"m{number:05d}", f"o{number}", day(0), number + 1))
    return shop


def tier_of(shop: Shop, number: int) -> str:
    state = shop.member(f"m{number:05d}")
    assert state is not None
    return "DCBA"[state.tier]


def changes(shop: Shop, member: int) -> list[tuple[str, str, str, str | None]]:
    return [
        (body["from"]["name"], body["to"]["name"], body["reason"], body.get("moved_by"))
        for body in shop.outcomes(f"m{member:05d}")
        if body["kind"] in ("tier.upgraded", "tier.downgraded")
    ]


def test_the_first_tick_of_a_day_counts_everybody_and_their_cuts_move_them() -> None:
    shop = a_shop()
    assert {tier_of(shop, number) for number in range(MEMBERS)} == {"D"}, "thresholds decide before the first cuts"
    shop.tick(midnight(1))
    record = read_sketches(shop.sketches[0])
    assert (record.date, record.partition, record.policy) == ("2026-01-02", 0, shop.document.content_hash)
    cuts = shop.publish_cuts(midnight(1))
    assert CutsDocument(**_plain(cuts)).ranked == MEMBERS
    assert [tier_of(shop, number) for number in (399, 400, 799, 800, 949, 950, 999)] == list("DCCBBAA")
    assert changes(shop, 950) == [("D", "A", "cut_moved", "peers")]
    assert changes(shop, 399) == []
    [body] = [body for body in shop.outcomes("m00950") if body["kind"] == "tier.upgraded"]
    identity = body.pop("id")
    assert_fits(body, "tier.upgraded")
    assert (body["value"], body["cut"], body["cuts_date"]) == (951, 951, "2026-01-02")
    assert body["crossed"] == {"tier": "A", "cut": 951}
    assert body["cause"] == {"cuts": "2026-01-02"}
    assert (body["to_next"], body["keeps"]["tier"], body["keeps"]["cut"]) == (None, "A", 941)
    assert body["keeps"]["value"] == 951
    assert "by new cuts" in body["sentence"]
    assert identity


def _plain(cuts: DatedCuts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(cuts.cuts))
    return found


def test_a_member_rises_by_the_cuts_of_the_day_on_her_own_purchase() -> None:
    shop = a_shop()
    shop.tick(midnight(1))
    shop.publish_cuts(midnight(1))
    shop.pipe(paid("m00000", "more", day(1), 474))
    assert changes(shop, 0) == [("D", "B", "purchase", "own")]
    body = shop.outcomes("m00000")[-1]
    body.pop("id")
    assert_fits(body, "tier.upgraded")
    assert (body["value"], body["cut"], body["cuts_date"], body["moved_by"]) == (950, 801, "2026-01-02", "own")
    assert body["to_next"] == {"tier": "A", "cut": 951, "value": 950}
    shop.cut()
    score = [score for score in shop.scores() if score["member_id"] == "m00000"][-1]
    assert_fits(score, "member-score")
    assert (score["ranked"], score["to_next"]) == (True, {"tier": "A", "cut": 951, "value": 950})


def test_others_can_take_a_tier_at_the_end_of_its_hold_and_it_is_told_that_it_was_them() -> None:
    shop = a_shop()
    shop.tick(midnight(1))
    shop.publish_cuts(midnight(1))
    for number in range(900, 950):
        shop.pipe(paid(f"m{number:05d}", f"p{number}", day(2), 5_000))
    shop.tick(midnight(3))
    shop.publish_cuts(midnight(3))
    assert [tier_of(shop, number) for number in (900, 950, 999)] == list("AAA"), "a hold keeps the tier"
    shop.tick(midnight(1 + 182))
    assert changes(shop, 950)[-1] == ("A", "B", "hold_end", "peers")
    body = next(body for body in shop.outcomes("m00950") if body["kind"] == "tier.downgraded")
    body.pop("id")
    assert_fits(body, "tier.downgraded")
    assert body["crossed"] == {"tier": "A", "cut": body["cut"]}
    assert (body["value"], body["cut"] > 951, body["cuts_date"]) == (951, True, "2026-01-04")
    assert "others bought more" in body["sentence"]
    warned = next(body for body in shop.outcomes("m00950") if body["kind"] == "tier.expiring")
    warned.pop("id")
    assert_fits(warned, "tier.expiring")
    assert warned["keeps"]["cut"] == body["cut"]
    assert "orders times spend" in warned["sentence"]
    assert tier_of(shop, 900) == "A"


def test_every_outcome_and_score_under_cuts_fits_its_schema() -> None:
    shop = a_shop()
    shop.tick(midnight(1))
    shop.publish_cuts(midnight(1))
    shop.pipe(paid("m00500", "more", day(40), 7), paid("new", "first", day(41), 700))
    for number in range(2, 400, 30):
        shop.tick(midnight(number))
    alike: set[tuple[str, ...]] = set()
    for body in shop.outcomes():
        body.pop("id")
        seen = (body["kind"], body["reason"], str(body["from"]), str(body["to"]))
        if seen not in alike:
            assert_fits(body, body["kind"])
        alike.add(seen)
    assert len(alike) > 15
    shop.cut()
    for score in shop.scores()[::97]:
        assert_fits(score, "member-score")
    last = [score for score in shop.scores() if score["member_id"] == "m00001"][-1]
    assert last["ranked"] is False


def test_too_few_members_are_not_cut() -> None:
    shop = a_shop(499)
    shop.tick(midnight(1))
    shop.publish_cuts(midnight(1))
    assert tier_of(shop, 498) == "D"
    shop.pipe(paid("m00498", "more", day(1), 1))
    body = shop.outcomes("m00498")[-1]
    assert (body["to"]["name"], body["value"], body["cut"], body["cuts_date"]) == ("C", 1_000, None, None)
    assert body["crossed"] == {"tier": "C", "frequency": 2, "monetary": 10_000, "match": "any"}


def test_one_census_a_day_and_none_of_history() -> None:
    shop = a_shop(3)
    shop.tick(midnight(1))
    shop.tick(day(1))
    assert len(shop.sketches) == 1
    shop.tick(midnight(2))
    assert [read_sketches(value).date for value in shop.sketches] == ["2026-01-02", "2026-01-03"]
    imported = midnight(3)
    tick = b'{"type":"tick","at":"%s","partition":0}' % imported.isoformat().encode()
    shop._append(PARTITION_KEY, tick, log_time=instant_of(imported), imported=True)
    assert len(shop.sketches) == 2
    shop.tick(day(3))
    assert [read_sketches(value).date for value in shop.sketches][2:] == ["2026-01-04"], "the first live tick counts"


@pytest.mark.parametrize("policy", ["absolute", "small-shop", "regulars"])
def test_a_policy_that_compares_nobody_takes_no_census(policy: str) -> None:
    shop = a_shop(3, policy)
    shop.tick(midnight(1))
    assert shop.sketches == []


def test_repeated_and_earlier_cuts_are_ignored() -> None:
    shop = a_shop()
    shop.tick(midnight(1))
    cuts = shop.publish_cuts(midnight(1))
    told = len(shop.outcomes())
    everybody = DatedCuts(cuts.date, _nobody_stays())
    shop.pipe_bytes(PARTITION_KEY, cuts.event(0), at=midnight(1))
    shop.pipe_bytes(PARTITION_KEY, everybody.event(0), at=midnight(1))
    shop.pipe_bytes(PARTITION_KEY, DatedCuts("2026-01-01", everybody.cuts).event(0), at=midnight(1))
    assert (len(shop.outcomes()), shop.dead_letters()) == (told, [])
    policy = shop.partition._rules
    assert policy is not None
    assert policy.policy.cuts is not None
    assert policy.policy.cuts.enter[3] == 951


def _nobody_stays() -> Any:
    return msgspec.Raw(
        b'{"ranked":1000,"fallback":false,"tiers":{"A":{"enter":null,"leave":null},"B":{"enter":null,"leave":null},'
        b'"C":{"enter":null,"leave":null}}}'
    )


def test_cuts_outlive_a_crash_and_a_census_that_a_crash_interrupts_begins_anew() -> None:
    shop = a_shop()
    shop.cut()
    shop.tick(midnight(1), sweep=False)
    shop.sweep(10)
    assert shop.sketches == []
    shop.cut()
    shop.crash()
    assert len(shop.sketches) == 1
    shop.publish_cuts(midnight(1))
    told = [body["id"] for body in shop.outcomes()]
    shop.crash()
    assert {body["id"] for body in shop.outcomes()} == set(told)
    shop.cut()
    shop.crash()
    shop.pipe(paid("late", "o", day(1), 951))
    assert shop.kinds("late") == ["tier.joined", "tier.upgraded", "lifecycle.first_purchase"]
