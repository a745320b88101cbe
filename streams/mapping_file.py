"""The mapping file: how upstream records of any shape become canonical events, validated whole."""

import re
from datetime import UTC, datetime
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, get_args

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring.events import Line, MemberEvent
from streams.currencies import EXPONENTS
from streams.file_problems import FileError, Problem, cross_check, known_name, nearest, problems_of, unfit
from streams.policy_file import TimeZone

#: The struct of each canonical type that a mapping can make.
STRUCTS: Final = MappingProxyType({str(struct.__struct_config__.tag): struct for struct in get_args(MemberEvent)})
MONEY: Final = frozenset({"net_amount", "discount_amount", "returned_amount", "list_amount"})
INSTANTS: Final = frozenset({"occurred_at", "until"})
WHOLE_NUMBERS: Final = frozenset({"revision", "quantity"})
LISTS: Final = frozenset({"coupon_ids"})
#: Order events without a currency of their own still need to know it, where money is in major units.
_NEEDS_CURRENCY: Final = frozenset({"order.returned"})
_PATH: Final = re.compile(r"^\$(\.[^.\[\]{}]+|\[\d+\])+$")
_NAMED_TIMES: Final = ("rfc3339", "epoch_s", "epoch_ms")


class MappingFileError(FileError):
    """A mapping that cannot be used, with every problem found in it. Commands end with exit code 78."""


def _plain_path(path: str) -> str:
    if _PATH.match(path):
        return path
    raise unfit("expected a path like $.customer.id or $.items[0].sku")


def _known_type(kind: str) -> str:
    return known_name(kind, list(STRUCTS), f"canonical event type: {', '.join(STRUCTS)}")


def _known_currency(code: str) -> str:
    return known_name(code, sorted(EXPONENTS), "currency code of ISO 4217, for example USD")


def _usable_template(template: str) -> str:
    try:
        for _, name, spec, conversion in Formatter().parse(template):
            if name is not None and (conversion or not _PATH.match(f"$.{name}")):
                raise unfit(f"expected paths without $. between braces; {{{name}}} is none")
            format("", spec or "")
    except ValueError as error:
        raise unfit(f'expected a template like "{{order_id}}-{{status}}" or "{{customer:0>5}}" ({error})') from None
    return template


def _usable_time(form: str) -> str:
    if form in _NAMED_TIMES:
        return form
    sample = datetime(2000, 11, 12, 13, 14, 15, tzinfo=UTC)
    try:
        usable = "%" in form and datetime.strptime(sample.strftime(form), form).year == sample.year  # noqa: DTZ007 - the mapping states the zone, which is added to it
    except ValueError:
        usable = False
    if not usable:
        raise unfit('expected rfc3339, epoch_s, epoch_ms or a pattern like "%d.%m.%Y %H:%M"')
    return form


Path = Annotated[str, AfterValidator(_plain_path)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FieldRule(_Part):
    """Where one field comes from. In a file, a text that begins with ``$`` is short for a path, else for a constant."""

    path: Path | None = None
    constant: str | int | None = None
    template: Annotated[str, AfterValidator(_usable_template)] | None = None
    default: str | int | None = None
    translate: dict[str, str] | None = None
    otherwise: str | None = None
    money: Literal["minor", "major"] | None = None
    negate: bool = False
    time: Annotated[str, AfterValidator(_usable_time)] | None = None
    time_zone: TimeZone | None = None

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"path": given} if given.startswith("$") else {"constant": given}
        return {"constant": given} if isinstance(given, int) and not isinstance(given, bool) else given

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        problems = []
        if sum(origin is not None for origin in (self.path, self.constant, self.template)) != 1:
            problems.append(("", "needs exactly one of path, constant and template"))
        if self.otherwise is not None and self.translate is None:
            problems.append(("otherwise", "means something only beside translate"))
        if self.time not in (None, *_NAMED_TIMES) and "%z" not in str(self.time) and self.time_zone is None:
            problems.append(("time_zone", "is missing; a time without an offset needs one"))
        cross_check(problems)
        return self


class LinesRule(_Part):
    """The lines of an order: a list in the record, and the fields of each entry with paths inside that entry."""

    each: Path
    fields: dict[str, FieldRule]


def _usable_condition(wanted: Any) -> Any:
    listed = wanted if isinstance(wanted, list) and wanted else [wanted]
    if not (all(isinstance(each, str | int) for each in listed) or wanted in ({"exists": True}, {"exists": False})):
        raise unfit("expected a text, a whole number, true or false, a list of these, or { exists = true }")
    return wanted


