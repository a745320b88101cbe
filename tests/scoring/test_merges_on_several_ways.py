"""Members who are merged into one and then into another, before the first has heard of it: old tellings come late."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.driver import NEW_YEAR, key_on, paid
from tests.two_partitions import Partitions, merged, unmerged

#: Members in turn in the first and in the second of two partitions.
A, B, C, D, E, F = (key_on(number % 2, 2, f"{name}-") for number, name in enumerate("abcdef"))

Step = tuple[Any, ...]


class Story:
    """What happens, a second apart; what members tell each other arrives when it is told to, or never again lost."""

    def __init__(self) -> None:
        self.shop = Partitions()
        self.now = NEW_YEAR
        self.orders = 0

    def tell(self, *steps: Step) -> "Story":
        """``buys``, ``into`` and ``leaves`` of members, and what happens to partitions."""
        for member, what, *whom in steps:
            self.now += timedelta(seconds=1)
            if what == "buys":
                self.orders += 1
                self.shop.pipe(paid(member, f"o{self.orders}", self.now, amount=100), deliver=False)
            elif what == "into":
                self.shop.pipe(merged(member, whom[0], self.now), deliver=False)
            elif what == "leaves":
                self.shop.pipe(unmerged(member, whom[0], self.now), deliver=False)
            elif what == "tells":
                self.shop.deliver_from(member, whom[0])
            elif what == "is remembered":
                self.shop.drivers[member].cut()
            else:
                self.shop.crash(member)
        return self

    def delivered(self) -> "Story":
        """Everything has arrived."""
        self.shop.deliver()
        return self

    def counted(self, *members: str) -> dict[str, int]:
        """The orders of each, without those who have none."""
        states = {name: self.shop.of(name).member(name) for name in members}
        return {name: state.frequency for name, state in states.items() if state is not None and state.frequency}

    def seen(self, *members: str) -> list[Any]:
        """What is counted, who is absorbed, and what members were told."""
        absorbed = [state.absorbed for name in members if (state := self.shop.of(name).member(name)) is not None]
        return [self.counted(*members), absorbed, [self.shop.kinds(name) for name in members]]

    def into(self, member: str) -> str:
        """Whom a member is merged into; nobody if live."""
        merge = self.shop.member(member).merge
        return "" if merge is None else merge.into


#: The first merge of A is told by way of D, later than the second.
OLD_TELLING_LAST: list[Step] = [(A, "into", D), (A, "leaves", D), (A, "buys"), (A, "into", B), (D, "into", B)]


def test_an_old_telling_that_comes_last_does_not_take_the_place_of_the_new_one() -> None:
    story = Story().tell(*OLD_TELLING_LAST).delivered()
    assert story.counted(A, B, C, D) == {B: 1}
    assert story.shop.member(B).absorbed == (A, D)
    story.tell((A, "leaves", B)).delivered()
    assert story.counted(A, B, C, D) == {A: 1}


def test_the_end_of_an_old_merge_that_comes_last_leaves_the_new_one() -> None:
    story = Story().tell((D, "into", B), (A, "buys"), (A, "into", D)).delivered()
    story.tell((A, "leaves", D), (A, "buys"), (A, "into", B)).delivered()
    assert story.counted(A, B, C, D) == {B: 2}
    story.tell((D, "leaves", B)).delivered()
    assert story.counted(A, B, C, D) == {B: 2}


def test_an_old_telling_does_not_bring_back_what_was_taken_out_meanwhile() -> None:
    story = Story().tell(*OLD_TELLING_LAST, (A, "leaves", B)).delivered()
    assert story.counted(A, B, C, D) == {A: 1}
    assert story.shop.member(B).absorbed == (D,)


def test_an_old_way_of_those_before_in_a_chain_does_not_take_the_place_of_the_new_one() -> None:
    story = Story().tell((A, "buys"), (A, "into", C)).delivered()
    story.tell((C, "into", B), (C, "leaves", B), (A, "buys"), (C, "into", D), (B, "into", D)).delivered()
    assert story.counted(A, B, C, D) == {D: 2}
    story.tell((A, "leaves", C)).delivered()
    assert story.counted(A, B, C, D) == {A: 2}
    assert story.shop.member(D).absorbed == (C, B)


def test_an_old_telling_that_comes_back_in_a_circle_does_not_undo_the_new_merge() -> None:
    story = Story().tell((A, "buys"), (A, "into", B), (A, "leaves", B), (B, "into", A), (A, "into", D)).delivered()
    assert (story.into(B), story.into(A), story.counted(A, B, C, D)) == (A, D, {D: 1})
    assert "cycle" not in [outcome["reason"] for outcome in story.shop.outcomes(A)]


def test_a_circle_of_new_merges_is_undone_however_late_the_old_ones_are_told() -> None:
    around: list[Step] = [(A, "into", B), (B, "into", C), (C, "into", A)]
    story = Story().tell((A, "buys"), (A, "into", D), (A, "leaves", D), *around, (D, "into", C)).delivered()
    assert sum(story.counted(A, B, C, D).values()) == 1
    assert "" in [story.into(member) for member in (A, B, C)]


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize(
    "steps", [OLD_TELLING_LAST, [*OLD_TELLING_LAST, (A, "leaves", B)]], ids=["merged", "taken out"]
)
def test_what_a_crash_repeats_brings_no_old_merge_back(steps: list[Step], lost: int) -> None:
    story = Story().tell(*steps).delivered()
    # More events than a member remembers, so that their ids do not tell that they are repeats.
    for _ in range(17):
        story.tell((C, "into", B), (C, "leaves", B)).delivered()
    before = story.seen(A, B, C, D)
    story.tell((lost, "crashes")).delivered()
    assert story.seen(A, B, C, D) == before


MEMBERS = st.sampled_from([A, B, C, D, E, F])
PAIRS = st.tuples(MEMBERS, MEMBERS)
PLACES = st.sampled_from([0, 1])


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Anything that members can do and partitions can suffer; who leaves was mostly merged before."""
    steps: list[Step] = []
    merges: list[tuple[str, str]] = []
    kinds = ["buys", "buys", "into", "into", "leaves", "leaves", "tells", "tells", "is remembered", "crashes"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=60)):
        if kind == "buys":
            steps.append((draw(MEMBERS), kind))
        elif kind == "into":
            merges.append(draw(PAIRS))
            steps.append((merges[-1][0], kind, merges[-1][1]))
        elif kind == "leaves":
            source, target = draw(st.sampled_from(merges[-8:]) if merges else PAIRS)
            steps.append((source, kind, target))
        elif kind == "tells":
            steps.append((draw(PLACES), kind, draw(st.sampled_from([1, 2, None]))))
        else:
            steps.append((draw(PLACES), kind))
    return steps


@given(stories())
@settings(deadline=None)
def test_every_order_counts_once_wherever_members_are_merged_to_and_whatever_comes_late(steps: list[Step]) -> None:
    story = Story().tell(*steps).delivered()
    assert sum(story.counted(A, B, C, D, E, F).values()) == story.orders
