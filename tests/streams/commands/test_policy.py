"""Policies as a loyalty manager meets them: what is refused and in which words, and what the verbs print."""

import codecs
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streams.__main__ import main
from streams.commands import policy
from streams.commands.policy import as_toml
from streams.commands.topics import apply_topics
from streams.config import ScoreSettings, Settings
from streams.exits import ExitCode
from streams.file_rules import Part
from streams.file_schema import key_paths
from streams.policy_file import PolicyDocument, PolicyFileError, load, shipped

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests" / "samples" / "policies"
BAD = sorted((SAMPLES / "bad").glob("*.toml"))
GOOD = sorted((SAMPLES / "good").glob("*.toml"))
#: A problem of the file as a whole has no key.
WHOLE_FILE = "(file)"

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No memberpulse.toml of this folder takes part."""
    monkeypatch.chdir(tmp_path)


def expected_paths(sample: Path) -> list[str]:
    """What the sample's own second line says is wrong with it."""
    content = sample.read_bytes()
    text = content.decode("utf-16" if content.startswith(codecs.BOM_UTF16_LE) else "latin-1")
    words, expects = text.splitlines()[:2]
    assert re.match(r"# \S.*\.$", words), "the first line says in words what is wrong"
    assert expects.startswith("# expects: ")
    return expects.removeprefix("# expects: ").split("; ")


def name_of(sample: Path) -> str:
    return sample.stem


