"""The policy file: every threshold the rules use, as a loyalty manager writes it, validated whole.

A file is TOML; the same document as sorted compact JSON is its canonical form, which is what lies in the log and what
the content hash is of. Days are local days of ``time_zone``, money is minor units of ``currency``.
"""

import hashlib
import tomllib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from scoring.policy import Policy, TierRule
from streams.currencies import EXPONENTS
from streams.file_problems import FileError, Part, Problem, known_name, nearest, problems_of, readable, unfit
from streams.zone_table import zone_names, zone_table


def _about(description: str, **meaning: Any) -> Any:
    """A key in words, for editors and ``policy show``.

    ``more`` and ``less`` say what a higher and a lower value do to members, ``other`` what any other change does; of
    a list of choices the later is the higher. ``absent`` says what leaving the key out means, ``beside`` names keys
    without which it means nothing. ``policy diff`` tells them.
    """
    return Field(description=description, json_schema_extra=meaning)


Days = Annotated[int, Field(ge=1, le=3650, json_schema_extra={"unit": "days"})]
Orders = Annotated[int, Field(ge=1, le=1_000_000, json_schema_extra={"unit": "kept orders"})]
Money = Annotated[int, Field(ge=1, le=1_000_000_000_000, json_schema_extra={"unit": "minor units (cents)"})]


def _known_currency(code: str) -> str:
    return known_name(code, sorted(EXPONENTS), "currency code of ISO 4217, for example USD")


def _known_zone(name: str) -> str:
    return known_name(name, sorted(zone_names()), "time zone of the IANA database, for example Europe/Berlin")


