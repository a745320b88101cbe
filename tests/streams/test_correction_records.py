"""Corrections and provisional upgrades as consumers see them, through crashes."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from streams.outcome_ids import outcome_id
from streams.policy_file import PolicyDocument, load
from tests.driver import ScorerDriver, paid
from tests.streams.published_schemas import assert_fits

HOLD: Final[dict[str, Any]] = {"downgrade": "at_hold_end", "hold_days": 365, "grace_days": 0, "expiring_days": 0}
PROVISIONAL: Final[dict[str, Any]] = {"upgrade": "provisional"}
BOTH_WAYS = pytest.mark.parametrize("tiers", [{}, HOLD], ids=["at once", "on hold"])

Scorer = ScorerDriver
Step = Callable[[Scorer], None]


def at(text: str) -> datetime:
    """``2026-01-10`` (noon) or ``2026-03-11T00:00``, both UTC."""
    return datetime.fromisoformat(text if "T" in text else f"{text}T12:00").replace(tzinfo=UTC)


def absolute(tiers: dict[str, Any], *, corrects: bool = False) -> PolicyDocument:
    """The shipped policy, with other ways of moving between its tiers."""
    content = load("absolute").content()
    content["tiers"] |= tiers
    if corrects:
        content["corrections"] = {"enabled": True}
    return PolicyDocument.model_validate(content)


def pays(order: str, bought: str, amount: int, seen: str | None = None) -> Step:
    return lambda scorer: scorer.pipe(paid("ann", order, at(bought), amount), log_time=at(seen or bought))


def returns(order: str, returned: str, amount: int) -> Step:
    event: dict[str, Any] = {
        "type": "order.returned",
        "event_id": f"returned-{order}",
        "member_id": "ann",
        "order_id": order,
    }
    event |= {"order_id": order, "occurred_at": at(returned).isoformat(), "returned_amount": amount}
    return lambda scorer: scorer.pipe(event)


def ticks(instant: str) -> Step:
    return lambda scorer: scorer.tick(at(instant))


def told(scorer: Scorer) -> Iterator[tuple[str, str, str, str, str]]:
    """Each outcome once: its day, kind, from and to, and reason; without joining."""
    seen: dict[str, dict[str, Any]] = {}
    for body in scorer.outcomes("ann"):
        assert seen.setdefault(body["id"], body) == body, "a repeat says the same"
        assert_fits({name: value for name, value in body.items() if name != "id"}, body["kind"])
    for body in sorted(seen.values(), key=lambda body: body["sequence"]):
        if body["from"] is not None:
            yield body["at"][:10], body["kind"], body["from"]["name"], body["to"]["name"], body["reason"]


def after_crashes(policy: PolicyDocument, steps: list[Step]) -> Scorer:
    """The story told without a crash, after it was told with one before and after every cut, with the same ids."""
    undisturbed = Scorer(policy)
    for step in steps:
        step(undisturbed)
    for crash in range(len(steps)):
        crashed = Scorer(policy)
        for number, step in enumerate(steps):
            step(crashed)
            if number == crash:
                crashed.crash()
                crashed.cut()
                crashed.crash()
        assert list(told(crashed)) == list(told(undisturbed))
        assert {body["id"] for body in crashed.outcomes()} == {body["id"] for body in undisturbed.outcomes()}
    return undisturbed


FIRST: Final = ("2026-01-10", "lifecycle.first_purchase", "prospect", "new", "purchase")


@BOTH_WAYS
def test_g5_a_full_return_withdraws_a_provisional_upgrade_and_takes_the_tier_at_once(tiers: dict[str, Any]) -> None:
    steps = [pays("X", "2026-01-10", 10_000), returns("X", "2026-01-20", 10_000)]
    for provisional in (False, True):
        scorer = after_crashes(absolute({**tiers, **(PROVISIONAL if provisional else {})}), steps)
        withdrawn = [("2026-01-20", "tier.withdrawn", "C", "D", "return")] if provisional else []
        assert list(told(scorer)) == [
            ("2026-01-10", "tier.upgraded", "D", "C", "purchase"),
            FIRST,
            *withdrawn,
            ("2026-01-20", "tier.downgraded", "C", "D", "return"),
        ]
        ann = scorer.member("ann")
        assert ann is not None
        assert (ann.purchase_days, ann.next_due) == (0, 0)


@BOTH_WAYS
def test_g5_a_tier_that_could_no_longer_be_returned_was_confirmed_before(tiers: dict[str, Any]) -> None:
    steps = [pays("X", "2026-01-10", 10_000), ticks("2026-04-10T00:00"), returns("X", "2026-04-12", 10_000)]
    assert list(told(after_crashes(absolute({**tiers, **PROVISIONAL}), steps)))[2:] == [
        ("2026-03-11", "lifecycle.near_churn", "new", "near_churn", "quiet"),
        ("2026-04-10", "tier.confirmed", "C", "C", "settled"),
        ("2026-04-10", "lifecycle.lapsed_recently", "near_churn", "recently_lapsed", "quiet"),
        ("2026-04-12", "tier.downgraded", "C", "D", "return"),
    ]


def a_late_order(bought: str) -> list[Step]:
    return [
        pays("X", "2026-01-10", 5_000),
        ticks("2026-03-11T00:00"),
        ticks("2026-04-10T00:00"),
        pays("Y", bought, 1_000, seen="2026-04-12"),
    ]


QUIET: Final = [
    FIRST,
    ("2026-03-11", "lifecycle.near_churn", "new", "near_churn", "quiet"),
    ("2026-04-10", "lifecycle.lapsed_recently", "near_churn", "recently_lapsed", "quiet"),
]
UP: Final = ("2026-04-10", "tier.upgraded", "D", "C", "purchase")
NOT_NEAR: Final = ("2026-04-10", "lifecycle.corrected", "near_churn", "active", "late_event")
NOT_LAPSED: Final = ("2026-04-10", "lifecycle.corrected", "recently_lapsed", "active", "late_event")
BACK: Final = ("2026-04-10", "lifecycle.reactivated", "recently_lapsed", "active", "purchase")


@BOTH_WAYS
@pytest.mark.parametrize(
    ("bought", "corrects", "news"),
    [
        ("2026-04-01", True, [UP, NOT_LAPSED]),
        ("2026-03-01", True, [UP, NOT_NEAR, NOT_LAPSED]),
        ("2026-04-10", True, [UP, BACK]),
        ("2026-04-01", False, [UP, BACK]),
        ("2026-03-01", False, [UP, BACK]),
    ],
)
def test_g6_an_order_from_before_the_lapse_arrives_after_it(
    tiers: dict[str, Any], bought: str, *, corrects: bool, news: list[tuple[str, ...]]
) -> None:
    scorer = after_crashes(absolute(tiers, corrects=corrects), a_late_order(bought))
    if bought == "2026-04-10":
        news = [("2026-04-10", *each[1:]) for each in news]
    assert list(told(scorer)) == [*QUIET, *news]


def test_a_correction_names_what_it_supersedes_by_its_id() -> None:
    scorer = after_crashes(absolute({}, corrects=True), a_late_order("2026-04-01"))
    bodies = {body["kind"]: body for body in scorer.outcomes("ann")}
    lapsed, corrected = bodies["lifecycle.lapsed_recently"], bodies["lifecycle.corrected"]
    assert corrected["supersedes"] == lapsed["id"]
    assert corrected["superseded"] == {
        "kind": "lifecycle.lapsed_recently",
        "at": "2026-04-10T00:00:00.000Z",
        "sequence": lapsed["sequence"],
    }
    assert corrected["now"] == corrected["to"] == {"name": "active", "rank": 2}
    assert corrected["crossed"] == {"stage": "recently_lapsed", "days_since_last_purchase": 90}
    assert corrected["sentence"] == (
        "member ann had not lapsed on 2026-04-10 but was active, as an order that came late shows"
    )
    cause = f"timer:{int(at('2026-04-10T00:00').timestamp() * 1000)}"
    assert lapsed["id"] == outcome_id(1, "ann", lapsed["kind"], cause, lapsed["sequence"])


@pytest.mark.parametrize(
    ("tiers", "moves"),
    [
        ({"window_days": 60}, []),
        (
            {**HOLD, "window_days": 60, "hold_days": 60},
            [("2026-03-12", "tier.upgraded", "D", "C", "late_event")],
        ),
    ],
    ids=["at once", "on hold"],
)
def test_a_fall_that_an_order_would_have_prevented_is_corrected_and_undone_where_tiers_are_held(
    tiers: dict[str, Any], moves: list[tuple[str, ...]]
) -> None:
    steps = [
        pays("X", "2026-01-10", 10_000),
        ticks("2026-03-11T00:00"),
        ticks("2026-03-12T00:00"),
        # Kept for a day less than the window: it earned C then and does no longer.
        pays("Y", "2026-01-11", 10_000, seen="2026-03-12"),
    ]
    scorer = after_crashes(absolute(tiers, corrects=True), steps)
    found = [each for each in told(scorer) if each[1].startswith("tier.")]
    day = found[-1][0]
    assert found == [
        ("2026-01-10", "tier.upgraded", "D", "C", "purchase"),
        ("2026-03-11", "tier.downgraded", "C", "D", tiers and ("hold_end" if moves else "window_exit")),
        (day, "tier.corrected", "D", "C", "late_event"),
        *[(day, *move[1:]) for move in moves],
    ]
    bodies = {body["kind"]: body for body in scorer.outcomes("ann")}
    corrected = bodies["tier.corrected"]
    assert corrected["supersedes"] == bodies["tier.downgraded"]["id"]
    assert corrected["now"] == corrected["tier"] == {"name": "C" if moves else "D", "rank": 1 if moves else 0}
    assert corrected["crossed"]["tier"] == "C"
    assert corrected["sentence"] == (
        "member ann should have had tier C and not D from 2026-03-11 on, as an order that came late shows; "
        f"the tier is {'C' if moves else 'D'}"
    )
    if moves:
        assert corrected["held_until"] == "2026-05-10T00:00:00.000Z"
        assert bodies["tier.upgraded"]["sentence"].endswith(", because an order came late")


@BOTH_WAYS
def test_an_upgrade_says_whether_it_is_provisional_and_sentences_do(tiers: dict[str, Any]) -> None:
    steps = [pays("X", "2026-01-10", 10_000), returns("X", "2026-01-20", 10_000), pays("Y", "2026-01-21", 10_000)]
    steps.append(ticks("2026-04-21T00:00"))
    scorer = after_crashes(absolute({**tiers, **PROVISIONAL}), steps)
    bodies = scorer.outcomes("ann")
    assert [body["provisional"] for body in bodies if body["kind"] == "tier.upgraded"] == [True, True]
    sentences = {body["kind"]: body["sentence"].removeprefix("member ann ") for body in bodies}
    assert sentences["tier.upgraded"] == "rises provisionally from D to C: 1 order, 100.00 USD in 365 days"
    assert sentences["tier.withdrawn"] == (
        "loses tier C, which was provisional: 0 orders, 0.00 USD in 365 days, after a return"
    )
    assert sentences["tier.confirmed"] == "is confirmed in tier C: 1 order, 100.00 USD in 365 days"


def test_upgrades_do_not_speak_of_it_under_other_policies() -> None:
    scorer = after_crashes(absolute(HOLD), [pays("X", "2026-01-10", 10_000)])
    [upgrade] = [body for body in scorer.outcomes("ann") if body["kind"] == "tier.upgraded"]
    assert "provisional" not in upgrade


def test_a_policy_that_uses_neither_keeps_its_hash() -> None:
    plain = load("absolute")
    stated = plain.content()
    stated["tiers"]["upgrade"] = "at_once"
    stated["corrections"] = {"enabled": False}
    assert PolicyDocument.model_validate(stated).content_hash == plain.content_hash
    assert absolute({}, corrects=True).content_hash != plain.content_hash
    assert absolute(PROVISIONAL).content_hash != plain.content_hash
    policy = absolute(PROVISIONAL, corrects=True).to_policy()
    assert (policy.corrects, policy.provisional, policy.plain) == (True, True, False)
