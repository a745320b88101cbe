import json
from pathlib import Path
from typing import Any

import pytest

from streams.bad_records import BadRecord
from streams.codecs import decode
from streams.mapping import CanonicalBytes, Mapping, MappingFileError, ShopTraffic

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SHOP = Mapping.load(EXAMPLES / "shop-orders.toml")
AN_ORDER: dict[str, Any] = json.loads((EXAMPLES / "shop-order.json").read_text("utf-8"))


def event_of(record: dict[str, Any], mapping: Mapping = SHOP) -> dict[str, Any]:
    made = mapping.apply(json.dumps(record).encode())
    assert made is not None
    event: dict[str, Any] = json.loads(made.value)
    return event


def refusal_of(record: Any, mapping: Mapping = SHOP) -> tuple[str, str]:
    with pytest.raises(BadRecord) as refused:
        mapping.apply(record if isinstance(record, bytes) else json.dumps(record).encode())
    return refused.value.reason, refused.value.detail


def test_the_example_order_becomes_a_canonical_order() -> None:
    made = SHOP.apply((EXAMPLES / "shop-order.json").read_bytes())
    assert made is not None
    assert made.key == b"00004711"
    assert decode(*made).__struct_config__.tag == "order.paid"
    assert json.loads(made.value) == {
        "type": "order.paid",
        "source": "shop",
        "event_id": "900017-completed-2",
        "order_id": "900017",
        "member_id": "00004711",
        "revision": 2,
        "occurred_at": "2026-07-01T07:30:00.000Z",
        "currency": "EUR",
        "net_amount": 41_250,
        "discount_amount": 1_000,
        "channel": "shop",
        "shop_id": "BER-2",
        "coupon_ids": ["SUMMER"],
        "lines": [
            {"sku": "A-1", "category": "shoes", "quantity": 1, "net_amount": 40_000},
            {"sku": "A-2", "quantity": 5, "net_amount": 1_250},
        ],
    }


def test_the_status_chooses_the_event() -> None:
    assert event_of(AN_ORDER | {"status": "cancelled"})["type"] == "order.cancelled"
    assert SHOP.apply(json.dumps(AN_ORDER | {"status": "pending"}).encode()) is None
    reason, detail = refusal_of(AN_ORDER | {"status": "lost"})
    assert reason == "no_rule"
    assert "$.status is lost" in detail


def test_a_refund_told_as_a_negative_amount_becomes_a_return() -> None:
    refund = AN_ORDER | {"kind": "refund", "order": 900017, "id": 3, "totals": {"currency": "EUR", "goods": -12.5}}
    event = event_of(refund)
    assert (event["type"], event["order_id"], event["return_id"], event["returned_amount"]) == (
        "order.returned",
        "900017",
        "3",
        1_250,
    )


def test_a_visit_without_a_member_is_traffic_of_its_shop() -> None:
    visit = AN_ORDER | {"kind": "visit", "id": "v-1"}
    known = SHOP.apply(visit)
    assert isinstance(known, CanonicalBytes)
    assert not isinstance(known, ShopTraffic)
    assert known.key == b"00004711"
    unknown = SHOP.apply(visit | {"customer": None})
    assert isinstance(unknown, ShopTraffic)
    assert unknown.key == b"BER-2"
    assert "member_id" not in json.loads(unknown.value)
    assert refusal_of(visit | {"customer": None, "branch": {}})[0] == "missing_field"


def test_the_cdnow_mapping_reads_a_row() -> None:
    row = {"customer": "7", "date": "19970331", "units": "2", "dollars": "29.33", "row": "18"}
    made = Mapping.load("cdnow").apply(row)
    assert made is not None
    assert made.key == b"00007"
    assert json.loads(made.value) == {
        "type": "order.paid",
        "source": "cdnow",
        "event_id": "cdnow-18",
        "order_id": "cdnow-18",
        "member_id": "00007",
        "occurred_at": "1997-03-31T12:00:00.000Z",
        "net_amount": 2_933,
        "currency": "USD",
        "channel": "web",
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"{", "broken_json"), (b"[]", "not_an_object"), (b'{"a":"\xff"}', "not_utf8"), (b"[" * 33, "too_deep")],
)
def test_bytes_that_are_no_record_are_refused(value: bytes, reason: str) -> None:
    assert refusal_of(value)[0] == reason


def test_all_mistakes_of_a_mapping_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        """
sourc = "x"
[[event]]
type = "order.payd"
fields = {}
[[event]]
type = "order.paid"
when = { "status" = "x" }
[event.fields]
event_id = { template = "{a" }
order_id = { path = "$.x", template = "{a}" }
member_id = "$x"
occurred_at = { path = "$.t", time = "%d.%m.%Y" }
net_amount = "$.m"
nett = "$.k"
shop_id = { path = "$.c", money = "minor" }
[[event]]
type = "order.paid"
[event.fields]
event_id = "$.i"
order_id = "$.i"
occurred_at = { path = "$.t", time = "iso" }
net_amount = { path = "$.m", money = "euros" }
""",
        "utf-8",
    )
    with pytest.raises(MappingFileError) as refused:
        Mapping.load(file)
    assert {problem.path for problem in refused.value.problems} == {
        "sourc",
        "event[0].type",
        "event[1].when.status",
        "event[1].fields.event_id.template",
        "event[1].fields.order_id",
        "event[1].fields.member_id.path",
        "event[1].fields.occurred_at.time_zone",
        "event[1].fields.net_amount.money",
        "event[1].fields.nett",
        "event[1].fields.shop_id",
        "event[2].fields.member_id",
        "event[2].fields.occurred_at.time",
        "event[2].fields.net_amount.money",
    }


def test_money_needs_a_currency_to_be_read(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text((EXAMPLES / "shop-orders.toml").read_text("utf-8").replace("currency = ", "source = "), "utf-8")
    with pytest.raises(MappingFileError, match=r"event\[0\].fields.currency: is missing"):
        Mapping.load(file)


def test_two_mappings_have_two_hashes_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    assert Mapping.load("cdnow").content_hash == Mapping.load("cdnow").content_hash != SHOP.content_hash
    with pytest.raises(MappingFileError, match='did you mean "cdnow"'):
        Mapping.load("cdnov")
    (tmp_path / "broken.toml").write_bytes(b"=")
    with pytest.raises(MappingFileError, match="is not TOML"):
        Mapping.load(tmp_path / "broken.toml")
