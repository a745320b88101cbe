"""Upstream records of any shape as canonical events, by a mapping file."""

import hashlib
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from streams.bad_records import BadRecord, broken_json
from streams.codecs import check_envelope, decode
from streams.file_problems import Problem, nearest
from streams.mapping_file import Condition, EventRule, FieldRule, MappingDocument, MappingFileError, validated
from streams.mapping_values import getter, reader, text_of
from streams.pseudonyms import MEMBER_FIELDS, PLAIN, Pseudonyms

__all__ = ["CanonicalBytes", "Mapping", "MappingFileError", "ShopTraffic"]

#: Stands for the member while a visit without one is checked like any other event.
_NOBODY = "-"


class CanonicalBytes(NamedTuple):
    """A record of ``member-events``."""

    key: bytes
    value: bytes


class ShopTraffic(CanonicalBytes):
    """A record of ``shop-traffic``: a visit without a member, keyed by its shop."""

    __slots__ = ()


class Mapping:
    """A loaded mapping. ``content_hash`` is the SHA-256 of the document, in hexadecimal."""

    def __init__(self, document: MappingDocument, pseudonyms: Pseudonyms = PLAIN) -> None:
        content = orjson.dumps(document.model_dump(), option=orjson.OPT_SORT_KEYS)
        self.content_hash = hashlib.sha256(content).hexdigest()
        self._skips = [_condition(skip.when) for skip in document.skip]
        self._events = [
            (_condition(rule.when), _EventMaker(rule, document.source, document.currency or "", pseudonyms))
            for rule in document.event
        ]
        conditions = [skip.when for skip in document.skip] + [rule.when for rule in document.event]
        self._asked = list(dict.fromkeys(path for when in conditions for path in when))

    @classmethod
    def load(cls, path_or_name: str | Path, pseudonyms: Pseudonyms = PLAIN) -> "Mapping":
        """The mapping of a file, or a shipped one by its name, whose events name members by their pseudonyms.

        Raises :class:`MappingFileError` with every problem.
        """
        file = str(path_or_name)
        try:
            if file in shipped():
                text = files("streams").joinpath("mappings", f"{file}.toml").read_text("utf-8")
            else:
                text = Path(file).read_text("utf-8")
            return cls(validated(file, tomllib.loads(text)), pseudonyms)
        except OSError as error:
            sentence = (
                f"{nearest(file, shipped())}shipped are {', '.join(shipped())}; anything else is a path of a file"
            )
            reason = error.strerror or str(error)
            raise MappingFileError(file, [Problem("", f"cannot be read ({reason}); {sentence}")]) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise MappingFileError(file, [Problem("", f"is not TOML in UTF-8: {error}")]) from error

    def apply(self, value: bytes | dict[str, Any]) -> CanonicalBytes | None:
        """The event of one upstream record: JSON bytes, or a row with the names of its columns.

        A visit without a member is :class:`ShopTraffic`; ``None`` is a record that the file says to skip. Raises
        :class:`BadRecord` in words of the upstream record.
        """
        record = _parsed(value) if isinstance(value, bytes) else value
        for skip in self._skips:
            if skip(record):
                return None
        for holds, make in self._events:
            if holds(record):
                return make(record)
        seen = ", ".join(f"{path} is {str(getter(path)(record))[:60]}" for path in self._asked)
        raise BadRecord("no_rule", f"no rule of the mapping fits this record ({seen})")


class _EventMaker:
    """Makes the events of one rule."""

    def __init__(self, rule: EventRule, source: str, currency: str, pseudonyms: Pseudonyms) -> None:
        self._type = rule.type
        self._source = source
        self._currency = reader("currency", rule.fields.get("currency", FieldRule(constant=currency)))
        self._states_currency = rule.type == "order.paid"
        self._fields = [(name, reader(name, field)) for name, field in rule.fields.items() if name != "currency"]
        self._hide = pseudonyms.hide
        self._hidden = [name for name in MEMBER_FIELDS if name in rule.fields] if pseudonyms.active else []
        self._each = None if rule.lines is None else getter(rule.lines.each)
        self._line = [] if rule.lines is None else [(n, reader(n, field)) for n, field in rule.lines.fields.items()]

    def __call__(self, record: dict[str, Any]) -> CanonicalBytes:
        currency = self._currency(record, "") or ""
        event: dict[str, Any] = {"type": self._type}
        if self._source:
            event["source"] = self._source
        for name, read in self._fields:
            found = read(record, currency)
            if found is not None:
                event[name] = found
        for name in self._hidden:
            if isinstance(event.get(name), str):
                event[name] = self._hide(event[name])
        if self._states_currency and currency:
            event["currency"] = currency
        if self._each is not None:
            event["lines"] = self._lines(self._each(record), currency)
        if self._type == "visit" and "member_id" not in event:
            return _traffic(event)
        made = CanonicalBytes(str(event.get("member_id", _NOBODY)).encode("utf-8", "replace"), _json(event))
        decode(*made)
        return made

    def _lines(self, entries: Any, currency: str) -> list[dict[str, Any]]:
        if entries is None:
            return []
        if not isinstance(entries, list):
            raise BadRecord("bad_field", "lines: expected a list")
        lines = []
        for entry in entries:
            values = ((name, read(entry, currency)) for name, read in self._line)
            lines.append({name: found for name, found in values if found is not None})
        return lines


def shipped() -> list[str]:
    """The names of the mappings that come with the package."""
    folder = files("streams").joinpath("mappings")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def _traffic(visit: dict[str, Any]) -> ShopTraffic:
    decode(_NOBODY.encode(), _json(visit | {"member_id": _NOBODY}))
    if not visit.get("shop_id"):
        raise BadRecord("missing_field", "the field shop_id is missing; a visit needs a member or a shop")
    return ShopTraffic(visit["shop_id"].encode(), _json(visit))


def _json(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        raise BadRecord("bad_field", f"the event cannot be written as JSON: {error}") from error


def _parsed(value: bytes) -> dict[str, Any]:
    check_envelope(value)
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise broken_json(error) from error
    if not isinstance(record, dict):
        raise BadRecord("not_an_object", "the value is not a JSON object")
    return record


def _condition(when: Condition) -> Callable[[dict[str, Any]], bool]:
    tests = [(path, getter(path), _expected(wanted)) for path, wanted in when.items()]

    def holds(record: dict[str, Any]) -> bool:
        for path, get, (present, texts) in tests:
            found = get(record)
            if (found is not None) != present:
                return False
            if texts and (isinstance(found, float | list | dict) or text_of(found, path) not in texts):
                return False
        return True

    return holds


def _expected(wanted: Any) -> tuple[bool, frozenset[str]]:
    """Whether the field must be there, and as which texts (none: any). Numbers and their texts are the same."""
    if isinstance(wanted, dict):
        return bool(wanted["exists"]), frozenset()
    return True, frozenset(text_of(each, "when") for each in (wanted if isinstance(wanted, list) else [wanted]))
