"""What the log says of members who are merged, unmerged and erased, and what is foreseen before it is done."""

import json
from typing import Any

import pytest

from scoring.calendar import instant_of
from scoring.errors import Refused
from scoring.events import MemberErased, MemberMerged, MemberUnmerged
from scoring.policy import Policy
from scoring.state import MemberState
from streams.commands.merging import foreseen, remarks
from streams.exits import CommandError, ExitCode
from streams.log_reading import LogRecord
from streams.member_history import erasure_version
from streams.merge_trial import Change, standing_text, tried
from streams.outcome_records import OutcomeRecords
from streams.verification import compare_scores
from tests.driver import day, key_on, paid
from tests.streams.published_schemas import assert_fits
from tests.two_partitions import Partitions, chain_of, erased, merged, unmerged

S, T = key_on(0, 2, "s"), key_on(1, 2, "t")
AT = day(10)


@pytest.fixture
def shop() -> Partitions:
    shop = Partitions()
    shop.pipe(paid(S, "o1", day(0)), paid(S, "o2", day(1)), paid(T, "p1", day(2)))
    return shop


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "id"}


def test_every_outcome_of_a_merge_fits_its_published_schema(shop: Partitions) -> None:
    shop.pipe(merged(S, T, AT), unmerged(S, T, day(11)), merged(S, T, day(12)), erased(S, day(13)), erased(T, day(14)))
    for member_id in (S, T):
        for body in shop.outcomes(member_id):
            assert_fits(without_id(body), body["kind"])
    assert {"tier.merged", "tier.unmerged", "tier.erased"} <= set(shop.kinds(S))


def test_the_sentences_of_a_merge(shop: Partitions) -> None:
    shop.pipe(merged(S, T, AT), unmerged(S, T, day(11)), erased(S, day(13)))
    told = {body["kind"]: body["sentence"] for body in shop.outcomes(S)}
    assert told["tier.merged"] == f"member {S} is merged into member {T}"
    assert told["tier.unmerged"] == f"member {S} is no longer merged into member {T}"
    assert told["tier.erased"] == f"member {S} is erased: nothing about them is kept"
    assert shop.outcomes(T)[-1]["sentence"].endswith(", after a merge was taken back")


def test_a_circle_is_named_in_the_sentence(shop: Partitions) -> None:
    shop.pipe(merged(S, T, AT), merged(T, S, AT), deliver=False)
    shop.deliver()
    [undone] = [body for body in shop.outcomes(S) if body["kind"] == "tier.unmerged"]
    assert undone["sentence"].endswith("because the merges ran in a circle")
    assert_fits(without_id(undone), "tier.unmerged")


def test_the_score_of_a_merged_member_fits_its_schema(shop: Partitions) -> None:
    shop.pipe(merged(S, T, AT))
    score = shop.score(S)
    assert score is not None
    assert_fits(score, "member-score")


def records_of(shop: Partitions) -> dict[bytes, OutcomeRecords]:
    writer = OutcomeRecords(shop.policy, 1)
    return {member_id.encode(): writer for member_id in (S, T)}


def test_an_erased_member_without_a_score_is_no_difference_and_with_one_is(shop: Partitions) -> None:
    score = json.dumps(shop.score(S)).encode()
    shop.pipe(erased(S, AT))
    members = {S.encode(): shop.member(S)}
    assert compare_scores(members, {}, records_of(shop), 100).exact
    tally = compare_scores(members, {S.encode(): score}, records_of(shop), 100)
    assert (tally.unexpected, tally.equal) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ((("epoch", b"2"), ("offset", b"7")), (2, 7)),
        ((("epoch", b"2"),), None),
        ((("epoch", b"2"), ("offset", b"x")), None),
        ((), None),
    ],
)
def test_a_deletion_tells_its_version(headers: tuple[tuple[str, bytes], ...], version: tuple[int, int] | None) -> None:
    assert erasure_version(LogRecord(0, 0, 0, b"m", None, headers)) == version


# -- before it is done ------------------------------------------------------------------------------------------------


def event(kind: type[Any], member_id: str = S, **fields: Any) -> Any:
    return kind(event_id="try", member_id=member_id, occurred_at=AT, **fields)


def the_trial(shop: Partitions, wanted: Any) -> list[Change]:
    def row_of(member_id: str) -> MemberState | None:
        return shop.of(member_id).member(member_id)

    return foreseen(wanted, row_of, shop.policy)