@pytest.mark.parametrize("sample", BAD, ids=name_of)
def test_a_bad_policy_tells_all_its_problems_at_once_and_is_used_nowhere(sample: Path, capsys: Captured) -> None:
    with pytest.raises(PolicyFileError) as refused:
        load(sample)
    problems = refused.value.problems
    assert sorted(problem.path or WHOLE_FILE for problem in problems) == sorted(expected_paths(sample))

    assert main(["policy", "check", str(sample)]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    told = printed.err.splitlines()
    assert told[0].startswith(f"error: {sample}: {len(problems)} problem")
    assert [f"  {problem}" for problem in problems] == told[1:-1]

    # Refused before anything is looked for: no broker answers here.
    with pytest.raises(PolicyFileError):
        apply_topics(Settings(score=ScoreSettings(policy=str(sample))))


def test_every_key_of_the_document_has_a_bad_sample() -> None:
    told = {re.sub(r"\[\d+\]", "[]", path) for sample in BAD for path in expected_paths(sample)}
    assert not set(key_paths(PolicyDocument.model_json_schema())) - told, "tests/samples/policies/bad lacks these"


def test_at_least_eight_bad_samples_have_several_problems() -> None:
    assert sum(len(expected_paths(sample)) > 1 for sample in BAD) >= 8


@pytest.mark.parametrize("sample", GOOD, ids=name_of)
def test_a_good_policy_is_one_line_with_its_hash(sample: Path, capsys: Captured) -> None:
    assert main(["policy", "check", str(sample)]) == ExitCode.OK
    printed = capsys.readouterr()
    [line] = printed.out.splitlines()
    assert line.startswith(f"{sample}: valid; ")
    assert load(sample).content_hash in line
    assert printed.err == ""


@pytest.mark.parametrize("shown", [*shipped(), *GOOD], ids=lambda shown: Path(shown).stem)
def test_what_show_prints_is_the_same_policy(shown: str | Path, capsys: Captured, tmp_path: Path) -> None:
    assert main(["policy", "show", str(shown)]) == ExitCode.OK
    copy = tmp_path / "copy.toml"
    copy.write_text(capsys.readouterr().out, "utf-8")
    assert load(copy).content_hash == load(shown).content_hash
    assert main(["policy", "show", str(shown), "--json"]) == ExitCode.OK
    assert capsys.readouterr().out.rstrip("\n").encode() == load(shown).canonical()


def test_show_says_what_the_numbers_are() -> None:
    text = as_toml(load("absolute"))
    assert "monetary = 10000  # 100.00 USD\n" in text
    assert "frequency = 2  # kept orders\n" in text
    assert "near_churn_days = 60  # days\n" in text
    assert 'match = "any"\n' in text


class Offer(Part):
    text: str
    days: list[int]
    on: bool = True


class Grown(PolicyDocument):
    """The document with shapes that later sections may have."""

    offers: dict[str, dict[str, Offer]]
    steps: list[Offer]


def test_show_writes_later_sections_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PolicyDocument", Grown)
    offer = {"text": 'a "b" \\ \x7f\n:star: # [c]', "days": [1, 2], "on": False}
    later = {"offers": {'A "1"': {"near churn": offer, "new": offer}, "B.2": {"x": offer}}, "steps": [offer] * 2}
    grown = Grown.model_validate(load("absolute").content() | later)
    assert Grown.model_validate(tomllib.loads(as_toml(grown))).content_hash == grown.content_hash


def test_show_writes_every_default_out(capsys: Captured) -> None:
    main(["policy", "show", str(SAMPLES / "good" / "smallest.toml")])
    shown = tomllib.loads(capsys.readouterr().out)
    assert shown["lifecycle"]["dormant_days"] == 365
    assert shown["windows"] == {"reported_days": 365, "return_days": 90}


def test_good_files_are_told_beside_bad_ones(capsys: Captured) -> None:
    files = [str(BAD[0]), "absolute", str(BAD[1])]
    assert main(["policy", "check", *files]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    assert [line.partition(":")[0] for line in printed.out.splitlines()] == ["absolute"]
    assert str(BAD[0]) in printed.err
    assert str(BAD[1]) in printed.err


def test_list_has_a_line_for_every_shipped_policy(capsys: Captured) -> None:
    assert main(["policy", "list"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == shipped()
    assert all(len(line.split()) > 1 for line in lines)


def test_the_printed_schema_takes_good_policies_and_refuses_a_slip(capsys: Captured) -> None:
    assert main(["policy", "schema"]) == ExitCode.OK
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for sample in GOOD:
        # TOML's own dates are texts for editors.
        content = json.loads(json.dumps(tomllib.loads(sample.read_text("utf-8-sig")), default=str))
        assert validator.is_valid(content), sample
    slips = SAMPLES / "bad" / "22-slips-in-sections.toml"
    assert not validator.is_valid(tomllib.loads(slips.read_text("utf-8")))


def test_the_schema_describes_every_key_and_knows_no_null(capsys: Captured) -> None:
    main(["policy", "schema"])
    text = capsys.readouterr().out
    assert "null" not in text
    assert "harder to reach" not in text
    bare = [
        f"{owner}.{name}"
        for owner, part in json.loads(text)["$defs"].items()
        for name, key in part["properties"].items()
        if "description" not in key
    ]
    assert not bare


def test_help_of_schema_keeps_the_line_for_editors_whole(capsys: Captured) -> None:
    assert main(["policy", "schema", "--help"]) == ExitCode.OK
    assert "#:schema ./policy.schema.json" in capsys.readouterr().out


def a_changed_copy(tmp_path: Path, *replacements: tuple[str, str]) -> str:
    text = as_toml(load("absolute"))
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "ours.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_diff_tells_changes_in_words(capsys: Captured, tmp_path: Path) -> None:
    ours = a_changed_copy(
        tmp_path, ("monetary = 30000", "monetary = 35000"), ("near_churn_days = 60", "near_churn_days = 45")
    )
    assert main(["policy", "diff", "absolute", ours]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        "Tier B: monetary 300.00 USD -> 350.00 USD (harder to reach)",
        "Lifecycle: near_churn 60 -> 45 days (alerts come earlier)",
        "version 1 is that of both: raise it before this is published",
    ]


def test_diff_of_the_same_policy_says_so(capsys: Captured, tmp_path: Path) -> None:
    assert main(["policy", "diff", "absolute", a_changed_copy(tmp_path)]) == ExitCode.OK
    content_hash = load("absolute").content_hash
    assert capsys.readouterr().out == f"no difference, same content hash {content_hash}\n"


def test_diff_as_json(capsys: Captured, tmp_path: Path) -> None:
    ours = a_changed_copy(tmp_path, ("version = 1", "version = 2"))
    assert main(["policy", "diff", "absolute", ours, "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False
    assert told["old"] == {"policy": "absolute", "version": 1, "content_hash": load("absolute").content_hash}
    assert told["new"] == {"policy": ours, "version": 2, "content_hash": load(ours).content_hash}
    assert told["changes"] == [{"kind": "changed", "path": "version", "old": 1, "new": 2, "sentence": "version 1 -> 2"}]


@pytest.mark.parametrize(
    "verb", [["show", "absolut"], ["diff", "absolut", "absolute"], ["diff", "absolute", "absolut"]]
)
def test_an_unknown_policy_is_exit_78_with_the_nearest_name(verb: list[str], capsys: Captured) -> None:
    assert main(["policy", *verb]) == ExitCode.CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    assert 'did you mean "absolute"' in printed.err


@pytest.mark.parametrize("verb", ["list", "check", "show", "schema", "diff"])
def test_every_verb_helps_with_an_example(verb: str, capsys: Captured) -> None:
    assert main(["policy", verb, "--help"]) == ExitCode.OK
    assert "Example: " in capsys.readouterr().out


def test_the_documentation_has_every_key() -> None:
    text = (ROOT / "docs" / "policy.md").read_text("utf-8")
    paths = key_paths(PolicyDocument.model_json_schema())
    keys = [path for path in paths if not any(other.startswith((f"{path}.", f"{path}[].")) for other in paths)]
    assert not [key for key in keys if f"| `{key}` |" not in text], "the table of docs/policy.md lacks these"


def test_every_policy_in_the_documentation_is_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "policy.md").read_text("utf-8"), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        file = tmp_path / "example.toml"
        file.write_text(example, "utf-8")
        load(file)


def test_every_shipped_policy_has_a_paragraph_that_says_for_whom_it_is() -> None:
    text = (ROOT / "docs" / "policy.md").read_text("utf-8")
    assert not [name for name in shipped() if f"**`{name}`** is for " not in text]
