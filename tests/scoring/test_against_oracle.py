"""The engine and the oracle were written apart from one text: a log on which they differ is a defect of one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.codecs import encode_event
from tests.oracle.generate import generate
from tests.oracle.golden import Golden, golden_cases, in_words
from tests.oracle.log import LogRecord
from tests.oracle.random_logs import random_log
from tests.oracle.records import DAY_MS, HOUR_MS, POLICY, as_log
from tests.oracle.rules import ExpectedOutcome, expected
from tests.oracle.telling import Telling, ms
from tests.oracle.test_corrections_by_hand import late_orders, quiet
from tests.oracle.test_holds_by_hand import holding, two_orders
from tests.oracle.test_overrides_by_hand import given as overridden
from tests.oracle.test_overrides_by_hand import taken_back
from tests.scoring.engine_replay import EngineReplay

#: Everything within three weeks, so that short logs cross every boundary; the horizon is 18 days.
QUICK: Mapping[str, Any] = {
    **POLICY,
    "windows": {"reported_days": 10, "return_days": 3},
    "tiers": {
        "window_days": 7,
        "levels": [
            {"name": "bronze"},
            {"name": "silver", "frequency": 2, "monetary": 600, "match": "any"},
            {"name": "gold", "frequency": 3, "monetary": 1_000, "match": "all"},
            {"name": "black", "monetary": 10_000, "match": "any"},
        ],
    },
    "lifecycle": {"near_churn_days": 2, "recently_lapsed_days": 3, "mid_lapsed_days": 5, "dormant_days": 9},
}
#: The last day with the old offset of New York; the following weeks have the new one.
START = ms("2026-03-07T00:00")

#: The size of things as a shop has them, with everything switched on.
_HELD = {"downgrade": "at_hold_end", "grace_days": 14, "levels": POLICY["tiers"]["levels"]}
_SEGMENTS = {"high_monetary": 10_000, "told": ["champion", "at_risk", "important_value", "frequent_low_spend"]}
_RHYTHM = {"mode": "rhythm", "allowed_lateness_hours": 24, "quiet_days": ["2026-04-03/2026-04-06", "2026-12-24"]}
REALISTIC: Mapping[str, Mapping[str, Any]] = {
    "held for half a year": {
        **POLICY,
        "tiers": {**_HELD, "window_days": 180, "hold_days": 180, "expiring_days": 30},
        "segments": _SEGMENTS,
    },
    "calendar year and own rhythm": {
        **POLICY,
        "tiers": {**_HELD, "window": "calendar_year", "fall": "to_match"},
        "lifecycle": _RHYTHM,
    },
    "membership year": {**POLICY, "tiers": {**_HELD, "window": "membership_year"}, "segments": _SEGMENTS},
    "at once, own rhythm and segments": {**POLICY, "lifecycle": _RHYTHM, "segments": _SEGMENTS},
}

members = st.sampled_from(["m", "n"])
orders = st.sampled_from(["o1", "o2", "o3"])
revisions = st.integers(0, 3)
amounts = st.sampled_from([0, 1, 2, 300, 599, 600, 1_000, 10_000])
#: How much earlier than its record an event happened; negative is the future, around both limits.
lags = st.one_of(
    st.just(0),
    st.sampled_from([-600_001, -600_000, -1, 1, HOUR_MS]),
    st.integers(0, 20).map(lambda days: days * DAY_MS),
    st.integers(0, 20 * DAY_MS),
)
#: How far the log moves on before a step: nothing, to around a midnight of some zone, or anywhere.
pauses = st.one_of(
    st.just(0),
    st.builds(lambda hours, shift: hours * HOUR_MS + shift, st.integers(1, 96), st.sampled_from([-1, 0, 1])),
    st.integers(0, 12 * DAY_MS),
)
steps = st.one_of(
    st.tuples(st.just("order.paid"), members, orders, revisions, amounts, lags),
    st.tuples(st.just("order.paid"), members, orders, st.just(1), amounts, st.just(0)),
    st.tuples(st.just("order.returned"), members, orders, revisions, amounts, lags, st.sampled_from(["total", "r2"])),
    st.tuples(st.just("order.cancelled"), members, orders, revisions, lags),
    st.tuples(st.sampled_from(["visit", "member.joined", "member.erased"]), members, lags),
    st.tuples(st.just("order.paid in another currency"), members),
    st.tuples(st.just("again"), st.integers(0, 10)),
    st.tuples(st.just("tick"), st.sampled_from([0, 0, 0, 1, HOUR_MS, DAY_MS])),
)


def tell(policy: Mapping[str, Any], story: list[tuple[int, Any]], *, imported: bool) -> Telling:
    told, now = Telling(policy), START
    for pause, step in story:
        now += pause
        headers = (("log_time", b"%d" % now),) if imported else ()
        match step:
            case ("order.paid", member, order, revision, amount, lag):
                told.paid(order, amount, now - lag, member_id=member, revision=revision, seen=now, headers=headers)
            case ("order.returned", member, order, revision, amount, lag, return_id):
                also = {"member_id": member, "revision": revision, "return_id": return_id}
                told.returned(order, amount, now - lag, seen=now, headers=headers, **also)
            case ("order.cancelled", member, order, revision, lag):
                told.cancelled(order, now - lag, member_id=member, revision=revision, seen=now, headers=headers)
            case ("order.paid in another currency", member):
                told.paid("o9", 500, now, member_id=member, currency="EUR", headers=headers)
            case ("again", back):
                record = told.log[-1 - min(back, len(told.log) - 1)]
                told.put(record.key or b"", record.value or b"", now, *headers)
            case ("tick", ago):
                told.tick(now - ago, *headers)
            case (kind, member, lag):
                told.event(kind, now - lag, member_id=member, seen=now, headers=headers)
    return told


def by_member(outcomes: list[ExpectedOutcome]) -> dict[str, list[ExpectedOutcome]]:
    ordered = sorted(outcomes, key=attrgetter("member_id"))
    return {name: list(told) for name, told in groupby(ordered, attrgetter("member_id"))}


@settings(max_examples=400, deadline=None)
@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"]),
    minimum=st.sampled_from([1, 300]),
    story=st.lists(st.tuples(pauses, steps), min_size=5, max_size=60),
    imported=st.booleans(),
    through_rows=st.booleans(),
)
def test_any_short_log_means_the_same_to_the_engine_and_to_the_oracle(
    *, zone: str, minimum: int, story: list[tuple[int, Any]], imported: bool, through_rows: bool
) -> None:
    told = tell({**QUICK, "time_zone": zone, "min_order_amount": minimum}, story, imported=imported)
    answer = told.answer()
    replay = EngineReplay(through_rows=through_rows).read(told.log)
    assert replay.refused == {offset: reason for (_, offset), reason in answer.dead_letters.items()}
    assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values()))
    assert replay.members() == answer.members


@pytest.mark.parametrize("first_seed", range(0, 240, 20))
@pytest.mark.parametrize("through_rows", [False, True])
def test_any_policy_means_the_same_to_the_engine_and_to_the_oracle(first_seed: int, *, through_rows: bool) -> None:
    for seed in range(first_seed, first_seed + 20):
        told = random_log(seed)
        answer = told.answer()
        replay = EngineReplay(through_rows=through_rows).read(told.log)
        assert replay.refused == {offset: reason for (_, offset), reason in answer.dead_letters.items()}, seed
        assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values())), seed
        assert replay.members() == answer.members, seed
        assert replay.further() == answer.further, seed


#: What a policy, or a shop that changes its policy, may add to the random logs.
FEATURES = {
    "policies": frozenset({"policies"}),
    "provisional": frozenset({"provisional"}),
    "corrections": frozenset({"corrections"}),
    "sealing": frozenset({"sealing"}),
    "actions": frozenset({"actions", "policies"}),
    "all of them": frozenset({"policies", "provisional", "corrections", "sealing", "actions"}),
}


@pytest.mark.parametrize("first_seed", range(1_000, 1_040, 20))
@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES.keys())
def test_whatever_a_policy_switches_on_means_the_same_to_the_engine_and_to_the_oracle(
    features: frozenset[str], first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + 20):
        told = random_log(seed, 80, features)
        answer = told.answer()
        replay = EngineReplay(through_rows=True).read(told.log)
        assert replay.refused == {offset: reason for (_, offset), reason in answer.dead_letters.items()}, seed
        assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values())), seed
        assert replay.members() == answer.members, seed
        assert replay.further() == answer.further, seed


@pytest.mark.parametrize("seed", [102, 108, 116])
def test_member_with_many_orders_is_sealed_alike_by_both(seed: int) -> None:
    told = random_log(seed, 400, FEATURES["sealing"])
    answer, replay = told.answer(), EngineReplay(through_rows=True).read(told.log)
    assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values()))
    assert (replay.members(), replay.further()) == (answer.members, answer.further)


#: Orders of three weeks ago have left by the first policy; by the second they would not.
LENGTHENED = {**QUICK, "version": 99, "windows": {"reported_days": 200, "return_days": 3}}


def after_one_left(late: str) -> Telling:
    told = Telling(QUICK).paid("o1", 600, "2026-03-01").event("visit", "2026-03-20").publish(LENGTHENED, "2026-03-20")
    return told.paid("o2", 300, late, seen="2026-03-20")


EDGES = {
    "late order older than one that left": after_one_left("2026-02-28"),
    "late order of the day of one that left": after_one_left("2026-03-01T11:00"),
    "late order newer than one that left": after_one_left("2026-03-02"),
    "order that leaves on a day that has left before": after_one_left("2026-03-01T13:00").event("visit", "2026-10-30"),
    "override withdrawn before its end": taken_back(
        overridden(Telling(), "A", "2026-01-20T12:00:00", "2026-01-10"), "2026-01-20T11:59:59.999"
    ),
    "override withdrawn at its end": taken_back(
        overridden(Telling(), "A", "2026-01-20T12:00:00", "2026-01-10"), "2026-01-20T12:00:00"
    ),
    "hold below lasts a millisecond more": two_orders(holding())
    .paid("o3", 1, "2026-01-03")
    .cancelled("o3", "2026-01-21T23:59:59.999"),
    "hold below ends at the instant of the cancel": two_orders(holding())
    .paid("o3", 1, "2026-01-03")
    .cancelled("o3", "2026-01-22T00:00"),
    "order of the instant of an alert": quiet().paid("o2", 100, "2026-01-11T00:00", seen="2026-01-12"),
    "order of a millisecond after an alert": quiet().paid("o2", 100, "2026-01-11T00:00:00.001", seen="2026-01-12"),
    "fall whose hold would last a millisecond more": late_orders("2026-02-10T23:59:59.999"),
    "fall whose hold would end at this instant": late_orders("2026-02-11T00:00"),
}


@pytest.mark.parametrize("told", EDGES.values(), ids=EDGES.keys())
def test_edge_that_chance_seldom_meets_means_the_same_to_both(told: Telling) -> None:
    answer, replay = told.answer(), EngineReplay(through_rows=True).read(told.log)
    assert replay.outcomes == list(answer.outcomes.values())
    assert (replay.members(), replay.further()) == (answer.members, answer.further)


def as_the_engine_writes_it(golden: Golden, replay: EngineReplay) -> Iterator[LogRecord]:
    """The log of a case, with what the engine itself has written for others by then."""
    forwards = 0
    for record in golden.log.log:
        if record.offset in golden.written:
            yield replace(record, value=encode_event(replay.forwards[forwards].event)[1])
            forwards += 1
        else:
            yield record


@pytest.mark.parametrize("golden", golden_cases(), ids=lambda golden: golden.name)
def test_engine_answers_as_the_golden_case_says(golden: Golden) -> None:
    replay = EngineReplay(through_rows=True)
    replay.read(as_the_engine_writes_it(golden, replay))
    assert in_words(replay.outcomes) == golden.told
    assert list(replay.refused.values()) == golden.refused
    assert golden.found(replay.members(), replay.further()) == golden.ends
    assert len(replay.forwards) == len(golden.written)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("zone", "log_times"), [("UTC", False), ("America/New_York", True)])
def test_a_long_realistic_log_means_the_same_to_the_engine_and_to_the_oracle(
    seed: int, zone: str, *, log_times: bool
) -> None:
    records = generate(
        seed,
        80,
        3_000,
        start_ms=START,
        partitions=1,
        late=0.1,
        returns=0.1,
        revisions=0.15,
        log_times=log_times,
        policy={**POLICY, "time_zone": zone},
    )
    log, poison = as_log(records)
    answer, replay = expected(log, epoch=1, poison=poison), EngineReplay().read(log, poison)
    assert replay.refused == {offset: reason for (_, offset), reason in answer.dead_letters.items()}
    assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values()))
    assert replay.members() == answer.members
    assert {o.reason for o in replay.outcomes} >= {"purchase", "revision", "return", "cancel", "window_exit", "quiet"}


@pytest.mark.parametrize("policy", REALISTIC.values(), ids=REALISTIC.keys())
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_long_realistic_log_means_the_same_under_policies_with_everything(
    policy: Mapping[str, Any], zone: str
) -> None:
    policy = {**policy, "time_zone": zone}
    records = generate(
        9, 80, 3_000, start_ms=START, partitions=1, days=900, late=0.1, returns=0.1, revisions=0.1, policy=policy
    )
    log, poison = as_log(records)
    answer, replay = expected(log, epoch=1, poison=poison), EngineReplay(through_rows=True).read(log, poison)
    assert replay.refused == {offset: reason for (_, offset), reason in answer.dead_letters.items()}
    assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values()))
    assert (replay.members(), replay.further()) == (answer.members, answer.further)
