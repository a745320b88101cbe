"""What is wrong with a file that people write: every problem at once, its place, what was found, what is allowed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

_KINDS: Final = {
    "integer": "a whole number",
    "string": "text",
    "array": "a list",
    "object": "a table",
    "boolean": "true or false",
}
#: Kinds of problems after which the value can still be read.
_READABLE: Final = ("cross_check", "too_long", "too_short")
#: Where a value lies: keys and positions, from the top of the file.
Place = tuple[int | str, ...]
Value = TypeVar("Value")


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


def cross_check(problems: list[tuple[str, str]]) -> None:
    """Raise what a model's cross checks found, (path below it, sentence), for :func:`problems_of` to unfold."""
    if problems:
        raise PydanticCustomError("cross_check", "{count} problems", {"count": len(problems), "problems": problems})


class Unreadable:
    """Stands for a value that is itself wrong or missing while the rules between values are looked at.

    It compares as false with everything, itself included, so that a rule stays silent where one of its values is wrong.
    """

    def __repr__(self) -> str:
        return "?"

    def __eq__(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = object.__hash__


UNREADABLE: Final = Unreadable()


def readable(value: Value) -> Value | None:
    """``value``, or None when something is wrong with it."""
    return None if isinstance(value, Unreadable) else value


class Part(BaseModel):
    """A part of a file that people write: its keys, and in :meth:`clashes` the rules between them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def clashes(self) -> Iterator[tuple[str, str]]:
        """What does not fit together, as (path below this part, sentence).

        Also asked when some values are wrong; ``UNREADABLE`` stands in their place.
        """
        yield from ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        cross_check(list(self.clashes()))
        return self


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
        (place, problem)
        for details, place in zip(errors, places, strict=True)
        if details["type"] != "too_short" or place not in blamed
        for problem in _problems(details, place, whole)
    ]
    wrong = {place for details, place in zip(errors, places, strict=True) if details["type"] not in _READABLE}
    unasked: list[tuple[Place, Problem]] = []
    _sketch(model, content, (), wrong, blamed, unasked)
    return [problem for _, problem in problems] + [problem for _, problem in unasked]


def _place(whole: dict[str, Any], loc: Place) -> Place:
    """``loc`` as it is in the file: without pydantic's sign for a key itself and the tags of unions."""
    place: Place = ()
    for step in loc:
        tags = plain(schema_at(whole, place)).get("discriminator", {}).get("mapping", {})
        if step != "[key]" and step not in tags:
            place += (step,)
    return place


def _sketch(
    kind: Any, given: Any, place: Place, wrong: set[Place], blamed: set[Place], found: list[tuple[Place, Problem]]
) -> Any:
    """``given`` as the parts it would be without its ``wrong`` places; rules that nobody asked yet go to ``found``."""
    if place in wrong and not (isinstance(given, dict | list) and place in blamed):
        return UNREADABLE
    if isinstance(given, list):
        inner = _inner(kind, list, tuple)
        return [_sketch(inner, each, (*place, n), wrong, blamed, found) for n, each in enumerate(given)]
    if not isinstance(given, dict):
        return given
    model = _model(kind, given)
    if model is None:
        inner = _inner(kind, dict)
        return {name: _sketch(inner, each, (*place, name), wrong, blamed, found) for name, each in given.items()}
    values = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in given:
            values[name] = _sketch(field.annotation, given[key], (*place, key), wrong, blamed, found)
        else:
            values[name] = UNREADABLE if field.is_required() else field.get_default(call_default_factory=True)
    part = model.model_construct(_fields_set=values.keys() & given.keys(), **values)
    if isinstance(part, Part) and place in blamed:
        # A rule may not know what to do with a wrong value; what is wrong about that value has been told.
        with suppress(TypeError, AttributeError, ValueError, LookupError):
            found += ((place, Problem(_below(_path(place), path), told)) for path, told in part.clashes())
    return part


def _inner(kind: Any, *containers: type) -> Any:
    """What a list or a table of this kind holds; None when that is not plain."""
    for choice in _choices(kind):
        if get_origin(choice) in containers:
            return get_args(choice)[-1 if dict in containers else 0]
    return None


def _model(kind: Any, given: dict[str, Any]) -> type[BaseModel] | None:
    """The model that a table is meant as: of several, the one that knows most of its keys."""
    models = [choice for choice in _choices(kind) if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return max(models, key=lambda model: len(model.model_fields.keys() & given.keys()), default=None)


def _choices(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [choice for each in get_args(kind) for choice in _choices(each)]
    return [kind]


def _problems(details: ErrorDetails, place: Place, whole: dict[str, Any]) -> Iterator[Problem]:
    path = _path(place)
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


def key_paths(whole: dict[str, Any], place: Place = ()) -> list[str]:
    """Every key of a schema as ``tiers.levels[].name``, tables before what is in them."""
    here = schema_at(whole, place)
    paths = []
    for name in here.get("properties", {}):
        inner = (*place, name)
        paths.append(_path(inner).replace("[0]", "[]"))
        while _is_list(schema_at(whole, inner)):
            inner = (*inner, 0)
        if isinstance(plain(schema_at(whole, inner)).get("additionalProperties"), dict):
            inner = (*inner, "*")
        paths += key_paths(whole, inner)
    return paths


def _is_list(schema: dict[str, Any]) -> bool:
    return "items" in plain(schema)


def _advice(path: str, found: object, schema: dict[str, Any]) -> str:
    if isinstance(found, float) and str(plain(schema).get("unit", "")).startswith("minor"):
        return "; money is written without a decimal point: 12.50 USD is 1250"
    if isinstance(found, dict) and _is_list(schema):
        return f"; write [[{path}]] above each entry"
    return ""


def _path(place: Place) -> str:
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f"{'.' if path else ''}{_visible(step[:60])}"
    return path


def _found(value: object) -> str:
    if isinstance(value, str):
        return f'the text "{_visible(value[:60])}"' + (f"... of {len(value)} characters" if len(value) > 60 else "")
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


def _visible(text: str) -> str:
    """Text for a terminal: nothing in it moves the cursor or ends the line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that may also be absent, as if it could not."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    return (choices[0] if len(choices) == 1 else {}) | schema


def schema_at(schema: dict[str, Any], loc: Place) -> dict[str, Any]:
    """The part of a model's JSON Schema that describes the key at ``loc``; empty when the way there is not plain."""
    here = schema
    for step in (None, *loc):
        if isinstance(step, int):
            here = plain(here).get("items", {})
        elif step is not None:
            others = plain(here).get("additionalProperties")
            here = here.get("properties", {}).get(step) or (others if isinstance(others, dict) else {})
        reference = here.get("$ref") or next(
            (part["$ref"] for part in here.get("anyOf", here.get("allOf", [])) if "$ref" in part), None
        )
        if reference:
            here = _named(schema, reference) | {k: v for k, v in here.items() if k != "$ref"}
        variants = [_named(schema, each["$ref"]) for each in plain(here).get("oneOf", []) if "$ref" in each]
        for variant in variants:
            here = here | {"properties": here.get("properties", {}) | variant.get("properties", {})}
    return here


def _named(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    definition: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return definition


def expected(schema: dict[str, Any]) -> str:
    """A schema in words: type, unit, range."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    if len(choices) > 1:
        return " or ".join(expected(choice) for choice in choices)
    wanted = plain(schema)
    if "enum" in wanted:
        return "one of " + ", ".join(f'"{choice}"' for choice in wanted["enum"])
    words = _KINDS.get(str(wanted.get("type")), "another value")
    if unit := wanted.get("unit"):
        words += f" of {unit}"
    if "minimum" in wanted and "maximum" in wanted:
        words += f" from {wanted['minimum']:,} to {wanted['maximum']:,}"
    elif "minimum" in wanted:
        words += f", {wanted['minimum']:,} or more"
    if "minLength" in wanted:
        words += f" of {wanted['minLength']} to {wanted.get('maxLength', 'any number of')} characters"
    if "minItems" in wanted:
        words += f" of {wanted['minItems']} to {wanted.get('maxItems', 'any number of')} entries"
    if wanted.get("properties") and wanted.get("additionalProperties") is False:
        words += f" with {', '.join(wanted['properties'])}"
    if hint := wanted.get("hint"):
        words += f" ({hint})"
    return words
