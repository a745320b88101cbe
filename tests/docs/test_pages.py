"""What the pages name is there: pages and headings, files, verbs with their options, settings, metrics, sections."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from streams.__main__ import VERBS, command
from streams.access.caller import Scope
from streams.config import Settings
from streams.exits import ExitCode
from streams.topics import SPECS
from tests.streams.test_metrics import registered

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
#: What operators copy, beside the pages.
DEPLOYED = [ROOT / "docker-compose.yml", *sorted(each for each in (ROOT / "deploy").rglob("*") if each.is_file())]
#: Of the environment, and no settings.
OTHER_VARIABLES = {"CONFIG", "SECRETS_DIR", "URL", "KEY"}
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SECTIONS = "|".join(Settings.model_fields)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_text = pytest.mark.parametrize("page", [*PAGES, *DEPLOYED], ids=lambda page: page.name)


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def defaults() -> dict[str, Any]:
    """Every setting by its dotted name, with its default."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= {f"{name}.{inner}": value for inner, value in field.default}
        else:
            found[name] = field.default
    return found


def verbs() -> dict[str, set[str]]:
    """Every verb, ``policy show`` and the like included, with its options."""

    def under(told: Any, name: str) -> Iterator[tuple[str, set[str]]]:
        yield name, {option for each in told.params for option in each.opts if option.startswith("-")}
        for inner, nested in getattr(told, "commands", {}).items():
            yield from under(nested, f"{name} {inner}".strip())

    return dict(under(typer.main.get_command(command()), ""))


def shown(page: Path) -> list[str]:
    """The command lines of a page, in its text and in its examples, without the name of the command."""
    text = page.read_text()
    lines = [line for fence in _FENCE.findall(text) for line in fence.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    asked = [re.fullmatch(r"(?:\$ )?(?:\S*/)?memberpulse ([a-z].*)", line) for line in lines]
    return [re.split(r" +[#>|] ?", each[1])[0] for each in asked if each]


@every_page
def test_a_link_leads_to_a_page_and_a_heading_that_there_are(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_a_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`((?:bench|deploy|docs|scoring|streams|tests)/[\w./-]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_page
def test_a_command_line_has_a_verb_and_options_that_there_are(page: Path) -> None:
    known = verbs()
    for line in shown(page):
        words = line.split()
        verb = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert verb in known, line
        assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= known[verb] | {"--help"}, line


def test_the_table_of_verbs_has_all_of_them_and_no_option_that_there_is_not() -> None:
    table = (DOCS / "commands.md").read_text().partition("\n## ")[0]
    told: set[str] = set()
    for named, what in re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE):
        # `policy list`, `check`: the second is no verb of its own.
        here = set(re.findall(r"`([a-z]+)", named)) & VERBS.keys()
        options = {option for verb, found in verbs().items() if verb.partition(" ")[0] in here for option in found}
        assert set(re.findall(r"--[a-z-]+", what)) <= options, named
        told |= here
    assert told == VERBS.keys()


@every_text
def test_a_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(rf"`((?:{_SECTIONS})\.[a-z_]+)`", page.read_text()))
    variables = set(re.findall(r"MEMBERPULSE_([A-Z_]+[A-Z])\b(?!_)", page.read_text())) - OTHER_VARIABLES
    assert named | {name.lower().replace("__", ".") for name in variables} <= defaults().keys()


@every_page
def test_a_number_behind_a_setting_is_its_default(page: Path) -> None:
    known = defaults()
    for name, number in re.findall(rf"`((?:{_SECTIONS})\.[a-z_]+)` \(([\d,.]+)\)", page.read_text()):
        assert str(known[name]).removesuffix(".0") == number.replace(",", ""), name


def test_the_table_of_defaults_says_those_of_the_code() -> None:
    rows = re.findall(r"^\| (`serve\..*?) \| (.*?) \|", (DOCS / "http.md").read_text(), re.MULTILINE)
    told = {
        name: value
        for names, values in rows
        for name, value in zip(re.findall(r"`(.*?)`", names), values.split(", "), strict=True)
    }
    known = {name: value for name, value in defaults().items() if name.startswith("serve.")}
    assert told == {name: str(value).removesuffix(".0") for name, value in known.items()}


@every_text
def test_a_metric_that_is_named_exists(page: Path) -> None:
    parts = {f"{name}_{part}" for name in registered() for part in ("bucket", "sum", "count")}
    assert set(re.findall(r"\bmemberpulse_[a-z_]+[a-z]", page.read_text())) <= registered().keys() | parts


def test_the_tables_of_exit_codes_scopes_and_topics_are_those_of_the_code() -> None:
    table = (DOCS / "commands.md").read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(ExitCode)
    table = (DOCS / "access.md").read_text().partition("\n## Scopes")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE) == list(Scope)
    table = (DOCS / "operations.md").read_text().partition("\n## Topics")[2].partition("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    assert sorted(re.findall(r"`(.*?)`", cells)) == sorted(spec.name for spec in SPECS)


def sections() -> set[str]:
    """The numbers of the rules' headings, and of the points under them."""
    found, section = set(), ""
    for line in (DOCS / "rules.md").read_text().splitlines():
        if heading := re.match(r"#+ (\d+(?:\.\d+)?)", line):
            section = heading[1]
            found.add(section)
        elif point := re.match(r"(?:\| )?(\d+)(?:\.| \|)", line):
            found.add(f"{section}.{point[1]}")
    return found


def test_a_section_of_the_rules_that_is_named_exists() -> None:
    number = r"(\d+(?:\.\d+)?)"
    told = set(re.findall(rf"§{number}", (DOCS / "rules.md").read_text()))
    for folder in ("bench", "docs", "scoring", "streams", "tests"):
        for file in sorted([*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]):
            told |= set(re.findall(rf"rules(?:\.md)?,\s+(?:section\s+)?{number}", file.read_text()))
    assert sorted(told - sections()) == []
