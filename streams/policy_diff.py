"""What is different between two policies, in the words of a loyalty manager.

The two documents are walked along the policy's JSON Schema, so that a key that is new in the document is told without
a line here; what a change does to members is said beside the key (``streams.policy_file``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from streams.currencies import money_text
from streams.file_problems import Place, plain, schema_at
from streams.policy_file import PolicyDocument

Kind = Literal["changed", "added", "removed", "renamed", "moved"]
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    ``path`` is the key in the new document, or in the old one of what was removed; ``old`` and ``new`` are values as
    in the canonical form, None where there is none.
    """

    kind: Kind
    path: str
    old: Any
    new: Any
    sentence: str


def changes(old: PolicyDocument, new: PolicyDocument) -> list[Change]:
    """Every difference between two policies, in the order of the document; empty when their hashes are equal."""
    return list(_Walk(old.currency, new.currency).table((), old.content(), new.content(), "", ""))


def value_text(value: Any, whole: dict[str, Any], place: Place, currency: str) -> str:
    """The value at a place with its unit: ``45 days``, ``1 kept order``, ``250.00 USD``, ``true``, ``a, b``.

    ``whole`` is the JSON Schema of the policy.
    """
    schema = plain(schema_at(whole, place))
    if value is _ABSENT:
        return str(schema.get("absent", "none"))
    if isinstance(value, list):
        return ", ".join(value_text(each, whole, (*place, 0), currency) for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(
            f"{_called(name)} {value_text(each, whole, (*place, name), currency)}" for name, each in value.items()
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    return _measured(value, str(schema.get("unit", "")), currency)


def _measured(value: Any, unit: str, currency: str) -> str:
    if isinstance(value, int) and unit.startswith("minor units"):
        return money_text(value, currency)
    return f"{value} {unit.removesuffix('s') if value == 1 else unit}".rstrip()


class _Walk:
    """The walk through both documents at once; each has the currency that its amounts are of."""

    def __init__(self, old_currency: str, new_currency: str) -> None:
        self.old_currency = old_currency
        self.new_currency = new_currency
        self.whole = PolicyDocument.model_json_schema()

    def table(self, place: Place, old: dict[str, Any], new: dict[str, Any], path: str, where: str) -> Iterator[Change]:
        """Every difference between two tables; ``where`` begins their sentences."""
        declared = list(schema_at(self.whole, place).get("properties", {}))
        written = [name for name in (*old, *new) if name not in declared]
        for name in dict.fromkeys((*declared, *written)):
            before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
            if before == after:
                continue
            inner, key = (*place, name), f"{path}.{name}" if path else name
            if isinstance(before, dict) and isinstance(after, dict):
                yield from self.table(inner, before, after, key, f"{where}{_section(name)}: ")
            elif _is_tables(before) and _is_tables(after):
                yield from self.entries(inner, before, after, key, where)
            else:
                # A key that means something only beside others has no effect where they are not.
                alone = any(
                    other not in table
                    for other in plain(schema_at(self.whole, inner)).get("beside", [])
                    for table in (old, new)
                )
                yield self.value(inner, before, after, key, where, told=not alone)

    def value(self, place: Place, before: Any, after: Any, path: str, where: str, *, told: bool) -> Change:
        """The change of one key, or of a whole list or table that one of the two lacks; with its effect if ``told``."""
        schema = plain(schema_at(self.whole, place))
        kind: Kind = "added" if before is _ABSENT else "removed" if after is _ABSENT else "changed"
        if isinstance(before, dict | list) or isinstance(after, dict | list):
            what = f"{_section(str(place[-1]))}: {self.text(before, after, place, sep='; now ')}"
        else:
            what = f"{_called(str(place[-1]))} {self.text(before, after, place, sep=' -> ')}"
        effect = self.effect(before, after, schema) if told else ""
        sentence = f"{where}{what}" + (f" ({effect})" if effect else "")
        return Change(kind, path, _or_none(before), _or_none(after), sentence)

    def text(self, before: Any, after: Any, place: Place, sep: str) -> str:
        """Both values; a unit that both have is named once."""
        first = value_text(before, self.whole, place, self.old_currency)
        second = value_text(after, self.whole, place, self.new_currency)
        unit = str(plain(schema_at(self.whole, place)).get("unit", ""))
        if unit and before is not _ABSENT and after is not _ABSENT and first.endswith(unit) and second.endswith(unit):
            first = first.removesuffix(unit).rstrip()
        return f"{first}{sep}{second}"

    def effect(self, before: Any, after: Any, schema: dict[str, Any]) -> str:
        """What the change does to members, in the words beside the key; nothing when that cannot be told."""
        if before is _ABSENT or after is _ABSENT:
            return ""
        if choices := schema.get("enum"):
            before, after = choices.index(before), choices.index(after)
        # Amounts of two currencies do not compare.
        money = str(schema.get("unit", "")).startswith("minor units") and self.old_currency != self.new_currency
        if not money and isinstance(before, int | float) and isinstance(after, int | float):
            told = schema.get("more" if after > before else "less")
            if told:
                return str(told)
        return str(schema.get("other", ""))

    def entries(
        self, place: Place, old: list[dict[str, Any]], new: list[dict[str, Any]], path: str, where: str
    ) -> Iterator[Change]:
        """The differences between two lists of tables, whose entries are known by their names, else by position."""
        schema = schema_at(self.whole, (*place, 0))
        where = "" if "noun" in schema else where
        noun = str(schema.get("noun", _called(str(schema.get("title", place[-1])))))
        olds, news = _by_name(old), _by_name(new)
        renamed = _renamed(old, new)
        for name, entry in news.items():
            label, key = f"{where}{noun} {name}", f"{path}[{list(news).index(name)}]"
            if name in renamed:
                sentence = f"{where}{noun} {renamed[name]} is now called {name}"
                yield Change("renamed", key, renamed[name], name, sentence)
            elif name in olds:
                yield from self.table((*place, 0), olds[name], entry, key, f"{label}: ")
            else:
                sentence = (
                    f"{label} added{_beside(list(news), name, schema)}: {self.told(entry, (*place, 0), new=True)}"
                )
                yield Change("added", key, None, entry, sentence)
        for name, entry in olds.items():
            if name not in news and name not in renamed.values():
                key = f"{path}[{list(olds).index(name)}]"
                sentence = f"{where}{noun} {name} removed; it was: {self.told(entry, (*place, 0), new=False)}"
                yield Change("removed", key, entry, None, sentence)
        kept = [name for name in (renamed.get(name, name) for name in news) if name in olds]
        if kept != (before := [name for name in olds if name in kept]):
            sentence = f"{where}{noun} order {', '.join(before)} -> {', '.join(kept)}"
            yield Change("moved", path, before, kept, sentence)

    def told(self, entry: dict[str, Any], place: Place, *, new: bool) -> str:
        """An entry without its name."""
        rest = {key: value for key, value in entry.items() if key != "name"}
        currency = self.new_currency if new else self.old_currency
        return value_text(rest, self.whole, place, currency) or "asks for nothing"


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _by_name(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    names = [entry.get("name") for entry in entries]
    named = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return {str(entry["name"]) if named else str(n): entry for n, entry in enumerate(entries, start=1)}


def _renamed(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, str]:
    """New names and what these entries were called: all else about them is the same, and the order fits."""
    olds, news = _by_name(old), _by_name(new)
    gone = [name for name in olds if name not in news]
    renamed: dict[str, str] = {}
    for name, entry in news.items():
        if name in olds:
            continue
        for before in gone:
            if {**olds[before], "name": ""} == {**entry, "name": ""}:
                renamed[name] = before
                gone.remove(before)
                break
    return renamed


def _beside(names: list[str], name: str, schema: dict[str, Any]) -> str:
    position = names.index(name)
    return f" {schema.get('next', 'after')} {names[position - 1]}" if position else " as the first"


def _section(name: str) -> str:
    return _called(name).replace("_", " ").capitalize()


def _called(name: str) -> str:
    return name.removesuffix("_days")
