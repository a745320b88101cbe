"""Overrides and erasures over HTTP: in the log with a reason and a name, and in the audit before that."""

import json
from typing import Any

import jsonschema
import pytest

from scoring.events import MemberErased, TierOverridden, TierOverrideWithdrawn
from streams.access.caller import ALL_SCOPES, Caller, Scope
from streams.codecs import decode
from streams.serving.log_writer import Fate
from streams.topics import AUDIT, MEMBER_EVENTS
from tests.streams.published_schemas import schema_of
from tests.streams.serving.writing_app import serving

EVE = Caller(name="key:eve", scopes=ALL_SCOPES)
GRANT: dict[str, Any] = {"tier": "Gold", "until": "2027-01-01T00:00:00+01:00", "reason": "a complaint"}
BECAUSE = {"Memberpulse-Reason": "asked for on 3 May"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/v1/members/00042/tier-override", {"json": GRANT}),
    ("DELETE", "/v1/members/00042/tier-override", {"headers": BECAUSE}),
    ("DELETE", "/v1/members/00042", {"headers": BECAUSE}),
]
EVENTS = (TierOverridden, TierOverrideWithdrawn, MemberErased)


@pytest.mark.parametrize(("request_", "kind"), list(zip(REQUESTS, EVENTS, strict=True)))
def test_a_decision_is_in_the_audit_first_and_then_in_the_log(request_: tuple[str, str, Any], kind: type) -> None:
    method, path, content = request_
    with serving(caller=EVE) as (client, log):
        answer = client.request(method, path, **content)
    assert answer.status_code == 202
    assert [topic for topic, _, _ in log.records] == [AUDIT, MEMBER_EVENTS]
    ((_, told),) = log.of(AUDIT)
    audit = json.loads(told)
    jsonschema.Draft202012Validator(schema_of("audit-record")).validate(audit)
    ((key, value),) = log.of(MEMBER_EVENTS)
    event = decode(key, value)
    assert isinstance(event, kind)
    assert isinstance(event, EVENTS)
    assert (key, event.actor, event.occurred_at.isoformat()) == (b"00042", "key:eve", "2026-03-01T12:00:00+00:00")
    assert (audit["event_id"], audit["actor"], audit["caller"], audit["via"], audit["reason"]) == (
        event.event_id,
        "key:eve",
        "key:eve",
        "http",
        event.reason,
    )
    assert (answer.json()["event_id"], answer.json()["type"]) == (event.event_id, audit["type"])


def test_the_audit_keeps_who_is_said_to_decide_apart_from_who_was_authenticated() -> None:
    with serving(caller=EVE) as (client, log):
        client.put("/v1/members/00042/tier-override", json={**GRANT, "actor": "Adam"})
        client.delete("/v1/members/00042", headers={**BECAUSE, "Memberpulse-Actor": "Zo%C3%AB"})
    granted, erased = (json.loads(value) for _, value in log.of(AUDIT))
    assert (granted["actor"], granted["caller"]) == ("Adam", "key:eve")
    assert (granted["tier"], granted["until"]) == ("Gold", "2027-01-01T00:00:00+01:00")
    assert (erased["actor"], erased["caller"]) == ("Zoë", "key:eve")


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("fate", [Fate.UNKNOWN, Fate.NOT_SENT])
def test_what_the_audit_could_not_be_told_is_not_done(request_: tuple[str, str, Any], fate: Fate) -> None:
    method, path, content = request_
    with serving() as (client, log):
        log.fates = [fate]
        answer = client.request(method, path, **content)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "nothing was done" in answer.json()["detail"]
    assert not log.records


def test_an_unacknowledged_decision_says_that_it_may_have_been_taken() -> None:
    with serving() as (client, log):
        log.fates = [Fate.WRITTEN, Fate.UNKNOWN]
        answer = client.delete("/v1/members/00042", headers=BECAUSE)
    assert answer.status_code == 503
    assert "may have been written or not" in answer.json()["detail"]
    ((_, told),) = log.of(AUDIT)
    assert answer.json()["event_id"] == json.loads(told)["event_id"]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"tier": "Platinum"}, "unknown-tier"),
        ({"until": "2026-03-01T12:00:00Z"}, "in-the-past"),
        ({"reason": "   "}, "no-reason"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_at_once(changed: dict[str, Any], kind: str) -> None:
    with serving() as (client, log):
        answer = client.put("/v1/members/00042/tier-override", json={**GRANT, **changed})
    assert (answer.status_code, answer.json()["type"]) == (400, f"urn:memberpulse:problem:{kind}")
    assert not log.records


@pytest.mark.parametrize(
    "content",
    [{}, {**GRANT, "until": "2027-01-01T00:00:00"}, {**GRANT, "reason": ""}, {**GRANT, "tier": 1}, {**GRANT, "x": 1}],
)
def test_a_grant_without_its_parts_is_refused(content: dict[str, Any]) -> None:
    with serving() as (client, log):
        answer = client.put("/v1/members/00042/tier-override", json=content)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert not log.records


def test_without_a_reason_nobody_is_erased() -> None:
    with serving() as (client, log):
        assert client.delete("/v1/members/00042").status_code == 400
        assert client.delete("/v1/members/00042", headers={"Memberpulse-Reason": "%20"}).status_code == 400
        assert client.delete("/v1/members/00042", headers={"Memberpulse-Reason": "x" * 501}).status_code == 400
        assert client.delete("/v1/members/%00partition", headers=BECAUSE).status_code == 400
    assert not log.records


@pytest.mark.parametrize(
    ("request_", "scope"), list(zip(REQUESTS, (Scope.OVERRIDE, Scope.OVERRIDE, Scope.ERASE), strict=True))
)
def test_a_decision_needs_its_own_scope_and_a_caller_for_all_shops(
    request_: tuple[str, str, Any], scope: Scope
) -> None:
    method, path, content = request_
    without = Caller(name="key:a", scopes=ALL_SCOPES - {scope})
    limited = Caller(name="key:b", scopes=ALL_SCOPES, shops=frozenset({"s-1"}))
    for caller in (without, limited):
        with serving(caller=caller) as (client, log):
            assert client.request(method, path, **content).status_code == 403
        assert not log.records