#: Each path and what is wanted there: one text or number, one of a list, or being there (not missing, null, empty).
Condition = dict[Path, Annotated[Any, AfterValidator(_usable_condition)]]


class EventRule(_Part):
    """One canonical event type, when it is made, and its fields."""

    type: Annotated[str, AfterValidator(_known_type)]
    when: Condition = {}
    fields: dict[str, FieldRule]
    lines: LinesRule | None = None

    @property
    def counts_major_units(self) -> bool:
        """Whether some money is in major units, which takes a currency to read."""
        rules = [*self.fields.values(), *(self.lines.fields.values() if self.lines else ())]
        return any(rule.money == "major" for rule in rules)


class Skip(_Part):
    """Records that are no events and no mistakes either."""

    when: Condition


class MappingDocument(_Part):
    """A valid mapping. ``currency`` holds where a rule has none of its own; ``source`` becomes every event's source."""

    source: Annotated[str, Field(max_length=32)] = ""
    currency: Annotated[str, AfterValidator(_known_currency)] | None = None
    skip: list[Skip] = []
    event: Annotated[list[EventRule], Field(min_length=1)]

    @model_validator(mode="after")
    def _currency_stated(self) -> Self:
        cross_check(
            [
                (f"event[{index}].fields.currency", "is missing; name it here or as currency at the top of the file")
                for index, rule in enumerate(self.event)
                if self.currency is None
                and "currency" not in rule.fields
                and (rule.counts_major_units or rule.type == "order.paid")
            ]
        )
        return self


def validated(file: str, content: dict[str, Any]) -> MappingDocument:
    """The mapping that a file's content is. Raises :class:`MappingFileError` with every problem."""
    problems: list[Problem] = []
    document: MappingDocument | None = None
    try:
        document = MappingDocument.model_validate(content)
    except ValidationError as error:
        problems = problems_of(error, MappingDocument)
    events = content.get("event")
    for index, rule in enumerate(events if isinstance(events, list) else []):
        if isinstance(rule, dict) and rule.get("type") in STRUCTS:
            problems += _rule_problems(f"event[{index}]", rule)
    if document is None or problems:
        raise MappingFileError(file, problems)
    return document


def _rule_problems(path: str, rule: dict[str, Any]) -> list[Problem]:
    kind = rule["type"]
    fields = msgspec.structs.fields(STRUCTS[kind])
    optional = {"currency"} | ({"member_id"} if kind == "visit" else set())
    required = [field.name for field in fields if field.required and field.name not in optional]
    known = [field.name for field in fields if field.name not in ("schema_version", "lines")]
    known += ["currency"] if kind in _NEEDS_CURRENCY else []
    problems = _field_problems(f"{path}.fields", rule.get("fields"), known, required)
    if "lines" in rule:
        if all(field.name != "lines" for field in fields):
            problems.append(Problem(f"{path}.lines", f"{kind} has no lines"))
        elif isinstance(rule["lines"], dict):
            known = [field.name for field in msgspec.structs.fields(Line)]
            problems += _field_problems(f"{path}.lines.fields", rule["lines"].get("fields"), known, [])
    return problems


def _field_problems(path: str, fields: Any, known: list[str], required: list[str]) -> list[Problem]:
    if not isinstance(fields, dict):
        return []
    missing = "is missing; every event of this type needs it"
    problems = [Problem(f"{path}.{name}", missing) for name in required if name not in fields]
    for name, rule in fields.items():
        stated = rule if isinstance(rule, dict) else {}
        if name not in known:
            sentence = f"there is no such field; {nearest(name, known)}known here are {', '.join(known)}"
            problems.append(Problem(f"{path}.{name}", sentence))
        elif name in MONEY and "money" not in stated:
            problems.append(
                Problem(f"{path}.{name}.money", 'is missing; expected "minor" (cents) or "major" (dollars)')
            )
        elif name not in MONEY and ("money" in stated or "negate" in stated):
            problems.append(Problem(f"{path}.{name}", "is no amount of money; money and negate mean nothing here"))
        elif name not in INSTANTS and ("time" in stated or "time_zone" in stated):
            problems.append(Problem(f"{path}.{name}", "is no instant; time and time_zone mean nothing here"))
    return problems