def _plain_name(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise unfit("expected a name without blanks around it, line breaks and other control characters")
    return name


Currency = Annotated[str, AfterValidator(_known_currency), Field(json_schema_extra={"hint": "a code of ISO 4217"})]
TimeZone = Annotated[str, AfterValidator(_known_zone), Field(json_schema_extra={"hint": "a name like Europe/Berlin"})]


class PolicyFileError(FileError):
    """A policy that cannot be used, with every problem found in it. Commands end with exit code 78."""


class Windows(Part):
    """Spans over which orders are counted and returns are expected."""

    reported_days: Annotated[
        Days,
        _about(
            "the span of the reported frequency and monetary value",
            more="orders count for longer in what is reported",
            less="orders count for less long in what is reported",
        ),
    ] = 365
    return_days: Annotated[
        int,
        Field(ge=0, le=730, json_schema_extra={"unit": "days"}),
        _about(
            "how long returns are expected; news about orders older than the longest span plus this is too late",
            more="late returns are accepted for longer",
            less="late returns are refused earlier",
        ),
    ] = 90


class Level(Part):
    """One tier; the lowest has neither threshold."""

    model_config = ConfigDict(json_schema_extra={"noun": "Tier", "next": "above"})

    name: Annotated[
        str,
        AfterValidator(_plain_name),
        Field(min_length=1, max_length=64),
        _about("what the tier is called; each name once"),
    ]
    frequency: Annotated[
        Orders | None,
        _about(
            "kept orders within the window, at least; left out where they are not asked for",
            more="harder to reach",
            less="easier to reach",
            absent="not asked for",
        ),
    ] = None
    monetary: Annotated[
        Money | None,
        _about(
            "what these come to after returns, at least; left out where it is not asked for",
            more="harder to reach",
            less="easier to reach",
            absent="not asked for",
        ),
    ] = None
    match: Annotated[
        Literal["any", "all"] | None,
        _about(
            '"any": one of the two suffices, the default; "all": both are needed',
            more="harder to reach",
            less="easier to reach",
            beside=["frequency", "monetary"],
        ),
    ] = None

    @property
    def asks(self) -> bool:
        """Whether anything is asked for."""
        return self.frequency is not None or self.monetary is not None


class Tiers(Part):
    """The tiers, lowest first, and the span in which orders earn them."""

    window_days: Annotated[
        Days,
        _about(
            "the span in which orders earn a tier",
            more="orders count for longer, tiers are easier to keep",
            less="orders count for less long, tiers are harder to keep",
        ),
    ] = 365
    levels: Annotated[
        tuple[Level, ...], Field(min_length=1, max_length=26, strict=False), _about("the tiers, lowest first")
    ]

    def clashes(self) -> Iterator[tuple[str, str]]:
        """The lowest tier asks for nothing, every other for something, and for more than the ones below."""
        levels = [readable(level) for level in self.levels]
        first: dict[str, int] = {}
        highest: dict[str, tuple[int, str]] = {}
        for index, level in enumerate(levels):
            if level is None:
                continue
            name = readable(level.name)
            called = "" if name is None else f' "{name}"'
            if name is not None and first.setdefault(name, index) != index:
                yield f"levels[{index}].name", f"{called[1:]} is taken by levels[{first[name]}]; names must differ"
            if index == 0:
                if level.asks or level.match is not None:
                    yield "levels[0]", f"the lowest tier{called} must ask for nothing: everybody starts there"
                continue
            if not level.asks:
                yield f"levels[{index}]", f"the tier{called} needs frequency, monetary or both"
            for measure, value in (("frequency", readable(level.frequency)), ("monetary", readable(level.monetary))):
                below, lower = highest.get(measure, (0, ""))
                if value is not None and value <= below:
                    sentence = f"found {value}; must be more than the {below} of the lower tier{lower}"
                    yield f"levels[{index}].{measure}", sentence
                elif value is not None:
                    highest[measure] = (value, called)


def _boundary(stage: str) -> Any:
    return _about(
        f"days since the day of the last kept order at which a member becomes {stage}",
        more="alerts come later",
        less="alerts come earlier",
    )


class Lifecycle(Part):
    """Days since the day of the last kept order at which a member becomes quieter."""

    near_churn_days: Annotated[Days, _boundary("near_churn")] = 60
    recently_lapsed_days: Annotated[Days, _boundary("recently_lapsed")] = 90
    mid_lapsed_days: Annotated[Days, _boundary("mid_lapsed")] = 180
    dormant_days: Annotated[Days, _boundary("dormant")] = 365

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Each boundary is later than the one before."""
        boundaries = ("near_churn_days", "recently_lapsed_days", "mid_lapsed_days", "dormant_days")
        for before, name in pairwise(boundaries):
            days_before, days = getattr(self, before), getattr(self, name)
            if days <= days_before:
                found = "found" if name in self.model_fields_set else "is not stated and then"
                yield name, f"{found} {days} days; must be more than the {days_before} of {before}"


class PolicyDocument(Part):
    """A valid policy. ``version`` is the policy's own number, raised with every published change."""

    version: Annotated[
        int, Field(ge=1, le=1_000_000_000), _about("the policy's own number; raise it with every published change")
    ]
    currency: Annotated[
        Currency,
        _about(
            "of every amount; orders in another currency are refused",
            other="amounts are not converted: the same numbers are now of this currency",
        ),
    ]
    time_zone: Annotated[
        TimeZone,
        _about("where the business day begins and ends", other="days begin and end at other instants"),
    ]
    min_order_amount: Annotated[
        Money,
        _about(
            "an order counts when at least this much is kept after returns",
            more="fewer orders count",
            less="more orders count",
        ),
    ] = 1
    windows: Windows = Windows()
    tiers: Tiers
    lifecycle: Lifecycle = Lifecycle()

    def content(self) -> dict[str, Any]:
        """The document as plain values, in the order of the model: every default written out, and nothing that is not
        asked for.
        """
        content = self.model_dump(mode="json", exclude_none=True)
        for level, entry in zip(self.tiers.levels, content["tiers"]["levels"], strict=True):
            if level.asks:
                entry.setdefault("match", "any")
        return content

    def canonical(self) -> bytes:
        """The content as sorted compact JSON."""
        return orjson.dumps(self.content(), option=orjson.OPT_SORT_KEYS)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal: two policies with the same hash decide the same."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def to_policy(self, version: int | None = None) -> Policy:
        """The policy as the rules use it. ``version`` is the published one, when that differs from the document's."""
        return Policy(
            version=self.version if version is None else version,
            content_hash=self.content_hash,
            currency=self.currency,
            zone=zone_table(self.time_zone),
            window_days=self.windows.reported_days,
            tier_window_days=self.tiers.window_days,
            return_window_days=self.windows.return_days,
            min_order_amount=self.min_order_amount,
            tiers=[
                TierRule(level.name, level.frequency, level.monetary, level.match == "all")
                for level in self.tiers.levels
            ],
            near_churn_days=self.lifecycle.near_churn_days,
            recently_lapsed_days=self.lifecycle.recently_lapsed_days,
            mid_lapsed_days=self.lifecycle.mid_lapsed_days,
            dormant_days=self.lifecycle.dormant_days,
        )


def shipped() -> list[str]:
    """The names of the policies that come with the package."""
    folder = files("streams").joinpath("policies")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def source_text(path_or_name: str | Path) -> str:
    """What is written in a policy file, or in a shipped policy. Raises :class:`PolicyFileError`."""
    file = str(path_or_name)
    try:
        if file in shipped():
            content = files("streams").joinpath("policies", f"{file}.toml").read_bytes()
        else:
            content = Path(file).read_bytes()
        # Some editors put a byte order mark in front; newlines are those of any system.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{error.object[error.start]:02x} in line {line}"
        kind = "it is UTF-16" if error.object[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else byte
        sentence = f"is not UTF-8: {kind}; save the file as UTF-8"
        raise PolicyFileError(file, [Problem("", sentence)]) from error
    except (OSError, ValueError) as error:
        sentence = f"{nearest(file, shipped())}shipped are {', '.join(shipped())}; anything else is a path of a file"
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise PolicyFileError(file, [Problem("", f"cannot be read ({reason}); {sentence}")]) from error


def load(path_or_name: str | Path) -> PolicyDocument:
    """The policy of a file, or a shipped one by its name. Raises :class:`PolicyFileError` with every problem."""
    file = str(path_or_name)
    text = source_text(file)
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise PolicyFileError(file, [Problem("", "is not a policy: lists or tables lie too deep")]) from error
    except ValueError as error:  # tomllib's own error, and Python's for numbers of thousands of digits
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number has thousands of digits"
        sentence = f"is not TOML: {reason}; correct this first, what follows it could not be checked"
        raise PolicyFileError(file, [Problem("", sentence)]) from error
    return _validated(file, content)


def from_canonical(content: bytes) -> PolicyDocument:
    """The document of a canonical form, as it lies in the log. Raises :class:`PolicyFileError`."""
    try:
        return _validated("policy.published", orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise PolicyFileError("policy.published", [Problem("", f"is not JSON: {error}")]) from error


def _validated(file: str, content: object) -> PolicyDocument:
    try:
        return PolicyDocument.model_validate(content)
    except ValidationError as error:
        raise PolicyFileError(file, problems_of(error, PolicyDocument, content)) from error


#: What is said beside the keys for ``policy diff``, and is no part of JSON Schema.
_WORDS = ("more", "less", "other", "absent", "beside", "noun", "next")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document, for editors and other tools."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | PolicyDocument.model_json_schema()
    _for_editors(schema)
    return schema


def _for_editors(schema: Any) -> None:
    """Say only what a file can hold: TOML has no null, and the words of ``policy diff`` are no editor's."""
    if isinstance(schema, list):
        for each in schema:
            _for_editors(each)
        return
    if not isinstance(schema, dict):
        return
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1 and len(schema["anyOf"]) == 2:
        del schema["anyOf"]
        schema.update(choices[0])
    if schema.get("default", "") is None:
        del schema["default"]
    # A key of a policy may have the name of one of these words; then it is described by a table.
    for word in [word for word in _WORDS if not isinstance(schema.get(word, {}), dict)]:
        del schema[word]
    for each in schema.values():
        _for_editors(each)
