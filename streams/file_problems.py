"""What is wrong with a file that people write: every problem at once, its place, what was found, what is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

_KINDS: Final = {
    "integer": "a whole number",
    "string": "text",
    "array": "a list",
    "object": "a table",
    "boolean": "true or false",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: the ``path`` of a key (``tiers.levels[1].frequency``) and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class FileError(Exception):
    """A file that cannot be used, with every problem found in it."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{file}: {count}", *(f"  {problem}" for problem in problems)]))


def nearest(found: str, known: list[str]) -> str:
    """``did you mean "x"? `` for a slip, else nothing."""
    near = get_close_matches(found, known, 1)
    return f'did you mean "{near[0]}"? ' if near else ""


def known_name(found: str, known: list[str], what: str) -> str:
    """``found`` when it is one of ``known``, for a pydantic validator; ``what`` says what a name would be."""
    if found not in known:
        raise unfit(f"{nearest(found, known)}expected a {what}")
    return found


def unfit(sentence: str) -> PydanticCustomError:
    """What a pydantic validator raises so that ``sentence`` follows what was found."""
    return PydanticCustomError("unfit", "{sentence}", {"sentence": sentence})


def cross_check(problems: list[tuple[str, str]]) -> None:
    """Raise what a model's cross checks found, (path below it, sentence), for :func:`problems_of` to unfold."""
    if problems:
        raise PydanticCustomError("cross_check", "{count} problems", {"count": len(problems), "problems": problems})


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every problem of a validation of ``model``, in the words of the file."""
    errors = error.errors(include_url=False)
    # A list whose entries are wrong is also reported as too short; the entries' own problems say it all.
    blamed = {details["loc"][:depth] for details in errors for depth in range(len(details["loc"]))}
    return [
        problem
        for details in errors
        if details["type"] != "too_short" or details["loc"] not in blamed
        for problem in _problems(details, model)
    ]


def _problems(details: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    path = _path(details["loc"])
    if details["type"] == "cross_check":
        for below, sentence in details["ctx"]["problems"]:
            joint = "" if not path or not below or below.startswith("[") else "."
            yield Problem(f"{path}{joint}{below}", sentence)
        return
    schema = _schema_at(model.model_json_schema(), details["loc"])
    if details["type"] == "extra_forbidden":
        known = sorted(_schema_at(model.model_json_schema(), details["loc"][:-1]).get("properties", {}))
        name = str(details["loc"][-1])
        yield Problem(path, f"there is no such key; {nearest(name, known)}known here are {', '.join(known)}")
    elif details["type"] == "missing":
        yield Problem(path, f"is missing; expected {expected(schema)}")
    elif details["type"] == "unfit":
        yield Problem(path, f"found {_found(details['input'])}; {details['msg']}")
    else:
        yield Problem(path, f"found {_found(details['input'])}; expected {expected(schema)}")


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for step in loc:
        if step == "[key]":  # pydantic's sign for the key itself, which is the step before
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _found(value: object) -> str:
    if isinstance(value, str):
        return f'the text "{value[:60]}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else str(value)[:60]


def _schema_at(schema: dict[str, Any], loc: tuple[int | str, ...]) -> dict[str, Any]:
    """The part of a model's JSON Schema that describes the key at ``loc``; empty when the way there is not plain."""
    here = schema
    for step in (None, *loc):
        if isinstance(step, int):
            here = here.get("items", {})
        elif step is not None:
            others = here.get("additionalProperties")
            here = here.get("properties", {}).get(step) or (others if isinstance(others, dict) else {})
        reference = here.get("$ref") or next(
            (part["$ref"] for part in here.get("anyOf", here.get("allOf", [])) if "$ref" in part), None
        )
        if reference:
            here = schema["$defs"][str(reference).rpartition("/")[2]] | {k: v for k, v in here.items() if k != "$ref"}
    return here


def expected(schema: dict[str, Any]) -> str:
    """A schema in words: type, range, unit, default."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    if len(choices) > 1:
        return " or ".join(expected(choice) for choice in choices)
    plain = (choices[0] if choices else {}) | schema
    if "enum" in plain:
        return "one of " + ", ".join(f'"{choice}"' for choice in plain["enum"])
    words = _KINDS.get(str(plain.get("type")), "another value")
    if unit := plain.get("unit"):
        words += f" of {unit}"
    if "minimum" in plain and "maximum" in plain:
        words += f" from {plain['minimum']:,} to {plain['maximum']:,}"
    elif "minimum" in plain:
        words += f", {plain['minimum']:,} or more"
    if "minLength" in plain:
        words += f" of {plain['minLength']} to {plain.get('maxLength', 'any number of')} characters"
    if "minItems" in plain:
        words += f" of {plain['minItems']} to {plain.get('maxItems', 'any number of')} entries"
    if description := plain.get("hint"):
        words += f" ({description})"
    return words
