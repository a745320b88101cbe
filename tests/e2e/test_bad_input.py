"""Whatever lies in the log: one dead letter each, and nobody else notices; too much of it stops the worker."""

from pathlib import Path

import pytest

from streams.devstack import DevStack
from streams.log_reading import LogRecord
from streams.topics import DEAD_LETTERS
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.chaos.verdict import verdict_on
from tests.e2e.shop import PARTITIONS, now_ms, order, order_bytes, record
from tests.oracle.records import GeneratedRecord, partition_of

pytestmark = pytest.mark.kafka

MEMBER = "member-1"
PLACE = partition_of(MEMBER.encode(), PARTITIONS)
OTHER_PLACE = (PLACE + 1) % PARTITIONS
_1970, _2099 = 0, 4_070_908_800_000


def bad(
    name: str,
    reason: str,
    words: str,
    value: bytes | None,
    *,
    key: bytes | None = MEMBER.encode(),
    undecodable: bool = True,
) -> tuple[str, str, str, GeneratedRecord]:
    headers = (("trace", name.encode()),)
    return name, reason, words, record(key, value, PLACE, headers, is_poison=undecodable)


def stranger(place: int) -> bytes:
    """A member nobody knows, whose partition is ``place``."""
    return next(name for name in (b"stranger-%d" % n for n in range(100)) if partition_of(name, PARTITIONS) == place)


def table() -> list[tuple[str, str, str, GeneratedRecord]]:
    """Name, reason, a few of the words that explain it, and the record."""
    good = order_bytes(MEMBER, "bad")
    lost = stranger(OTHER_PLACE)
    return [
        bad("not UTF-8", "not_utf8", "not UTF-8", good.replace(b"order.paid", b"order.\xff\xfe")),
        bad("broken JSON", "broken_json", "JSON", good[:-5]),
        bad("2 MB", "too_large", "1,048,576", order_bytes(MEMBER, "bad", source="x" * 2_000_000)),
        bad("1,000 deep", "too_deep", "deep", good[:-1] + b', "more": ' + b"[" * 1000 + b"]" * 1000 + b"}"),
        bad("NaN", "broken_json", "JSON", order_bytes(MEMBER, "bad", net_amount=float("nan"))),
        bad("negative money", "bad_money", "negative", order_bytes(MEMBER, "bad", net_amount=-1)),
        bad("fractional money", "bad_money", "whole number", order_bytes(MEMBER, "bad", net_amount=12.5)),
        bad("null key", "null_key", "no key", good, key=None),
        bad("null value", "null_value", "no value", None),
        bad("unknown type", "unknown_type", "known are", order_bytes(MEMBER, "bad", type="order.teleported")),
        bad("schema version 99", "unknown_version", "version", order_bytes(MEMBER, "bad", schema_version=99)),
        bad("wrong partition", "wrong_partition", "murmur2", order_bytes(lost.decode(), "bad"), key=lost),
        bad("1970", "too_late", "", order_bytes(MEMBER, "1970", at=_1970), undecodable=False),
        bad("2099", "quarantined", "", order_bytes(MEMBER, "2099", at=_2099), undecodable=False),
        bad("wrong currency", "wrong_currency", "EUR", order_bytes(MEMBER, "euros", currency="EUR"), undecodable=False),
    ]


def test_each_bad_record_is_one_dead_letter_with_its_reason_and_its_neighbours_are_unharmed(
    stack: DevStack, tmp_path: Path
) -> None:
    deployment = Deployment(stack.broker.bootstrap, tmp_path, partitions=PARTITIONS)
    deployment.make_topics(max_message_bytes="4000000")
    deployment.open_with()
    cases = table()
    records = [order(MEMBER, "before"), order("member-2", "before")]
    for number, (_, _, _, bad_record) in enumerate(cases):
        records += [bad_record, order(MEMBER, f"good-{number}"), order(f"neighbour-{number}", "good")]
    producer = deployment.producer(max_request_size=4_000_000)
    for each in records:
        producer.send(
            deployment.events_topic,
            key=each.key,
            value=each.value,
            headers=list(each.headers),
            partition=each.partition,
        ).get(timeout=20)
    producer.close()

    with Worker(deployment, "worker") as worker:
        deployment.wait_until_quiet(20)
        assert worker.end() == 0, worker.tail()

    verdict = verdict_on(deployment, {(r.key, r.value) for r in records if r.is_poison})
    assert verdict.is_clean, verdict
    assert verdict.figures["dead letters"] == len(cases)
    letters: dict[str, LogRecord] = {
        (letter.header("trace") or b"").decode(): letter for letter in deployment.read_logical(DEAD_LETTERS)
    }
    wrong = []
    for name, reason, words, bad_record in cases:
        letter = letters[name]
        told = ((letter.header("dl_reason") or b"").decode(), (letter.header("dl_detail") or b"").decode())
        if told[0] != reason or words not in told[1] or len(told[1].split()) < 4 or letter.value != bad_record.value:
            wrong.append((name, *told))
    assert wrong == []


def test_nothing_but_bad_input_halts_the_worker_which_resumes_as_its_message_says(
    stack: DevStack, tmp_path: Path
) -> None:
    deployment = Deployment(stack.broker.bootstrap, tmp_path, partitions=PARTITIONS, session_timeout=2.0)
    deployment.make_topics()
    deployment.open_with()
    garbage = [record(MEMBER.encode(), b"garbage %d" % n, PLACE, is_poison=True) for n in range(50)]
    deployment.append([order(MEMBER, "first"), *garbage, order(MEMBER, "last", at=now_ms())])

    with Worker(deployment, "halting") as halting:
        assert halting.ended(20) == 65, halting.tail()
        told = halting.told()
        assert "20 records in a row could not be used" in told
        assert "no record is lost" in told
        assert "MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT=false" in told
    assert deployment.committed().get((deployment.events_topic, PLACE), 0) <= 22
    with Worker(deployment, "resumed", MEMBERPULSE_SCORE__HALT_ON_BAD_INPUT="false") as resumed:
        deployment.wait_until_quiet(20)
        assert resumed.end() == 0, resumed.tail()
    verdict = verdict_on(deployment, {(r.key, r.value) for r in garbage})
    assert verdict.is_clean, verdict
    assert verdict.figures["dead letters"] == len(garbage)
