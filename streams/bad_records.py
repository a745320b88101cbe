"""Why a record cannot be used, in words that the developer of a shop understands. Runs only for bad records."""

import re
from difflib import get_close_matches
from typing import Final, get_args

import msgspec

from scoring.events import MemberEvent, PartitionEvent
from streams.topics import PARTITION_KEY

#: The largest value that is read, in bytes: what the topic itself accepts.
MAX_BYTES: Final = 1_048_576
#: How deep objects and lists may be nested. A canonical event needs three levels.
MAX_DEPTH: Final = 32

MEMBER_TYPES: Final = tuple(str(struct.__struct_config__.tag) for struct in get_args(MemberEvent))
PARTITION_TYPES: Final = tuple(str(struct.__struct_config__.tag) for struct in get_args(PartitionEvent))
MONEY_FIELDS: Final = frozenset({"net_amount", "discount_amount", "returned_amount", "list_amount"})
INSTANT_FIELDS: Final = frozenset({"occurred_at", "until", "at"})

_WORDS: Final = {"`int`": "a whole number", "`str`": "text", "`array`": "a list", "`object`": "an object"}
_KINDS: Final = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
_MISSING: Final = re.compile(r"missing required field `(?P<field>[^`]+)`(?: - at `(?P<path>[^`]+)`)?")
_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`$", re.DOTALL)


class BadRecord(Exception):
    """A record that is no usable event: ``reason`` is a snake_case code, ``detail`` plain words for its producer."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def shown_key(key: bytes) -> str:
    """A key as people read it: quoted, cut short, with what is not UTF-8 escaped."""
    return repr(key[:80].decode("utf-8", "backslashreplace"))


def shown(found: object) -> str:
    """A value as JSON, cut short."""
    text = msgspec.json.encode(found).decode()
    return text if len(text) <= 80 else text[:77] + "..."


def broken_json(error: Exception) -> BadRecord:
    """The refusal of bytes that are not JSON; ``error`` is the parser's."""
    return BadRecord(
        "broken_json",
        f"the value is not JSON ({error}); one object in UTF-8 is expected, without NaN, Infinity, comments or a "
        "byte order mark",
    )


def explain(key: bytes, value: bytes, error: Exception) -> BadRecord:
    """The refusal of a record whose value raised ``error`` in decoding; UTF-8, size and depth are already checked."""
    if not isinstance(error, msgspec.ValidationError):
        return broken_json(error)
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as broken:
        return broken_json(broken)
    if not isinstance(document, dict):
        return BadRecord("not_an_object", f"the value is {_kind(document)}; an event is one JSON object")
    return _misfit(key, document) or _bad_field(document, str(error))


def _misfit(key: bytes, document: dict[str, object]) -> BadRecord | None:
    """What is wrong with the type, the version or the sort of key; ``None`` when these are fine."""
    kind = document.get("type")
    if kind is None:
        return BadRecord("missing_field", "the field type is missing; it says what happened, for example order.paid")
    of_partition = key == PARTITION_KEY
    if not isinstance(kind, str) or kind not in MEMBER_TYPES + PARTITION_TYPES:
        near = get_close_matches(str(kind), MEMBER_TYPES + PARTITION_TYPES, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(MEMBER_TYPES)
        return BadRecord("unknown_type", f"there is no event type {shown(kind)}; {hint}known are {known}")
    if of_partition and kind in MEMBER_TYPES:
        return BadRecord(
            "key_mismatch",
            f"{kind} is about a member, so its key must be the member id, not the key of whole partitions",
        )
    if not of_partition and kind in PARTITION_TYPES:
        return BadRecord(
            "key_mismatch",
            f"{kind} is about a whole partition, so its key must be {shown_key(PARTITION_KEY)}, not {shown_key(key)}",
        )
    version = document.get("schema_version", 1)
    if version != 1 or isinstance(version, (bool, float)):
        return BadRecord("unknown_version", f"schema_version is {shown(version)}; this scorer reads version 1")
    return None


def _bad_field(document: dict[str, object], message: str) -> BadRecord:
    if missing := _MISSING.search(message):
        path = (missing["path"] or "$").removeprefix("$").removeprefix(".")
        field = f"{path}.{missing['field']}" if path else missing["field"]
        return BadRecord("missing_field", f"the field {field} is missing; {document['type']} needs it")
    located = _AT.match(message)
    if located is None:
        return BadRecord("bad_field", message)
    path = located["path"]
    found = _found(document, path)
    name = path.rpartition(".")[2]
    if name in MONEY_FIELDS:
        return BadRecord("bad_money", f"{path} {_wrong_money(found)}")
    if name in INSTANT_FIELDS:
        return BadRecord("bad_instant", f"{path} {_wrong_instant(found)}")
    return BadRecord("bad_field", f"{path}: {_in_words(located['what'])}; got {shown(found)}")


def _found(document: object, path: str) -> object:
    found = document
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and index:
            found = found[int(index)]
    return found


def _wrong_money(found: object) -> str:
    rule = "must be a whole number of minor units (cents)"
    if isinstance(found, bool) or found is None or isinstance(found, (list, dict)):
        return f"{rule}; got {_kind(found)}"
    if isinstance(found, str):
        return f"{rule}, without quotes; got the text {shown(found)}"
    if isinstance(found, float):
        return f"{rule}; got a number with a fraction or an exponent: {shown(found)}"
    if isinstance(found, int) and found < 0:
        return f"must not be negative; got {found}. Send what was given back as order.returned"
    return f"must be at most 1,000,000,000,000 minor units; got {shown(found)}"


def _wrong_instant(found: object) -> str:
    rule = "must be an instant as RFC 3339 text with an offset, for example 2026-03-01T13:00:00+01:00"
    if not isinstance(found, str):
        return f"{rule}; got {_kind(found)}"
    if re.match(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?$", found):
        return f"{rule}; got {shown(found)}, which has no offset from UTC"
    return f"{rule}; got {shown(found)}"


def _in_words(expected: str) -> str:
    """What the decoder says (``Expected `str` of length <= 64``) as a sentence about JSON."""
    text = expected.partition(", got ")[0].replace("Expected ", "must be ")
    text = re.sub(r"`str` of length <= (\d+)", r"text of at most \1 characters", text)
    for code, word in _WORDS.items():
        text = text.replace(code, word)
    return text.replace("of length <= ", "of at most ").replace("of length >= 1", "and not empty")


def _kind(found: object) -> str:
    if found is None:
        return "null"
    if isinstance(found, bool):
        return "true" if found else "false"
    return _KINDS.get(type(found), "something else")
