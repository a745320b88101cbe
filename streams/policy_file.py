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
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field, ValidationError

from scoring.policy import Policy
from streams.currencies import EXPONENTS
from streams.file_problems import FileError, Problem, known_name, nearest, problems_of
from streams.file_rules import Part, readable
from streams.policy_actions import Recommendation, clashes_of, in_order, rules_of
from streams.policy_corrections import Corrections
from streams.policy_holdout import Withholding
from streams.policy_ledger import Ledger
from streams.policy_lifecycle import Lifecycle
from streams.policy_merge import Merging
from streams.policy_segments import Segments
from streams.policy_tiers import AT_HOLD_END, Tiers
from streams.policy_transition import Transition
from streams.policy_units import Days, Money, about
from streams.zone_table import zone_names, zone_table


def _known_currency(code: str) -> str:
    return known_name(code, sorted(EXPONENTS), "currency code of ISO 4217, for example USD")


def _known_zone(name: str) -> str:
    return known_name(name, sorted(zone_names()), "time zone of the IANA database, for example Europe/Berlin")


Currency = Annotated[str, AfterValidator(_known_currency), Field(json_schema_extra={"hint": "a code of ISO 4217"})]
TimeZone = Annotated[str, AfterValidator(_known_zone), Field(json_schema_extra={"hint": "a name like Europe/Berlin"})]


class PolicyFileError(FileError):
    """A policy that cannot be used, with every problem found in it. Commands end with exit code 78."""


class Windows(Part):
    """Spans over which orders are counted and returns are expected."""

    reported_days: Annotated[
        Days,
        about(
            "the span of the reported frequency and monetary value",
            more="orders count for longer in what is reported",
            less="orders count for less long in what is reported",
        ),
    ] = 365
    return_days: Annotated[
        int,
        Field(ge=0, le=730, json_schema_extra={"unit": "days"}),
        about(
            "how long returns are expected; news about orders older than the longest span plus this is too late",
            more="late returns are accepted for longer",
            less="late returns are refused earlier",
        ),
    ] = 90


class PolicyDocument(Part):
    """A valid policy. ``version`` is the policy's own number, raised with every published change."""

    version: Annotated[
        int, Field(ge=1, le=1_000_000_000), about("the policy's own number; raise it with every published change")
    ]
    currency: Annotated[
        Currency,
        about(
            "of every amount; orders in another currency are refused",
            other="amounts are not converted: the same numbers are now of this currency",
        ),
    ]
    time_zone: Annotated[
        TimeZone,
        about("where the business day begins and ends", other="days begin and end at other instants"),
    ]
    min_order_amount: Annotated[
        Money,
        about(
            "an order counts when at least this much is kept after returns",
            more="fewer orders count",
            less="more orders count",
        ),
    ] = 1
    windows: Windows = Windows()
    tiers: Tiers
    change: Transition = Transition()
    lifecycle: Lifecycle = Lifecycle()
    ledger: Ledger = Ledger()
    corrections: Corrections = Corrections()
    merge: Merging = Merging()
    segments: Annotated[
        Segments | None,
        about(
            "which groups members are put into; the section's presence switches segments on",
            absent="not scored",
            begins="members are now put into segments",
            ends="members are no longer put into segments",
        ),
    ] = None
    actions: Annotated[
        tuple[Recommendation, ...],
        Field(max_length=182, strict=False),
        about("what alerts and changes of tier recommend, by tier and stage"),
    ] = ()
    holdout: Annotated[
        Withholding,
        about("from whom actions are withheld; means nothing without actions", unused={}),
    ] = Withholding()

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Actions are for tiers of the policy, each pair of tier and stage once, with one cap an offer; only holds can
        last.
        """
        tiers, change = readable(self.tiers), readable(self.change)
        if tiers is not None and change is not None and readable(tiers.downgrade) not in (None, AT_HOLD_END):
            for key, sentence in change.without_holds():
                yield f"change.{key}", sentence
        actions = readable(self.actions) or ()
        levels = [readable(level) for level in readable(self.tiers.levels) or ()] if readable(self.tiers) else []
        names = [readable(level.name) for level in levels if level is not None]
        known = [name for name in names if name is not None]
        yield from clashes_of(actions, known if known and len(known) == len(levels) else None)

    def content(self) -> dict[str, Any]:
        """The document as plain values, in the order of the model: every default written out, and nothing that is not
        asked for.

        Keys of a feature that is not in use are left out, stated or not: so a policy has the same content as in
        versions that did not know the feature.
        """
        content = self.model_dump(mode="json", exclude_none=True)
        content["tiers"] = self.tiers.settled(content["tiers"])
        content["lifecycle"] = self.lifecycle.settled(content["lifecycle"])
        content["ledger"] = self.ledger.settled(content["ledger"])
        content["corrections"] = self.corrections.settled(content["corrections"])
        content["merge"] = self.merge.settled(content["merge"])
        content["change"] = self.change.settled(content["change"])
        content["holdout"] = self.holdout.settled(content["holdout"], in_use=bool(self.actions))
        for section in ("ledger", "corrections", "merge", "change", "holdout"):
            if not content[section]:
                del content[section]
        if self.segments is not None:
            content["segments"] = self.segments.settled(content["segments"])
        content["actions"] = in_order(content["actions"], [level.name for level in self.tiers.levels])
        if not self.actions:
            del content["actions"]
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
            tiers=self.tiers.rules(),
            near_churn_days=self.lifecycle.near_churn_days,
            recently_lapsed_days=self.lifecycle.recently_lapsed_days,
            mid_lapsed_days=self.lifecycle.mid_lapsed_days,
            dormant_days=self.lifecycle.dormant_days,
            tier_window=self.tiers.window_kind(),
            holds=self.tiers.hold_rules(kept_on_change=self.change.no_one_falls_before_expiry),
            rhythm=self.lifecycle.rhythm_rules(),
            pace=self.lifecycle.rhythm.rules(),
            quiet=self.lifecycle.quiet_calendar(),
            allowed_lateness_ms=self.lifecycle.lateness_ms(),
            segments=None if self.segments is None else self.segments.rules(),
            provisional=self.tiers.are_provisional,
            corrects=self.corrections.enabled,
            actions=rules_of(self.actions, [level.name for level in self.tiers.levels]),
            seal=self.ledger.rules(),
            unmerge_days=self.merge.unmerge_days,
            by_percentile=self.tiers.are_by_percentile,
            holdout=self.holdout.rules(),
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
        document = orjson.loads(content)
        if isinstance(document, dict) and document.get("actions"):
            # Unlike in a file: policies that were published before there was a holdout hold nobody out.
            document.setdefault("holdout", {"percent": 0})
        return _validated("policy.published", document)
    except orjson.JSONDecodeError as error:
        raise PolicyFileError("policy.published", [Problem("", f"is not JSON: {error}")]) from error


def _validated(file: str, content: object) -> PolicyDocument:
    try:
        return PolicyDocument.model_validate(content)
    except ValidationError as error:
        raise PolicyFileError(file, problems_of(error, PolicyDocument, content)) from error