def texts(changes: list[Change], policy: Policy) -> list[tuple[str, str, str]]:
    return [
        (change.member_id, standing_text(change.before, policy), standing_text(change.after, policy))
        for change in changes
    ]


def test_what_a_merge_would_do_is_what_it_does(shop: Partitions) -> None:
    changes = the_trial(shop, event(MemberMerged, into=T))
    assert texts(changes, shop.policy) == [
        (S, "tier C, 2 orders, 100.00 USD", f"merged into {T}"),
        (T, "tier D, 1 order, 50.00 USD", "tier C, 3 orders, 150.00 USD"),
    ]
    assert remarks(event(MemberMerged, into=T), changes) == ["it can be taken back until 2026-02-10T00:00:00.000Z"]
    shop.pipe(merged(S, T, AT))
    assert shop.numbers(T) == ("C", 3, 15_000)


def test_what_an_unmerge_would_do_is_what_it_does(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(5)))
    assert texts(the_trial(shop, event(MemberUnmerged, into=T)), shop.policy) == [
        (S, f"merged into {T}", "tier C, 2 orders, 100.00 USD"),
        (T, "tier C, 3 orders, 150.00 USD", "tier D, 1 order, 50.00 USD"),
    ]


def test_a_trial_changes_nothing(shop: Partitions) -> None:
    before = (shop.member(S).further, shop.member(T).further, len(shop.told()))
    the_trial(shop, event(MemberMerged, into=T))
    assert (shop.member(S).further, shop.member(T).further, len(shop.told())) == before


def test_an_unknown_target_is_pointed_out(shop: Partitions) -> None:
    changes = the_trial(shop, event(MemberMerged, into="nobody"))
    assert remarks(event(MemberMerged, into="nobody"), changes)[0].startswith("nobody is not known yet")


def test_who_was_merged_in_is_named_before_an_erasure(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(5)))
    changes = the_trial(shop, event(MemberErased, T))
    told = remarks(event(MemberErased, T), changes)
    assert told[0] == f"{S} was merged into {T}: erase this id too, if it is the same person"
    assert "cannot be undone" in told[1]


def refused(shop: Partitions, wanted: Any) -> CommandError:
    with pytest.raises(CommandError) as found:
        the_trial(shop, wanted)
    return found.value


def test_what_the_scorer_would_refuse_is_told_in_words(shop: Partitions) -> None:
    shop.pipe(merged(S, T, day(5)))
    direct = refused(shop, event(MemberMerged, T, into=S))
    assert direct.code == ExitCode.DATA
    assert "merge the other way round" in direct.message
    again = refused(shop, event(MemberMerged, into="other"))
    assert f"is merged into {T} already" in again.message
    assert "try:" not in again.message


def test_a_chain_that_the_scorer_would_take_for_a_circle_is_not_made_longer() -> None:
    shop, names = chain_of(10)
    found = refused(shop, event(MemberMerged, names[0], into=names[1]))
    assert (found.code, found.message) == (ExitCode.DATA, f"the merges would run in a circle through {names[8]}")


@pytest.mark.parametrize("wanted", [event(MemberMerged, into=T), event(MemberErased)])
def test_nothing_is_foreseen_of_an_erased_member(shop: Partitions, wanted: Any) -> None:
    shop.pipe(erased(S, day(5)))
    assert "is erased" in refused(shop, wanted).message


def test_nobody_is_merged_into_an_erased_member_by_the_command(shop: Partitions) -> None:
    shop.pipe(erased(T, day(5)))
    assert "the orders would be nobody's" in refused(shop, event(MemberMerged, into=T)).message


def test_an_unknown_member_is_not_merged(shop: Partitions) -> None:
    assert refused(shop, event(MemberMerged, "nobody", into=T)).code == ExitCode.NO_INPUT


def test_without_a_scorer_nobody_is_shown() -> None:
    with pytest.raises(CommandError) as found:
        foreseen(event(MemberErased), lambda _: None, None)
    assert found.value.code == ExitCode.TEMPORARY


def test_a_refusal_leaves_the_trial_as_it_came(shop: Partitions) -> None:
    with pytest.raises(Refused):
        tried(event(MemberMerged, into=S), lambda _: shop.member(S), shop.policy, instant_of(AT))
