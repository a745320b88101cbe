"""Which rules between the values of a file are broken, also where other values of it are wrong?"""

from collections.abc import Iterator
from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, Final, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from streams.file_schema import Place

Value = TypeVar("Value")


def cross_check(problems: list[tuple[str, str]]) -> None:
    """Raise what a model's cross checks found, (path below it, sentence); ``problems_of`` unfolds it."""
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


def unasked_rules(
    model: type[BaseModel], content: object, wrong: set[Place], blamed: set[Place]
) -> list[tuple[Place, str, str]]:
    """What the rules find that pydantic did not ask, as (place of the part, path below it, sentence).

    ``content`` is the whole file, meant as ``model``. ``wrong`` are the places of values that cannot be used,
    ``blamed`` those of all parts with a problem inside.
    """
    found: list[tuple[Place, str, str]] = []
    _sketch(model, content, (), wrong, blamed, found)
    return found


def _sketch(
    kind: Any, given: Any, place: Place, wrong: set[Place], blamed: set[Place], found: list[tuple[Place, str, str]]
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
            found += ((place, path, told) for path, told in part.clashes())
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
