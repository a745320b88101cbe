"""``memberpulse policy``: is this policy right, what does it say, what is different in another, what would it do?"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

import orjson
import typer

from streams.commands import policy_preview, policy_publish
from streams.commands.backtest import EPILOG, backtest
from streams.commands.output import results
from streams.exits import CommandError, ExitCode
from streams.file_problems import FileError
from streams.file_schema import Place
from streams.policy_diff import changes, value_text
from streams.policy_file import PolicyDocument, load, shipped, source_text
from streams.policy_schema import json_schema

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCHEMA_HELP: Final = """Print the JSON Schema (draft 2020-12) of a policy, for editors: they complete keys, show units
and underline what is out of range.

Save it beside the policy and name it in the policy's first line:

    #:schema ./policy.schema.json

Editors with Taplo (Even Better TOML in VS Code) read that line. 'policy check' also knows the rules between keys.
"""

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
NameOrFile = Annotated[
    str, typer.Argument(metavar="NAME_OR_FILE", help="a shipped policy or a policy file", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the verb and what it can do."""
    verbs = typer.Typer(
        no_args_is_help=True,
        help="Check, show, compare and backtest policies, which are files; preview and publish one where members are.",
    )
    verbs.command("list", epilog="Example: memberpulse policy list")(show_shipped)
    verbs.command("check", epilog="Example: memberpulse policy check our.toml")(check)
    verbs.command("show", epilog="Example: memberpulse policy show absolute > our.toml")(show)
    verbs.command("schema", help=_SCHEMA_HELP, epilog="Example: memberpulse policy schema > policy.schema.json")(schema)
    verbs.command("diff", epilog="Example: memberpulse policy diff absolute our.toml")(diff)
    verbs.command("backtest", epilog=EPILOG)(backtest)
    verbs.command("preview", epilog=policy_preview.EPILOG)(policy_preview.preview)
    verbs.command("publish", epilog=policy_publish.EPILOG)(policy_publish.publish)
    app.add_typer(verbs, name="policy")


def show_shipped() -> None:
    """List the policies that come with the package, one line each."""
    names = shipped()
    width = max(len(name) for name in names)
    for name in names:
        _say(f"{name:<{width}}  {_title(name)}")


def check(
    policies: Annotated[
        list[str],
        typer.Argument(metavar="FILE_OR_NAME...", help="policy files or shipped policies", show_default=False),
    ],
) -> None:
    """Tell every problem of every file at once: its place, what was found, the unit, what is allowed, the key that may
    have been meant.

    One line per good policy, with its content hash. Exit 78 when any cannot be used. Changes nothing.
    """
    refused: list[FileError] = []
    for policy in policies:
        try:
            _say(f"{policy}: {summary(load(policy))}")
        except FileError as error:
            refused.append(error)
    if refused:
        told = "\n".join(str(error) for error in refused)
        files = "file" if len(refused) == 1 else "files"
        raise CommandError(told, ExitCode.CONFIG, remedy=f"correct the {files}; nothing was changed")


def show(policy: NameOrFile, *, as_json: AsJson = False) -> None:
    """Print a policy with every default written out, as TOML with units, or as the canonical JSON that lies in the log
    and that the content hash is of.
    """
    document = load(policy)
    text = document.canonical().decode() if as_json else as_toml(document)
    _say(text)


def schema() -> None:
    """Print the JSON Schema; its help is ``_SCHEMA_HELP``, whose line for editors stays on a line of its own."""
    _say(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="a shipped policy or a policy file", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="likewise", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Tell in words what is different in NEW, and what that does to members. Exit 0 with and without differences."""
    before, after = load(old), load(new)
    found = changes(before, after)
    if as_json:
        told = {
            "same": not found,
            "old": {"policy": old, "version": before.version, "content_hash": before.content_hash},
            "new": {"policy": new, "version": after.version, "content_hash": after.content_hash},
            "changes": found,
        }
        _say(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    for change in found:
        _say(change.sentence)
    if not found:
        _say(f"no difference, same content hash {after.content_hash}")
    elif before.version == after.version:
        _say(f"version {after.version} is that of both: raise it before this is published")


def summary(document: PolicyDocument) -> str:
    """A valid policy in one line."""
    names = ", ".join(level.name for level in document.tiers.levels)
    return (
        f"valid; version {document.version}, {document.currency}, {document.time_zone}, tiers {names}; "
        f"content hash {document.content_hash}"
    )


def as_toml(document: PolicyDocument) -> str:
    """The policy as a TOML file that reads back to the same content hash; units and amounts are comments."""
    lines: list[str] = []
    _table(lines, "", (), document.content(), PolicyDocument.model_json_schema(), document.currency)
    return "\n".join(lines)


def _table(
    lines: list[str], path: str, place: Place, values: dict[str, Any], whole: dict[str, Any], currency: str
) -> None:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict) and not _is_tables(value)}
    for key, value in plain.items():
        line = f"{_key(key)} = {_value(value)}"
        told = value_text(value, whole, (*place, key), currency).removeprefix(f"{value} ")
        lines.append(line if isinstance(value, bool | str | list) or told == str(value) else f"{line}  # {told}")
    for key, value in values.items():
        if key in plain:
            continue
        inner = f"{path}.{_key(key)}" if path else _key(key)
        for header, inside, each in _tables(inner, (*place, key), value):
            lines += ["", header]
            _table(lines, inner, inside, each, whole, currency)


def _tables(path: str, place: Place, value: Any) -> Iterator[tuple[str, Place, dict[str, Any]]]:
    if isinstance(value, dict):
        yield f"[{path}]", place, value
    else:
        yield from ((f"[[{path}]]", (*place, 0), each) for each in value)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    # JSON's strings, numbers and booleans are TOML's too, but for one character.
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")


def _title(name: str) -> str:
    """The first line of a shipped policy, which is a comment: the policy "absolute": ..."""
    first = source_text(name).partition("\n")[0].removeprefix("#").strip()
    return first.removeprefix(f'The policy "{name}":').strip()


def _say(text: str) -> None:
    """Print a line as it is: a tier called ``:star:`` stays that."""
    results().print(text, markup=False, emoji=False)
