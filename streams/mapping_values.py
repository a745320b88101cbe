"""How one field of an upstream record is read: found, translated, converted without losing a cent or millisecond."""

import re
from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from string import Formatter
from typing import Any, Final

import msgspec

from scoring.calendar import instant_of
from streams.bad_records import BadRecord
from streams.currencies import EXPONENTS
from streams.instants import floored, instant_text
from streams.mapping_file import INSTANTS, LISTS, MONEY, WHOLE_NUMBERS, FieldRule
from streams.zone_table import zone_info

#: What a path or template finds in a record; ``None`` when it is missing, null or an empty text.
Getter = Callable[[Any], Any]
#: A field's canonical value; the second argument is the currency that money is in.
Reader = Callable[[Any, str], Any]

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_DECIMAL: Final = re.compile(r"^[+-]?[0-9]{1,15}(\.[0-9]{1,30})?$")
#: Far beyond the largest amount that an event can have (10**12), and small enough for exact arithmetic.
_LARGEST: Final = Decimal(10) ** 15


def getter(path: str) -> Getter:
    """Reads ``$.items[0].sku``."""
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    if len(steps) == 1 and isinstance(steps[0], str):
        only = steps[0]

        def get_one(record: Any) -> Any:
            found = record.get(only) if isinstance(record, dict) else None
            return None if found == "" else found

        return get_one

    def get(record: Any) -> Any:
        found = record
        for step in steps:
            if isinstance(step, str):
                found = found.get(step) if isinstance(found, dict) else None
            else:
                found = found[step] if isinstance(found, list) and step < len(found) else None
        return None if found == "" else found

    return get


def reader(name: str, rule: FieldRule) -> Reader:
    """Reads the field ``name`` by its rule; what it raises is a :class:`BadRecord` that names both."""
    get = _origin(name, rule)
    where = f"{name} (from {rule.path or rule.template})" if rule.constant is None else name
    convert = _converter(name, rule)
    default, table, otherwise = rule.default, rule.translate, rule.otherwise

    def read(record: Any, currency: str) -> Any:
        found = get(record)
        if found is None:
            found = default
            if found is None:
                return None
        elif table is not None:
            text = text_of(found, where)
            found = table.get(text, otherwise)
            if found is None:
                known = ", ".join(table)
                raise BadRecord(
                    "bad_field", f'{where}: "{text[:60]}" is not in the translation table; known are {known}'
                )
        return convert(found, currency, where)

    return read


def text_of(found: Any, where: str) -> str:
    """An id or label as text. Numbers with a fraction are refused: their digits are not certain."""
    if isinstance(found, str):
        return found
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int):
        return str(found)
    if isinstance(found, date):
        return found.isoformat()
    kind = {float: "a number with a fraction, or too long for one", list: "a list", dict: "an object"}.get(type(found))
    raise BadRecord("bad_field", f"{where}: expected text or a whole number, got {kind or 'something else'}")


def _origin(name: str, rule: FieldRule) -> Getter:
    if rule.path is not None:
        return getter(rule.path)
    if rule.template is None:
        constant = rule.constant
        return lambda _record: constant
    parts = [
        (literal, None if path is None else getter(f"$.{path}"), spec or "", path)
        for literal, path, spec, _ in Formatter().parse(rule.template)
    ]

    def fill(record: Any) -> str | None:
        text = ""
        for literal, get, spec, path in parts:
            text += literal
            if get is not None:
                found = get(record)
                if found is None:
                    return None
                text += format(text_of(found, f"{name} (from {path})"), spec)
        return text

    return fill


