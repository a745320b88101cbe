import copy
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from streams.file_problems import problems_of as problems_in
from streams.file_rules import Part
from streams.file_schema import key_paths
from streams.policy_file import PolicyDocument, PolicyFileError, from_canonical, load
from streams.policy_schema import json_schema

Change = Callable[[dict[str, Any]], object]


def a_document(change: Change = lambda _content: None) -> dict[str, Any]:
    """The shipped policy's content, changed."""
    content = tomllib.loads(files("streams").joinpath("policies", "absolute.toml").read_text("utf-8"))
    change(content)
    return content


def problems_of(change: Change) -> list[str]:
    with pytest.raises(PolicyFileError) as refused:
        from_canonical(json.dumps(a_document(change)).encode())
    return [str(problem) for problem in refused.value.problems]


def test_the_shipped_policy_is_the_one_the_rules_describe() -> None:
    assert json.loads(load("absolute").canonical()) == {
        "version": 1,
        "currency": "USD",
        "time_zone": "UTC",
        "min_order_amount": 1,
        "windows": {"reported_days": 365, "return_days": 90},
        "tiers": {
            "window_days": 365,
            "levels": [
                {"name": "D"},
                {"name": "C", "frequency": 2, "monetary": 10_000, "match": "any"},
                {"name": "B", "frequency": 5, "monetary": 30_000, "match": "any"},
                {"name": "A", "frequency": 12, "monetary": 80_000, "match": "any"},
            ],
        },
        "lifecycle": {
            "near_churn_days": 60,
            "recently_lapsed_days": 90,
            "mid_lapsed_days": 180,
            "dormant_days": 365,
        },
    }


def test_the_hash_is_of_the_sorted_compact_document_and_survives_the_log() -> None:
    document = load("absolute")
    compact = json.dumps(json.loads(document.canonical()), sort_keys=True, separators=(",", ":")).encode()
    assert document.canonical() == compact
    assert document.content_hash == hashlib.sha256(compact).hexdigest()
    assert from_canonical(compact) == document
    assert from_canonical(compact).content_hash == document.content_hash


def test_defaults_written_out_or_left_out_are_the_same_policy() -> None:
    def leave_out(content: dict[str, Any]) -> None:
        del content["windows"], content["lifecycle"], content["min_order_amount"], content["tiers"]["window_days"]
        for level in content["tiers"]["levels"][1:]:
            del level["match"]

    assert from_canonical(json.dumps(a_document(leave_out)).encode()).content_hash == load("absolute").content_hash


def test_the_policy_of_the_rules_has_every_number_of_the_file() -> None:
    def change(content: dict[str, Any]) -> None:
        content["currency"] = "JPY"
        content["windows"] = {"reported_days": 100, "return_days": 20}
        content["tiers"]["window_days"] = 200
        content["tiers"]["levels"][3]["match"] = "all"
        del content["tiers"]["levels"][2]["monetary"]
        days = ("near_churn_days", "recently_lapsed_days", "mid_lapsed_days", "dormant_days")
        content["lifecycle"] = dict(zip(days, (1, 2, 3, 4), strict=True))
        content["min_order_amount"] = 7

    document = PolicyDocument.model_validate(a_document(change))
    policy = document.to_policy(9)
    assert (policy.version, policy.content_hash, policy.currency) == (9, document.content_hash, "JPY")
    assert (policy.window_days, policy.return_window_days, policy.tier_window_days) == (100, 20, 200)
    assert (policy.min_order_amount, policy.horizon_days) == (7, 225)
    assert [(tier.name, tier.frequency, tier.monetary, tier.match_all) for tier in policy.tiers] == [
        ("D", None, None, False),
        ("C", 2, 10_000, False),
        ("B", 5, None, False),
        ("A", 12, 80_000, True),
    ]
    assert (policy.near_churn_days, policy.recently_lapsed_days) == (1, 2)
    assert (policy.mid_lapsed_days, policy.dormant_days) == (3, 4)
    assert document.to_policy().version == 1


