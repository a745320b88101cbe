"""What is wrong with a file that people write: every problem at once, its place, what was found, what is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from streams.file_rules import cross_check, unasked_rules
from streams.file_schema import Place, expected, is_list, key_paths, path_text, plain, schema_at, visible

__all__ = ["FileError", "Problem", "cross_check", "known_name", "nearest", "problems_of", "unfit"]

#: Kinds of problems after which the value can still be read.
_READABLE: Final = ("cross_check", "too_long", "too_short")


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
    """``did you mean "x"? `` for a slip, capitals apart, else nothing."""
    spelled = {name.lower(): name for name in reversed(known)}
    near = get_close_matches(found.lower(), spelled, 1)
    return f'did you mean "{spelled[near[0]]}"? ' if near else ""


def known_name(found: str, known: list[str], what: str) -> str:
    """``found`` when it is one of ``known``, for a pydantic validator; ``what`` says what a name would be."""
    if found not in known:
        raise unfit(f"{nearest(found, known)}expected a {what}")
    return found


def unfit(sentence: str) -> PydanticCustomError:
    """What a pydantic validator raises so that ``sentence`` follows what was found."""
    return PydanticCustomError("unfit", "{sentence}", {"sentence": sentence})


def problems_of(error: ValidationError, model: type[BaseModel], content: object = None) -> list[Problem]:
    """Every problem of a validation of ``model``, in the words of the file.

    pydantic asks no rule between the values of a part when one of them is wrong. With the ``content`` of the file,
    the rules of such parts are asked here, so that those problems are told as well.
    """
    whole = model.model_json_schema()
    errors = error.errors(include_url=False)
    places = [_place(whole, details["loc"]) for details in errors]
    # A list whose entries are wrong is also reported as too short; the entries' own problems say it all.
    blamed = {place[:depth] for place in places for depth in range(len(place))}
    problems = [
        problem
        for details, place in zip(errors, places, strict=True)
        if details["type"] != "too_short" or place not in blamed
        for problem in _problems(details, place, whole)
    ]
    wrong = {place for details, place in zip(errors, places, strict=True) if details["type"] not in _READABLE}
    unasked = [
        Problem(_below(path_text(place), path), told)
        for place, path, told in unasked_rules(model, content, wrong, blamed)
    ]
    return problems + unasked


def _place(whole: dict[str, Any], loc: Place) -> Place:
    """``loc`` as it is in the file: without pydantic's sign for a key itself and the tags of unions."""
    place: Place = ()
    for step in loc:
        tags = plain(schema_at(whole, place)).get("discriminator", {}).get("mapping", {})
        if step != "[key]" and step not in tags:
            place += (step,)
    return place


def _problems(details: ErrorDetails, place: Place, whole: dict[str, Any]) -> Iterator[Problem]:
    path = path_text(place)
    schema = schema_at(whole, place)
    found = details["input"]
    if details["type"] == "cross_check":
        for below, sentence in details["ctx"]["problems"]:
            yield Problem(_below(path, below), sentence)
    elif details["type"] == "extra_forbidden":
        yield Problem(path, f"there is no such key; {_better_key(whole, place)}")
    elif details["type"] == "missing":
        yield Problem(path, f"is missing; expected {expected(schema)}")
    elif details["type"] == "unfit":
        yield Problem(path, f"found {_found(found)}; {details['msg']}")
    elif details["type"].startswith("union_tag_"):
        key = str(details["ctx"]["discriminator"]).strip("'")
        sentence = f"found {_found(found[key])}" if isinstance(found, dict) and key in found else "is missing"
        tags = ", ".join(f'"{tag}"' for tag in plain(schema).get("discriminator", {}).get("mapping", {}))
        yield Problem(_below(path, key), f"{sentence}; expected one of {tags}")
    else:
        yield Problem(path, f"found {_found(found)}; expected {expected(schema)}{_advice(path, found, schema)}")


def _below(path: str, below: str) -> str:
    return f"{path}{below}" if not path or not below or below.startswith("[") else f"{path}.{below}"


def _better_key(whole: dict[str, Any], place: Place) -> str:
    """Which key was meant: one of the same table, or the same name where it belongs."""
    name = str(place[-1])
    known = sorted(schema_at(whole, place[:-1]).get("properties", {}))
    owners = [path for path in key_paths(whole) if path.rpartition(".")[2] == name]
    if owners:
        places = [path if "." in path else "the top of the file, above every section" for path in owners]
        return f"its place is {' or '.join(places)}; known here are {', '.join(known)}"
    return f"{nearest(name, known)}known here are {', '.join(known)}"


def _advice(path: str, found: object, schema: dict[str, Any]) -> str:
    if isinstance(found, float) and str(plain(schema).get("unit", "")).startswith("minor"):
        return "; money is written without a decimal point: 12.50 USD is 1250"
    if isinstance(found, dict) and is_list(schema):
        return f"; write [[{path}]] above each entry"
    return ""


def _found(value: object) -> str:
    if isinstance(value, str):
        return f'the text "{visible(value[:60])}"' + (f"... of {len(value)} characters" if len(value) > 60 else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        count = "1 entry" if len(value) == 1 else f"{len(value)} entries"
        return f"a list of {count}" if value else "an empty list"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of more than 38 digits"
    return str(value)[:60]
