"""Five members of one partition, and what a sweep did to them."""

from typing import Any

from streams.log_reading import LogRecord
from streams.policy_file import PolicyDocument, load
from streams.recomputation import PartitionFold
from streams.rows import encode as encode_row
from streams.verification import compare_rows, compare_scores
from tests.driver import ScorerDriver, day, paid

MEMBERS = [f"m{number}" for number in range(5)]


def policy(version: int = 2, c_from: int = 10_000, near_churn: int = 60, **fields: Any) -> PolicyDocument:
    """The policy "absolute" with another threshold of tier C (minor units) and another first boundary (days)."""
    content = load("absolute").content()
    content["version"] = version
    content["tiers"]["levels"][1]["monetary"] = c_from
    content["lifecycle"]["near_churn_days"] = near_churn
    return PolicyDocument.model_validate(content | fields)


CHEAPER = policy(c_from=5_000)
EARLIER = policy(3, c_from=5_000, near_churn=20)


def five_members(document: PolicyDocument | str = "absolute") -> ScorerDriver:
    """Each has bought once for 50.00; all of it is remembered."""
    scorer = ScorerDriver(document)
    for name in MEMBERS:
        scorer.pipe(paid(name, f"{name}-1", day(0)))
    scorer.tick(day(10))
    scorer.cut()
    return scorer


def told(scorer: ScorerDriver, member: str = "m0") -> list[tuple[str, str]]:
    """Kinds and reasons after the first two outcomes, which come with the first order; repeats left out."""
    bodies = {body["id"]: body for body in scorer.outcomes(member)}.values()
    return [(body["kind"], body["reason"]) for body in bodies][2:]


def ids(scorer: ScorerDriver) -> set[str]:
    return {body["id"] for body in scorer.outcomes()}


def rows_of(scorer: ScorerDriver) -> dict[str, bytes]:
    found = {}
    for name in MEMBERS:
        state = scorer.member(name)
        assert state is not None
        found[name] = encode_row(state)
    return found


def recomputed(scorer: ScorerDriver) -> PartitionFold:
    """The driver's log as verify folds it."""
    fold = PartitionFold(0, 1, epoch=1)
    for record in scorer.log:
        fold.absorb(LogRecord(0, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)))
    return fold


def assert_verified(scorer: ScorerDriver) -> None:
    """What the scorer has and told is what its log says, scores included."""
    scorer.cut()
    fold = recomputed(scorer)
    scores = {key: value for topic, _, key, value, _ in scorer.outbox.records if topic == "member-scores"}
    end = len(scorer.log)
    for tally in (
        compare_rows(fold.members, scorer.partition.rows, end),
        compare_scores(fold.members, scores, fold.writers, end),  # type: ignore[arg-type]
    ):
        assert tally.exact, tally.first
    assert ids(scorer) == set(fold.outcomes)