def at(*keys: str | int, value: Any) -> Change:
    """Sets the key that the path leads to."""

    def change(content: Any) -> None:
        *way, last = keys
        for key in way:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (at("version", value=0), "version: found 0; expected a whole number from 1 to 1,000,000,000"),
        (at("version", value="1"), 'version: found the text "1"; expected a whole number'),
        (at("version", value=True), "version: found true; expected a whole number"),
        (lambda content: content.pop("version"), "version: is missing; expected a whole number"),
        (at("currency", value="USDD"), 'currency: found the text "USDD"; did you mean "USD"?'),
        (at("time_zone", value="Europe/Berln"), 'found the text "Europe/Berln"; did you mean "Europe/Berlin"?'),
        (at("time_zone", value="../UTC"), "time_zone: found the text"),
        (
            at("min_order_amount", value=0),
            "min_order_amount: found 0; expected a whole number of minor units (cents) from",
        ),
        (
            at("windows", "reported_days", value=3651),
            "windows.reported_days: found 3651; expected a whole number of days",
        ),
        (at("windows", "return_days", value=-1), "windows.return_days: found -1"),
        (
            at("windows", "reported_dys", value=1),
            'windows.reported_dys: there is no such key; did you mean "reported_days"?',
        ),
        (
            at("lifecycle", "recently_lapsed_days", value=60),
            "lifecycle.recently_lapsed_days: found 60 days; must be more",
        ),
        (
            at("lifecycle", "dormant_days", value=180),
            "lifecycle.dormant_days: found 180 days; must be more than the 180",
        ),
        (at("tiers", "levels", value=[]), "tiers.levels: found an empty list; expected a list of 1 to 26 entries"),
        (at("tiers", "levels", 0, "frequency", value=1), 'tiers.levels[0]: the lowest tier "D" must ask for nothing'),
        (
            at("tiers", "levels", 1, value={"name": "C"}),
            'tiers.levels[1]: the tier "C" needs frequency, monetary or both',
        ),
        (at("tiers", "levels", 1, "name", value="D"), 'tiers.levels[1].name: "D" is taken'),
        (
            at("tiers", "levels", 1, "frequency", value=1.5),
            "tiers.levels[1].frequency: found 1.5; expected a whole number",
        ),
        (at("tiers", "levels", 1, "match", value="some"), 'found the text "some"; expected one of "any", "all"'),
        (
            at("tiers", "levels", 3, "monetary", value=30_000),
            "tiers.levels[3].monetary: found 30000; must be more than",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_what_was_found_and_what_is_allowed(change: Change, problem: str) -> None:
    (told,) = problems_of(change)
    assert problem in told


def test_thresholds_are_compared_across_a_tier_that_does_not_state_them() -> None:
    def change(content: dict[str, Any]) -> None:
        del content["tiers"]["levels"][2]["frequency"]
        content["tiers"]["levels"][3]["frequency"] = 2

    assert problems_of(change) == ['tiers.levels[3].frequency: found 2; must be more than the 2 of the lower tier "C"']


def test_all_mistakes_are_told_at_once() -> None:
    def change(content: dict[str, Any]) -> None:
        content["currency"] = "Dollar"
        content["windows"]["reported_days"] = "365"
        content["tiers"]["levels"][1]["name"] = "D"
        content["lifecycle"]["dormant_days"] = 1
        content["teirs"] = {}

    assert [problem.partition(":")[0] for problem in problems_of(change)] == [
        "currency",
        "windows.reported_days",
        "tiers.levels[1].name",
        "lifecycle.dormant_days",
        "teirs",
    ]


def test_a_list_is_not_blamed_for_what_is_wrong_with_its_entries() -> None:
    paths = [problem.partition(":")[0] for problem in problems_of(at("tiers", "levels", value=[{"nme": "D"}]))]
    assert paths == ["tiers.levels[0].name", "tiers.levels[0].nme"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"currency = ", "is not TOML"), (b"\xff", "is not UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_bytes(content)
    with pytest.raises(PolicyFileError, match=problem) as refused:
        load(file)
    assert str(file) in str(refused.value)


def test_an_unknown_name_is_answered_with_the_nearest_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match='did you mean "absolute"'):
        load("absolut")
    with pytest.raises(PolicyFileError, match="cannot be read"):
        load(tmp_path)


def test_a_copy_of_the_shipped_file_is_the_same_policy(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_bytes(files("streams").joinpath("policies", "absolute.toml").read_bytes())
    assert load(file) == load("absolute")


def test_the_json_schema_accepts_the_shipped_policy_and_refuses_a_slip() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(a_document())
    assert not validator.is_valid(a_document(at("windows", "reported_dys", value=1)))


@pytest.mark.parametrize("name", ["D ", " D", "D\n", "D\t2", "D\x7f", "\u200b"])
def test_a_name_that_cannot_be_seen_whole_is_refused(name: str) -> None:
    [told] = problems_of(at("tiers", "levels", 3, "name", value=name))
    assert told.startswith("tiers.levels[3].name: found the text")


def test_what_is_found_cannot_move_the_cursor_of_a_terminal() -> None:
    assert all(told.isprintable() for told in problems_of(at("currency", value="\x1b[2J")))
    assert all(told.isprintable() for told in problems_of(at("tiers", "levels", 1, "\x1b[2J", value=1)))


def test_a_default_is_not_told_as_if_it_had_been_found() -> None:
    def change(content: dict[str, Any]) -> None:
        content["lifecycle"] = {"dormant_days": 100}

    assert problems_of(change) == [
        "lifecycle.dormant_days: found 100 days; must be more than the 180 of mid_lapsed_days"
    ]
    assert problems_of(at("lifecycle", value={"near_churn_days": 90})) == [
        "lifecycle.recently_lapsed_days: is not stated and then 90 days; must be more than the 90 of near_churn_days"
    ]


def test_a_default_is_told_as_one_beside_a_wrong_value_too() -> None:
    assert problems_of(at("lifecycle", value={"near_churn_days": "60", "mid_lapsed_days": 400})) == [
        'lifecycle.near_churn_days: found the text "60"; expected a whole number of days from 1 to 3,650',
        "lifecycle.dormant_days: is not stated and then 365 days; must be more than the 400 of mid_lapsed_days",
    ]


def test_a_wrong_value_hides_no_other_problem_and_causes_none() -> None:
    def change(content: dict[str, Any]) -> None:
        levels = content["tiers"]["levels"]
        levels[1]["frequency"] = "two"
        levels[2] = "B"
        levels[3] |= {"name": "C", "monetary": 10_000}
        content["lifecycle"] |= {"near_churn_days": None, "mid_lapsed_days": 80}

    assert [problem.partition(":")[0] for problem in problems_of(change)] == [
        "tiers.levels[1].frequency",
        "tiers.levels[2]",
        "lifecycle.near_churn_days",
        "tiers.levels[3].name",
        "tiers.levels[3].monetary",
        "lifecycle.mid_lapsed_days",
    ]


def test_a_key_in_the_wrong_section_is_sent_to_its_place() -> None:
    [told] = problems_of(at("windows", "dormant_days", value=400))
    assert "its place is lifecycle.dormant_days" in told
    [told] = problems_of(at("lifecycle", "currency", value="USD"))
    assert "its place is the top of the file" in told


def test_a_list_written_as_one_table_is_told_how_to_be_written() -> None:
    [told] = problems_of(at("tiers", "levels", value={"name": "D"}))
    assert told.endswith("write [[tiers.levels]] above each entry")


JUNK = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.integers(10**20), st.floats(), st.text(max_size=5)),
    *(st.just([]), st.just({}), st.just([{}]), st.just([1]), st.just({"name": "X"}), st.just({"x": {"y": [{}]}})),
)


