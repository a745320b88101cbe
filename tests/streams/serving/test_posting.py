"""Events that come through HTTP: each judged by itself, written in order, and answered when they are safe."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from scoring.events import OrderPaid
from streams.access.caller import ALL_SCOPES, Caller, Scope
from streams.bad_records import MEMBER_TYPES, PARTITION_TYPES
from streams.codecs import decode
from streams.config import PseudonymSettings
from streams.serving.log_writer import Fate
from streams.topics import MEMBER_EVENTS
from tests.streams.serving.writing_app import serving


def order(number: int = 1, **changed: Any) -> dict[str, Any]:
    event = {
        "type": "order.paid",
        "event_id": f"ev-{number}",
        "member_id": "00042",
        "occurred_at": "2026-03-01T13:00:00+01:00",
        "order_id": f"o-{number}",
        "net_amount": 4125,
        "currency": "EUR",
        "shop_id": "s-1",
    }
    return {name: value for name, value in {**event, **changed}.items() if value is not ...}


def test_one_event_is_written_as_the_scorer_reads_it_and_its_place_is_told() -> None:
    with serving() as (client, log):
        answer = client.post("/v1/events", json=order())
    assert answer.status_code == 207
    assert answer.json() == {
        "accepted": 1,
        "refused": 0,
        "events": [
            {
                "result": "accepted",
                "status": 202,
                "event_id": "ev-1",
                "topic": "member-events",
                "partition": answer.json()["events"][0]["partition"],
                "offset": 0,
            }
        ],
    }
    ((key, value),) = log.of(MEMBER_EVENTS)
    event = decode(key, value)
    assert isinstance(event, OrderPaid)
    assert (key, event.order_id, event.net_amount) == (b"00042", "o-1", 4125)


def test_each_event_of_a_list_is_judged_by_itself_and_the_good_ones_are_written_in_order() -> None:
    events = [order(1), order(2, net_amount=41.25), order(3), order(4, occurred_at="2026-03-01T13:00:00"), order(5)]
    with serving() as (client, log):
        told = client.post("/v1/events", json=events).json()
    assert (told["accepted"], told["refused"]) == (3, 2)
    assert [each["result"] for each in told["events"]] == ["accepted", "refused", "accepted", "refused", "accepted"]
    money, instant = told["events"][1], told["events"][3]
    assert (money["status"], money["event_id"], money["reason"]) == (422, "ev-2", "bad_money")
    assert "whole number of minor units" in money["detail"]
    assert instant["reason"] == "bad_instant"
    assert all(each["what_to_do"] for each in (money, instant))
    assert [json.loads(value)["event_id"] for _, value in log.of(MEMBER_EVENTS)] == ["ev-1", "ev-3", "ev-5"]


def test_events_may_come_one_per_line() -> None:
    lines = b"\n".join(json.dumps(order(number)).encode() for number in (1, 2)) + b"\n\n{broken\n"
    with serving() as (client, log):
        told = client.post("/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"}).json()
    assert [each["result"] for each in told["events"]] == ["accepted", "accepted", "refused"]
    assert told["events"][2]["reason"] == "broken_json"
    assert len(log.of(MEMBER_EVENTS)) == 2


def test_fields_that_no_event_has_do_not_reach_the_log() -> None:
    with serving() as (client, log):
        client.post("/v1/events", json=order(email="anna@example.com"))
    assert b"anna@example.com" not in log.of(MEMBER_EVENTS)[0][1]


def test_members_reach_the_log_under_their_pseudonyms_wherever_an_event_names_them() -> None:
    secret = PseudonymSettings(secret=SecretStr("0123456789abcdef0123456789abcdef"))
    referral = order(2, type="member.referred", referrer_id="canary-2", member_id="canary-1")
    with serving(pseudonyms=secret) as (client, log):
        told = client.post("/v1/events", json=[order(member_id="canary-1"), referral]).json()
    assert told["accepted"] == 2
    assert b"canary" not in b"".join(key + value for key, value in log.of(MEMBER_EVENTS))
    keys = {key for key, _ in log.of(MEMBER_EVENTS)}
    assert len(keys) == 1


ROUTES = {
    "tier.overridden": "PUT /v1/members/{id}/tier-override",
    "tier.override_withdrawn": "DELETE /v1/members/{id}/tier-override",
    "member.erased": "DELETE /v1/members/{id}",
    "member.merged": "memberpulse merge",
    "member.unmerged": "memberpulse unmerge",
}


@pytest.mark.parametrize("kind", [*PARTITION_TYPES, *MEMBER_TYPES])
def test_what_only_memberpulse_writes_and_what_is_decided_by_hand_is_refused(kind: str) -> None:
    fields: dict[str, Any] = {
        "until": "2027-01-01T00:00:00Z",
        "tier": "Gold",
        "reason": "r",
        "actor": "a",
        "into": "00043",
        "referrer_id": "00043",
        "absorbed": "00043",
        "returned_amount": 1,
        "at": "2026-03-01T13:00:00Z",
        "partition": 0,
        "version": 1,
        "content_hash": "0" * 64,
        "policy": {},
        "date": "2026-03-01",
        "cuts": {},
    }
    with serving() as (client, log):
        (told,) = client.post("/v1/events", json=order(type=kind, **fields)).json()["events"]
    if kind in (*PARTITION_TYPES, "member.absorbed"):
        assert (told["result"], told["reason"]) == ("refused", "reserved")
    elif kind in ROUTES:
        assert (told["result"], told["reason"]) == ("refused", "by_hand")
        assert ROUTES[kind] in told["what_to_do"]
    else:
        assert told["result"] == "accepted"
    assert bool(log.records) == (told["result"] == "accepted")


def test_nobody_gets_at_whole_partitions_by_their_key_nor_at_merges_by_via() -> None:
    with serving() as (client, log):
        as_partition, as_merged = client.post(
            "/v1/events", json=[order(1, member_id="\x00partition"), order(2, via="00043")]
        ).json()["events"]
    assert (as_partition["result"], as_merged["result"], as_merged["reason"]) == ("refused", "refused", "reserved")
    assert not log.records


def test_a_key_for_some_shops_writes_for_these_alone() -> None:
    caller = Caller(name="key:till", scopes=ALL_SCOPES, shops=frozenset({"s-1"}))
    with serving(caller=caller) as (client, log):
        told = client.post("/v1/events", json=[order(1), order(2, shop_id="s-2"), order(3, shop_id=...)]).json()
    assert [each["status"] for each in told["events"]] == [202, 403, 403]
    assert told["events"][1]["reason"] == told["events"][2]["reason"] == "forbidden_shop"
    assert len(log.records) == 1


def test_without_the_scope_nothing_is_written() -> None:
    caller = Caller(name="key:reader", scopes=ALL_SCOPES - {Scope.EVENTS_WRITE})
    with serving(caller=caller) as (client, log):
        assert client.post("/v1/events", json=order()).status_code == 403
    assert not log.records


@pytest.mark.parametrize(
    ("content", "media", "status", "kind"),
    [
        (b"", "application/json", 400, "no-event"),
        (b"[]", "application/json", 400, "no-event"),
        (b"\n \n", "application/x-ndjson", 400, "no-event"),
        (b'[{"type":', "application/json", 400, "broken-json"),
        (b"[1, 2" + b"[" * 1900, "application/json", 400, "broken-json"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "media-type"),
        (json.dumps([order()] * 4).encode(), "application/json", 413, "too-many-events"),
        (b" " * 2001, "application/json", 413, "too-large"),
    ],
)
def test_a_body_that_is_no_list_of_events_is_refused_whole(content: bytes, media: str, status: int, kind: str) -> None:
    with serving(events=3, bytes=2000) as (client, log):
        answer = client.post("/v1/events", content=content, headers={"Content-Type": media})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"urn:memberpulse:problem:{kind}"
    assert not log.records


@pytest.mark.parametrize("broken", [b"{", b'"text"', b"7", b"\xff\xfe", b'{"type":"order.paid"}', b"{}"])
def test_a_single_thing_that_is_no_event_is_a_refused_event_with_a_reason(broken: bytes) -> None:
    with serving() as (client, log):
        answer = client.post("/v1/events", content=broken, headers={"Content-Type": "application/json"})
    assert answer.status_code == 207
    (told,) = answer.json()["events"]
    assert told["result"] == "refused"
    assert told["reason"] in {"broken_json", "not_an_object", "not_utf8", "missing_field", "unknown_type"}
    assert not log.records


def test_an_event_that_fits_into_no_record_is_refused_before_it_gets_to_kafka() -> None:
    line = {"sku": "s" * 60, "category": "c" * 60}
    with serving() as (client, log):
        small = client.post("/v1/events", json=order(lines=[line] * 500)).json()
        assert small["accepted"] == 1
        (told,) = client.post("/v1/events", json=order(padding="x" * 1_100_000)).json()["events"]
    assert told["reason"] == "too_large"
    assert len(log.records) == 1


def test_without_kafka_the_answer_is_503_says_when_to_come_back_and_what_is_known_of_each_event() -> None:
    with serving() as (client, log):
        log.fates = [Fate.WRITTEN, Fate.UNKNOWN, Fate.NOT_SENT]
        answer = client.post("/v1/events", json=[order(1), order(2), order(3, currency=1), order(4)])
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    told = answer.json()
    assert told["type"] == "urn:memberpulse:problem:log-unavailable"
    assert (told["accepted"], told["refused"]) == (1, 1)
    assert [each["result"] for each in told["events"]] == ["accepted", "unknown", "refused", "not_sent"]
    assert "send it again" in told["events"][1]["what_to_do"]
