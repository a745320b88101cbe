"""``memberpulse config``: which settings apply here, without secrets."""

from enum import StrEnum
from typing import Annotated

import orjson
import typer

from streams.commands.output import results
from streams.commands.resolve import public_settings, resolved_settings


class Form(StrEnum):
    """How the settings are written."""

    TOML = "toml"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("config", epilog="Example: memberpulse config --format json")(show)


def show(form: Annotated[Form, typer.Option("--format", help="how to write them")] = Form.TOML) -> None:
    """Print the resolved settings, without secrets: environment variables over memberpulse.toml over the defaults."""
    values = public_settings(resolved_settings())
    text = orjson.dumps(values, option=orjson.OPT_INDENT_2).decode() if form is Form.JSON else as_toml(values)
    results().print(text, markup=False)


def as_toml(values: dict[str, object]) -> str:
    """The settings as a TOML file that reads back to the same values; what is not set is a comment."""
    lines: list[str] = []
    _table(lines, "", values)
    return "\n".join(lines).strip()


def _table(lines: list[str], name: str, values: dict[str, object]) -> None:
    for key, value in values.items():
        if value is None:
            lines.append(f"# {key} is not set")
        elif not isinstance(value, dict) and not _is_table_list(value):
            # JSON's strings, numbers, booleans and lists are TOML's too.
            lines.append(f"{key} = {orjson.dumps(value).decode()}")
    for key, value in values.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            lines += ["", f"[{inner}]"]
            _table(lines, inner, value)
        elif isinstance(value, list) and _is_table_list(value):
            for item in value:
                lines += ["", f"[[{inner}]]"]
                _table(lines, inner, item)


def _is_table_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