def _converter(name: str, rule: FieldRule) -> Callable[[Any, str, str], Any]:
    if name in MONEY:
        sign = -1 if rule.negate else 1
        if rule.money == "minor":
            return lambda found, _currency, where: sign * _scaled(found, 0, "minor units", where)
        return lambda found, currency, where: sign * _scaled(found, _exponent(currency, where), currency, where)
    if name in INSTANTS:
        return _instant_converter(rule)
    if name in WHOLE_NUMBERS:
        return lambda found, _currency, where: _scaled(found, 0, "a whole number", where, "bad_field")
    if name in LISTS:
        return lambda found, _currency, where: [text_of(each, where) for each in _list(found, where)]
    return lambda found, _currency, where: text_of(found, where)


def _list(found: Any, where: str) -> list[Any]:
    if not isinstance(found, list):
        raise BadRecord("bad_field", f"{where}: expected a list")
    return found


def _exponent(currency: str, where: str) -> int:
    if not currency:
        raise BadRecord("missing_field", f"{where}: the currency that says how many decimals this has is missing")
    if currency not in EXPONENTS:
        raise BadRecord("bad_field", f'{where}: "{currency}" is no currency code of ISO 4217')
    return EXPONENTS[currency]


def _decimal(found: Any, where: str, reason: str) -> Decimal:
    """A number or its text, exactly; the shortest text of a float has the digits that the producer wrote, up to 15."""
    amount: Decimal | None = None
    if isinstance(found, str) and _DECIMAL.match(found.strip()):
        amount = Decimal(found.strip())
    elif isinstance(found, int | float | Decimal) and not isinstance(found, bool):
        amount = Decimal(repr(found)) if isinstance(found, float) else Decimal(found)
    if amount is None or not amount.is_finite() or abs(amount) > _LARGEST:
        shown = str(found)[:60]
        raise BadRecord(reason, f'{where}: "{shown}" is no number like 412.5, without signs for thousands or currency')
    return amount


def _scaled(found: Any, places: int, unit: str, where: str, reason: str = "bad_money") -> int:
    amount = _decimal(found, where, reason)
    scaled = amount.scaleb(places)
    whole = int(scaled)
    if scaled != whole:
        raise BadRecord(reason, f"{where}: {amount} has more decimals than {unit} can have ({places})")
    return whole


def _moment_reader(form: str, zone: tzinfo | None) -> Callable[[Any], datetime]:
    def moment_of(found: Any) -> datetime:
        if isinstance(found, datetime):
            moment = found
        elif not isinstance(found, str):
            raise TypeError
        elif form == "rfc3339":
            moment = floored(found, msgspec.convert(found, datetime))
        else:
            # The mapping states the zone, which is added below.
            moment = datetime.strptime(found.strip(), form)  # noqa: DTZ007
        if moment.tzinfo is None:
            if zone is None:
                raise ValueError
            # Of an hour that the clock shows twice, the first is meant.
            return moment.replace(tzinfo=zone, fold=0)
        return moment

    return moment_of


def _instant_converter(rule: FieldRule) -> Callable[[Any, str, str], str]:
    form = rule.time or "rfc3339"
    zone = None if rule.time_zone is None else zone_info(rule.time_zone)
    moment_of = _moment_reader(form, zone)

    # History by date repeats each text thousands of times, and strptime takes 6 microseconds.
    @lru_cache(maxsize=4096)
    def text_converted(text: str) -> str:
        return instant_text(instant_of(moment_of(text)))

    def convert(found: Any, _currency: str, where: str) -> str:
        try:
            if form in ("epoch_s", "epoch_ms"):
                seconds_or_millis = _decimal(found, where, "bad_instant")
                return instant_text(int((seconds_or_millis * (1000 if form == "epoch_s" else 1)) // 1))
            return text_converted(found) if isinstance(found, str) else instant_text(instant_of(moment_of(found)))
        except (TypeError, ValueError, OverflowError, InvalidOperation, msgspec.ValidationError):
            offset = " with an offset" if form == "rfc3339" and zone is None else ""
            raise BadRecord("bad_instant", f'{where}: "{str(found)[:60]}" is no instant as {form}{offset}') from None

    return convert
