"""Member ids that nobody can read, and that are still the same member's everywhere."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from scoring.calendar import instant_of
from scoring.events import MemberEvent
from streams.__main__ import main
from streams.bad_records import BadRecord
from streams.codecs import decode, encode_event
from streams.commands.pseudonyms import members_among, moves
from streams.config import PseudonymSettings
from streams.exits import ExitCode
from streams.log_reading import LogRecord
from streams.mapping import Mapping
from streams.pseudonyms import MEMBER_FIELDS, MEMBER_LISTS, PLAIN, Pseudonyms
from streams.topics import MEMBER_SCORES
from tests.driver import day, paid
from tests.two_partitions import Partitions, erased

SECRET = "one of thirty-two letters or more."  # noqa: S105 - opens nothing
OLD_SECRET = "the one that was in use before it."  # noqa: S105 - likewise
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SAMPLES = Path(__file__).parents[1] / "samples" / "events"
HIDDEN = Pseudonyms(PseudonymSettings(secret=SecretStr(SECRET)))


def test_a_pseudonym_is_the_hmac_with_the_name_of_its_key() -> None:
    digest = hmac.new(SECRET.encode(), b"eva@shop.example", hashlib.sha256).digest()
    assert HIDDEN.of("eva@shop.example") == "p1:" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert len(HIDDEN.of("x" * 64).encode()) <= 64


def test_without_a_secret_an_id_is_its_own() -> None:
    assert PLAIN.of("00042") == PLAIN.hide("00042") == "00042"


def test_a_pseudonym_that_comes_back_from_an_outcome_is_not_hidden_again() -> None:
    assert HIDDEN.of(HIDDEN.of("00042")) == HIDDEN.of("00042")
    # From upstream every id is a plain one: nobody becomes somebody else by calling themselves so.
    assert HIDDEN.hide(HIDDEN.of("00042")) != HIDDEN.of("00042")


@pytest.mark.parametrize("stranger", ["p2:" + "A" * 43, "p1:" + "A" * 42, "p1:" + "A" * 44, "p1:" + "=" * 43])
def test_what_only_looks_like_a_pseudonym_is_hidden(stranger: str) -> None:
    assert HIDDEN.of(stranger) != stranger


def test_with_a_new_key_old_pseudonyms_are_still_known() -> None:
    both = Pseudonyms(
        PseudonymSettings(secret=SecretStr(SECRET), key_id="2", former_secret=SecretStr(OLD_SECRET), former_key_id="1")
    )
    old = Pseudonyms(PseudonymSettings(secret=SecretStr(OLD_SECRET))).of("00042")
    assert both.former("00042") == both.of(old) == old
    assert both.of("00042").startswith("p2:")


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": SecretStr("too short")},
        {"secret": SecretStr(SECRET), "key_id": "a:b"},
        {"former_secret": SecretStr(SECRET)},
        {"secret": SecretStr(SECRET), "former_secret": SecretStr(OLD_SECRET), "former_key_id": "1"},
    ],
)
def test_settings_that_could_not_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PseudonymSettings(**wrong)


#: Texts of events that name no member.
OTHER_TEXTS = {
    "event_id", "source", "order_id", "return_id", "currency", "channel", "shop_id", "coupon_ids", "campaign_id",
    "reason", "actor", "tier", "merge",
}  # fmt: skip


def test_every_text_of_every_event_is_known_to_name_members_or_not() -> None:
    texts = {
        field.encode_name
        for struct in get_args(MemberEvent)
        for field in msgspec.structs.fields(struct)
        if "str" in repr(field.type)
    }
    assert texts == OTHER_TEXTS | set(MEMBER_FIELDS) | set(MEMBER_LISTS)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*/*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_event_keeps_a_plain_id(sample: Path) -> None:
    record = json.loads(sample.read_text())
    if "member_id" not in record:
        return
    record |= {name: f"canary-{name}" for name in MEMBER_FIELDS if name in record}
    record |= {name: [f"canary-{name}"] for name in MEMBER_LISTS if name in record}
    event = decode(record["member_id"].encode(), json.dumps(record).encode())
    assert isinstance(event, get_args(MemberEvent))
    key, value = encode_event(HIDDEN.event(event))
    assert b"canary" not in key + value
    decode(key, value)


def test_ingest_hides_the_member_and_keeps_the_order() -> None:
    record = (EXAMPLES / "shop-order.json").read_bytes()
    plain = Mapping.load(EXAMPLES / "shop-orders.toml").apply(record)
    hidden = Mapping.load(EXAMPLES / "shop-orders.toml", HIDDEN).apply(record)
    assert plain is not None
    assert hidden is not None
    assert hidden.key.decode() == HIDDEN.of("00004711")
    assert json.loads(hidden.value) == json.loads(plain.value) | {"member_id": HIDDEN.of("00004711")}


@pytest.mark.parametrize("member", ["", "x" * 65, None, ["x"]])
def test_an_id_that_is_none_is_refused_and_not_made_into_one(tmp_path: Path, member: object) -> None:
    mapping = tmp_path / "joined.toml"
    mapping.write_text(
        '[[event]]\ntype = "member.joined"\n[event.fields]\n'
        'event_id = "$.id"\nmember_id = "$.member"\noccurred_at = "$.at"\n'
    )
    record = json.dumps({"id": "j-1", "member": member, "at": "2026-07-01T07:30:00Z"}).encode()
    for pseudonyms in (PLAIN, HIDDEN):
        with pytest.raises(BadRecord):
            Mapping.load(mapping, pseudonyms).apply(record)


def test_a_move_to_a_new_secret_merges_the_old_pseudonym_into_the_new_and_is_the_same_event_again() -> None:
    both = Pseudonyms(
        PseudonymSettings(secret=SecretStr(SECRET), key_id="2", former_secret=SecretStr(OLD_SECRET), former_key_id="1")
    )
    (move,) = moves(both, ["eva@shop.example"], 1_780_000_000_000, "new secret", "anna")
    (again,) = moves(both, ["eva@shop.example"], 1_790_000_000_000, "new secret", "anna")
    assert (move.member_id, move.into) == (both.former("eva@shop.example"), both.hide("eva@shop.example"))
    assert move.event_id == again.event_id
    key, value = encode_event(move)
    decode(key, value)
    assert b"eva" not in value


def test_who_moves_to_a_new_secret_takes_everything_along_and_moving_again_does_no_harm() -> None:
    both = Pseudonyms(
        PseudonymSettings(secret=SecretStr(SECRET), key_id="2", former_secret=SecretStr(OLD_SECRET), former_key_id="1")
    )
    eva, adam, nobody = "eva@shop.example", "adam@shop.example", "nobody@shop.example"
    old, shop = str(both.former(eva)), Partitions()
    shop.pipe(paid(old, "o1", day(0)), paid(old, "o2", day(1)), paid(str(both.former(adam)), "p1", day(1)))
    numbers = shop.numbers(old)
    for at in (day(10), day(11)):
        shop.cut()
        members = members_among(both, [eva, adam, nobody], scores(shop))
        assert members == [eva, adam]
        for move in moves(both, members, instant_of(at), "new secret", "anna"):
            shop.pipe(json.loads(encode_event(move)[1]))
    assert shop.refusals() == []
    assert shop.numbers(both.hide(eva)) == numbers
    assert set(shop.kinds(both.hide(eva))) == {"tier.joined", "tier.upgraded", "lifecycle.first_purchase"}
    assert shop.kinds(old).count("tier.merged") == 1
    shop.pipe(paid(both.hide(eva), "o3", day(12)))
    assert shop.numbers(both.hide(eva))[1] == 3


def test_an_id_that_was_erased_or_never_there_does_not_move() -> None:
    both = Pseudonyms(PseudonymSettings(secret=SecretStr(SECRET), former_secret=SecretStr(OLD_SECRET)))
    shop = Partitions()
    shop.pipe(paid(str(both.former("eva")), "o1", day(0)), paid(str(both.former("adam")), "p1", day(0)))
    shop.cut()
    shop.pipe(erased(str(both.former("eva")), day(1)))
    assert members_among(both, ["eva", "adam", "nobody"], scores(shop)) == ["adam"]


def scores(shop: Partitions) -> list[LogRecord]:
    """The topic ``member-scores``."""
    sent = [each for driver in shop.drivers for each in driver.outbox.records if each[0] == MEMBER_SCORES]
    return [LogRecord(place, 0, 0, key, value, ()) for _, place, key, value, _ in sent]


@pytest.fixture
def hiding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBERPULSE_PSEUDONYMS__SECRET", SECRET)
    return tmp_path


def test_whoever_keeps_the_ids_can_ask_for_the_pseudonym(hiding: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pseudonyms", "of", "eva@shop.example"]) == ExitCode.OK
    assert capsys.readouterr().out.strip() == HIDDEN.of("eva@shop.example")


@pytest.mark.parametrize(
    ("content", "secret", "code"),
    [
        ("eva@shop.example\n", "", ExitCode.CONFIG),
        ("eva@shop.example\n\nmax@shop.example\n", OLD_SECRET, ExitCode.DATA),
        (None, OLD_SECRET, ExitCode.NO_INPUT),
    ],
)
def test_members_move_only_with_both_secrets_and_a_whole_list(
    hiding: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, secret: str, code: ExitCode
) -> None:
    if secret:
        monkeypatch.setenv("MEMBERPULSE_PSEUDONYMS__FORMER_SECRET", secret)
    if content is not None:
        (hiding / "ids.txt").write_text(content)
    assert main(["pseudonyms", "move", "ids.txt"]) == code
