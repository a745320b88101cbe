"""S7: a decision through HTTP has a reason, an audit record and one effect however often it is sent, and it ends."""

import json
from typing import Any

from streams.access.caller import ALL_SCOPES, Caller
from streams.engine.batches import Record
from streams.topics import AUDIT, MEMBER_EVENTS
from tests.driver import ScorerDriver, day, paid
from tests.streams.serving.writing_app import NOW_MS, Log, serving

EVE = Caller(name="key:eve", scopes=ALL_SCOPES)
ADAM = Caller(name="key:adam", scopes=ALL_SCOPES)
#: Noon of the first of March is day 59.
UNTIL = "2026-03-31T00:00:00Z"
GRANT = {"tier": "Gold", "until": UNTIL, "reason": "a complaint"}
ONCE = {"Idempotency-Key": "case-7"}


def scored(log: Log) -> ScorerDriver:
    """What comes of the log's events for Ann, who bought before."""
    scorer = ScorerDriver()
    scorer.pipe(paid("ann", "o1", day(58)))
    for _, value in log.of(MEMBER_EVENTS):
        # The API's policy has other names of tiers than the scorer's here.
        scorer.append(Record(0, NOW_MS, b"ann", value.replace(b'"Gold"', b'"B"')))
    return scorer


def put(caller: Caller, times: int, headers: dict[str, str] | None = None) -> tuple[Log, list[dict[str, Any]]]:
    with serving(caller=caller) as (client, log):
        answers = [client.put("/v1/members/ann/tier-override", json=GRANT, headers=headers) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {202}
    return log, [answer.json() for answer in answers]


def test_a_grant_that_is_sent_again_with_its_key_has_one_effect() -> None:
    log, answers = put(EVE, 3, ONCE)
    assert len({answer["event_id"] for answer in answers}) == 1
    scorer = scored(log)
    assert scorer.kinds("ann").count("tier.override_set") == 1
    assert scorer.metrics.events["duplicate"]._value.get() == 2


def test_every_attempt_is_in_the_audit_with_its_reason() -> None:
    log, answers = put(EVE, 2, ONCE)
    told = [json.loads(value) for _, value in log.of(AUDIT)]
    assert [each["event_id"] for each in told] == [each["event_id"] for each in answers]
    assert {each["reason"] for each in told} == {"a complaint"}


def test_the_key_of_another_caller_member_or_decision_is_another() -> None:
    ids = {put(EVE, 1, ONCE)[1][0]["event_id"], put(ADAM, 1, ONCE)[1][0]["event_id"]}
    with serving(caller=EVE) as (client, _):
        ids.add(client.put("/v1/members/bob/tier-override", json=GRANT, headers=ONCE).json()["event_id"])
        because = {**ONCE, "Memberpulse-Reason": "by mistake"}
        ids.add(client.delete("/v1/members/ann/tier-override", headers=because).json()["event_id"])
        ids.add(client.delete("/v1/members/ann", headers=because).json()["event_id"])
    assert len(ids) == 5


def test_without_a_key_each_is_a_decision_of_its_own() -> None:
    _, answers = put(EVE, 2)
    assert len({answer["event_id"] for answer in answers}) == 2


def test_a_grant_ends_by_itself_when_its_time_is_over() -> None:
    scorer = scored(put(EVE, 1)[0])
    scorer.tick(day(88))
    assert "tier.override_ended" not in scorer.kinds("ann")
    scorer.tick(day(89))
    [ended] = [body for body in scorer.outcomes("ann") if body["kind"] == "tier.override_ended"]
    assert ended["at"] == "2026-03-31T00:00:00.000Z"
