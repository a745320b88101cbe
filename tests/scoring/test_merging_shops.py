"""Members who are merged and taken apart over several partitions: what the engine makes of it, and what the oracle."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.oracle.answer import ExpectedOutcome
from tests.oracle.random_logs import random_log
from tests.oracle.rules import expected
from tests.scoring.engine_replay import EngineReplay
from tests.scoring.merging_shops import MergingShops
from tests.scoring.test_against_oracle import by_member

FEATURES = {
    "plain": frozenset[str](),
    "percentile": frozenset({"pyramid"}),
    "policies": frozenset({"policies"}),
    "corrections": frozenset({"corrections"}),
    "provisional": frozenset({"provisional"}),
    "sealing": frozenset({"sealing"}),
    "actions": frozenset({"actions", "policies"}),
    "orders of several, old ones too": frozenset({"shared", "old"}),
    "everything": frozenset({"shared", "old", "sealing", "policies", "corrections", "provisional"}),
}


def compared(shops: MergingShops) -> None:
    answer = expected(shops.log, epoch=1)
    refused = {(place, offset): why for place, r in enumerate(shops.replays) for offset, why in r.refused.items()}
    assert refused == answer.dead_letters
    outcomes: list[ExpectedOutcome] = [outcome for replay in shops.replays for outcome in replay.outcomes]
    assert by_member(outcomes) == by_member(list(answer.outcomes.values()))
    assert _of_all(shops, EngineReplay.members) == answer.members
    assert _of_all(shops, EngineReplay.further) == answer.further
    assert _of_all(shops, EngineReplay.gone) == answer.gone
    assert _of_all(shops, EngineReplay.forwarded) == answer.forwards


def _of_all(shops: MergingShops, read: Callable[[EngineReplay], dict[Any, Any]]) -> dict[Any, Any]:
    return {key: found for replay in shops.replays for key, found in read(replay).items()}


@pytest.mark.parametrize("first_seed", range(0, 60, 20))
@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES.keys())
def test_merging_means_the_same_to_the_engine_and_to_the_oracle(features: frozenset[str], first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 20):
        compared(MergingShops(seed, features, through_rows=seed % 2 == 1).run())


@pytest.mark.parametrize("first_seed", range(3_000, 3_060, 20))
def test_moving_cuts_mean_the_same_to_the_engine_and_to_the_oracle(first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 20):
        told = random_log(seed, 60, frozenset({"pyramid"}))
        answer, replay = told.answer(), EngineReplay(through_rows=seed % 2 == 1).read(told.log)
        assert by_member(replay.outcomes) == by_member(list(answer.outcomes.values())), seed
        assert (replay.members(), replay.further()) == (answer.members, answer.further), seed


def test_the_random_shops_merge_cross_and_take_apart() -> None:
    kinds, reasons, ways = set(), set(), set()
    for seed in range(20):
        answer = expected(MergingShops(seed).run().log, epoch=1)
        kinds |= {outcome.kind for outcome in answer.outcomes.values()}
        reasons |= {outcome.reason for outcome in answer.outcomes.values()}
        ways |= set(answer.ways)
        ways |= {"undone" for forward in answer.forwards.values() if forward.undone}
        ways |= {"two steps" for forward in answer.forwards.values() if len(forward.path) > 2}
    assert kinds >= {"tier.merged", "tier.unmerged", "tier.erased"}
    assert reasons >= {"merge", "unmerge", "cycle", "erased"}
    assert ways >= {"merge: cycle", "timer 11", "undone", "two steps", "merge: told too late"}
