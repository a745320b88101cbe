"""The policy file: every threshold the rules use, as a loyalty manager writes it, validated whole.

A file is TOML; the same document as sorted compact JSON is its canonical form, which is what lies in the log and what
the content hash is of. Days are local days of ``time_zone``, money is minor units of ``currency``.
"""

import hashlib
import tomllib
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring.policy import Policy, TierRule
from streams.currencies import EXPONENTS
from streams.file_problems import FileError, Problem, cross_check, known_name, nearest, problems_of
from streams.zone_table import zone_names, zone_table

Days = Annotated[int, Field(ge=1, le=3650, json_schema_extra={"unit": "days"})]
Orders = Annotated[int, Field(ge=1, le=1_000_000, json_schema_extra={"unit": "kept orders"})]
Money = Annotated[int, Field(ge=1, le=1_000_000_000_000, json_schema_extra={"unit": "minor units (cents)"})]


def _known_currency(code: str) -> str:
    return known_name(code, sorted(EXPONENTS), "currency code of ISO 4217, for example USD")


def _known_zone(name: str) -> str:
    return known_name(name, sorted(zone_names()), "time zone of the IANA database, for example Europe/Berlin")


Currency = Annotated[str, AfterValidator(_known_currency), Field(json_schema_extra={"hint": "a code of ISO 4217"})]
TimeZone = Annotated[str, AfterValidator(_known_zone), Field(json_schema_extra={"hint": "a name like Europe/Berlin"})]


class PolicyFileError(FileError):
    """A policy that cannot be used, with every problem found in it. Commands end with exit code 78."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Windows(_Part):
    """Spans over which orders are counted and returns are expected."""

    reported_days: Days = 365
    return_days: Annotated[int, Field(ge=0, le=730, json_schema_extra={"unit": "days"})] = 90


class Level(_Part):
    """One tier; the lowest has neither threshold."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    frequency: Orders | None = None
    monetary: Money | None = None
    match: Literal["any", "all"] | None = None

    @property
    def asks(self) -> bool:
        """Whether anything is asked for."""
        return self.frequency is not None or self.monetary is not None


class Tiers(_Part):
    """The tiers, lowest first, and the span in which orders earn them."""

    window_days: Days = 365
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=26, strict=False)]

    @model_validator(mode="after")
    def _rise(self) -> Self:
        problems: list[tuple[str, str]] = []
        lowest, *others = self.levels
        if lowest.asks or lowest.match is not None:
            problems.append(
                ("levels[0]", f'the lowest tier, "{lowest.name}", must ask for nothing: everybody starts there')
            )
        names: set[str] = set()
        for index, level in enumerate(self.levels):
            if level.name in names:
                problems.append(
                    (f"levels[{index}].name", f'"{level.name}" is taken by another tier; names must differ')
                )
            names.add(level.name)
        highest: dict[str, tuple[int, str]] = {}
        for index, level in enumerate(others, start=1):
            if not level.asks:
                problems.append((f"levels[{index}]", f'the tier "{level.name}" needs frequency, monetary or both'))
            for measure, value in (("frequency", level.frequency), ("monetary", level.monetary)):
                if value is None:
                    continue
                if measure in highest and value <= highest[measure][0]:
                    below, name = highest[measure]
                    sentence = f'found {value}; must be more than the {below} of the lower tier "{name}"'
                    problems.append((f"levels[{index}].{measure}", sentence))
                else:
                    highest[measure] = (value, level.name)
        cross_check(problems)
        return self


class Lifecycle(_Part):
    """Days since the day of the last kept order at which a member becomes quieter."""

    near_churn_days: Days = 60
    recently_lapsed_days: Days = 90
    mid_lapsed_days: Days = 180
    dormant_days: Days = 365

    @model_validator(mode="after")
    def _rise(self) -> Self:
        steps = list(self.model_dump().items())
        cross_check(
            [
                (name, f"found {days} days; must be more than the {days_before} of {before}")
                for (before, days_before), (name, days) in pairwise(steps)
                if days <= days_before
            ]
        )
        return self


class PolicyDocument(_Part):
    """A valid policy. ``version`` is the policy's own number, raised with every published change."""

    version: Annotated[int, Field(ge=1, le=1_000_000_000)]
    currency: Currency
    time_zone: TimeZone
    min_order_amount: Money = 1
    windows: Windows = Windows()
    tiers: Tiers
    lifecycle: Lifecycle = Lifecycle()

    def canonical(self) -> bytes:
        """The document as sorted compact JSON with every default written out and nothing that is not asked for."""
        content = self.model_dump(exclude_none=True)
        for level, entry in zip(self.tiers.levels, content["tiers"]["levels"], strict=True):
            if level.asks:
                entry.setdefault("match", "any")
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)

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


def load(path_or_name: str | Path) -> PolicyDocument:
    """The policy of a file, or a shipped one by its name. Raises :class:`PolicyFileError` with every problem."""
    file = str(path_or_name)
    try:
        if file in shipped():
            text = files("streams").joinpath("policies", f"{file}.toml").read_text("utf-8")
        else:
            text = Path(file).read_text("utf-8")
        return _validated(file, tomllib.loads(text))
    except OSError as error:
        sentence = f"{nearest(file, shipped())}shipped are {', '.join(shipped())}; anything else is a path of a file"
        reason = error.strerror or str(error)
        raise PolicyFileError(file, [Problem("", f"cannot be read ({reason}); {sentence}")]) from error
    except UnicodeDecodeError as error:
        raise PolicyFileError(file, [Problem("", f"is not UTF-8: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyFileError(file, [Problem("", f"is not TOML: {error}")]) from error


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
        raise PolicyFileError(file, problems_of(error, PolicyDocument)) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document, for editors and other tools."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | PolicyDocument.model_json_schema()