def places(content: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [found for key, each in inside for found in ((*way, key), *places(each, (*way, key)))]


@given(st.data())
def test_whatever_stands_in_a_file_it_is_a_policy_or_it_is_refused_with_problems(data: st.DataObject) -> None:
    content = a_document()
    for _ in range(data.draw(st.integers(1, 4))):
        way = data.draw(st.sampled_from(places(content)))
        at(*way, value=copy.deepcopy(data.draw(JUNK)))(content)
        if not places(content):
            break
    try:
        document = PolicyDocument.model_validate(content)
    except ValidationError as error:
        problems = problems_in(error, PolicyDocument, content)
        assert problems
        assert len(set(problems)) == len(problems)
        assert all(str(problem).isprintable() for problem in problems)
    else:
        assert from_canonical(document.canonical()).content_hash == document.content_hash


class Fixed(Part):
    mode: Literal["fixed"]
    days: Annotated[int, Field(ge=1, json_schema_extra={"unit": "days"})]


class Rhythm(Part):
    mode: Literal["rhythm"]
    floor: int
    ceiling: int

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.ceiling <= self.floor:
            yield "ceiling", "must be more than floor"


class Reward(Part):
    tier: str
    cost: int
    cap: int = 5

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.cost.bit_length() > self.cap:
            yield "cost", "is above the cap"


class Later(Part):
    """A document with the shapes that later sections may have: choices by a key, tables by name, parts left out."""

    quiet: Annotated[Fixed | Rhythm, Field(discriminator="mode")]
    rewards: Annotated[dict[str, Reward], Field(default_factory=dict)]
    extra: Reward | None = None


def later_problems(content: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Later.model_validate(content)
    return [str(problem) for problem in problems_in(refused.value, Later, content)]


def test_problems_in_a_choice_of_tables_have_the_path_of_the_file() -> None:
    assert later_problems({"quiet": {"mode": "fixed", "days": 0}}) == [
        "quiet.days: found 0; expected a whole number of days, 1 or more"
    ]
    assert later_problems({"quiet": {"mode": "own", "days": 1}}) == [
        'quiet.mode: found the text "own"; expected one of "fixed", "rhythm"'
    ]
    assert later_problems({"quiet": {}}) == ['quiet.mode: is missing; expected one of "fixed", "rhythm"']
    assert [told.partition(":")[0] for told in later_problems({"quiet": {"mode": "fixed", "dayz": 1}})] == [
        "quiet.days",
        "quiet.dayz",
    ]


def test_rules_of_later_parts_are_asked_beside_wrong_values() -> None:
    content = {
        "quiet": {"mode": "rhythm", "floor": 9, "ceiling": 3, "x": 1},
        "rewards": {"A near": {"tier": 1, "cost": 1 << 9}, "B": {"tier": "B", "cost": "1"}},
        "extra": {"cost": 1 << 9, "cap": 2},
    }
    assert [told.partition(":")[0] for told in later_problems(content)] == [
        "quiet.x",
        "rewards.A near.tier",
        "rewards.B.cost",
        "extra.tier",
        "quiet.ceiling",
        "rewards.A near.cost",
        "extra.cost",
    ]


def test_every_key_of_any_shape_has_a_path() -> None:
    assert key_paths(Later.model_json_schema()) == [
        *("quiet", "quiet.mode", "quiet.days", "quiet.floor", "quiet.ceiling"),
        *("rewards", "rewards.*.tier", "rewards.*.cost", "rewards.*.cap"),
        *("extra", "extra.tier", "extra.cost", "extra.cap"),
    ]
