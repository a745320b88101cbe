"""What is different between two policies, in the words of a loyalty manager.

The two documents are walked along the policy's JSON Schema, so that a key that is new in the document is told without
a line here; what a change does to members is said beside the key (``streams.policy_file``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from streams.currencies import money_text
from streams.file_schema import Place, plain, schema_at
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
        return _list_text(value, whole, (*place, 0), currency)
    if isinstance(value, dict):
        return ", ".join(
            f"{_called(name, plain(schema_at(whole, (*place, name))))} "
            f"{value_text(each, whole, (*place, name), currency)}"
            for name, each in value.items()
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if value == 0 and "zero" in schema:
        return str(schema["zero"])
    return _measured(value, str(schema.get("unit", "")), currency)


def _list_text(values: list[Any], whole: dict[str, Any], place: Place, currency: str) -> str:
    """Values one after another; their unit is named once."""
    unit = str(plain(schema_at(whole, place)).get("unit", ""))
    if unit and len(values) > 1 and not unit.startswith("minor units"):
        return f"{', '.join(map(str, values))} {unit}"
    return ", ".join(value_text(each, whole, place, currency) for each in values) or "none"


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
            inner, key = (*place, name), f"{path}.{name}" if path else name
            unsaid = _unsaid(plain(schema_at(self.whole, inner)))
            before, after = old.get(name, unsaid), new.get(name, unsaid)
            if before == after:
                continue
            if isinstance(before, dict) and isinstance(after, dict):
                yield from self.table(inner, before, after, key, f"{where}{self.section(inner)}: ")
            elif _are_tables(before, after):
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
            what = f"{self.section(place)}: {self.lists(before, after, place)}"
        else:
            what = f"{_called(str(place[-1]), schema)} {self.text(before, after, place, sep=' -> ')}"
        effect = self.effect(before, after, schema, place) if told else ""
        sentence = f"{where}{what}" + (f" ({effect})" if effect else "")
        return Change(kind, path, _or_none(before), _or_none(after), sentence)

    def section(self, place: Place) -> str:
        """A table or list as the beginning of a sentence: ``Quiet days``."""
        name = _called(str(place[-1]), plain(schema_at(self.whole, place))).replace("_", " ")
        return name[:1].upper() + name[1:]

    def lists(self, before: Any, after: Any, place: Place) -> str:
        """Two whole lists or tables; of two lists of names only what is not in both."""
        if not _are_names(before) or not _are_names(after):
            return self.text(before, after, place, sep="; now ")
        added = ", ".join(name for name in after if name not in before)
        gone = ", ".join(name for name in before if name not in after)
        told = "; ".join(part for part in (f"added {added}" * bool(added), f"removed {gone}" * bool(gone)) if part)
        return told or self.text(before, after, place, sep="; now ")

    def text(self, before: Any, after: Any, place: Place, sep: str) -> str:
        """Both values; a unit that both have is named once."""
        first = value_text(before, self.whole, place, self.old_currency)
        second = value_text(after, self.whole, place, self.new_currency)
        unit = str(plain(schema_at(self.whole, place)).get("unit", ""))
        if unit and before is not _ABSENT and after is not _ABSENT and first.endswith(unit) and second.endswith(unit):
            first = first.removesuffix(unit).rstrip()
        return f"{first}{sep}{second}"

    def effect(self, before: Any, after: Any, schema: dict[str, Any], place: Place) -> str:
        """What the change does to members, in the words beside the key; nothing when that cannot be told."""
        if "zero" in schema:
            before, after = before or _ABSENT, after or _ABSENT
        if before is _ABSENT:
            appeared = value_text(after, self.whole, place, self.new_currency)
            return str(schema.get("begins", "")).replace("{new}", appeared)
        if after is _ABSENT:
            return str(schema.get("ends", ""))
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
        by = schema.get("by", ["name"])
        olds, news = _by_name(old, by), _by_name(new, by)
        renamed = _renamed(olds, news) if by == ["name"] else {}
        for name, entry in news.items():
            label, key = f"{where}{noun} {name}", f"{path}[{list(news).index(name)}]"
            if name in renamed:
                sentence = f"{where}{noun} {renamed[name]} is now called {name}"
                yield Change("renamed", key, renamed[name], name, sentence)
            elif name in olds:
                yield from self.table((*place, 0), olds[name], entry, key, f"{label}: ")
            else:
                beside = _beside(list(news), name, schema) if by == ["name"] else ""
                sentence = f"{label} added{beside}: {self.told(entry, (*place, 0), by, new=True)}"
                yield Change("added", key, None, entry, sentence)
        for name, entry in olds.items():
            if name not in news and name not in renamed.values():
                key = f"{path}[{list(olds).index(name)}]"
                sentence = f"{where}{noun} {name} removed; it was: {self.told(entry, (*place, 0), by, new=False)}"
                yield Change("removed", key, entry, None, sentence)
        kept = [name for name in (renamed.get(name, name) for name in news) if name in olds]
        if kept != (before := [name for name in olds if name in kept]):
            sentence = f"{where}{noun} order {', '.join(before)} -> {', '.join(kept)}"
            yield Change("moved", path, before, kept, sentence)

    def told(self, entry: dict[str, Any], place: Place, by: list[str], *, new: bool) -> str:
        """An entry without what it is known by."""
        rest = {key: value for key, value in entry.items() if key not in by}
        currency = self.new_currency if new else self.old_currency
        return value_text(rest, self.whole, place, currency) or "asks for nothing"


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _unsaid(schema: dict[str, Any]) -> Any:
    """What a key that the canonical form lacks amounts to: its default, unless its words say otherwise."""
    if "unused" in schema:
        return schema["unused"]
    default = schema.get("default")
    return _ABSENT if default is None or "absent" in schema else default


def _are_tables(before: Any, after: Any) -> bool:
    """Whether both are lists of tables; one of them may be empty."""
    both = isinstance(before, list) and isinstance(after, list)
    return both and bool(before or after) and all(isinstance(each, dict) for each in (*before, *after))


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _by_name(entries: list[dict[str, Any]], by: list[str]) -> dict[str, dict[str, Any]]:
    names = [", ".join(str(entry.get(key)) for key in by) for entry in entries]
    whole = all(isinstance(entry.get(key), str) for entry in entries for key in by)
    named = whole and len(set(names)) == len(names)
    return {name if named else str(n): entry for n, (name, entry) in enumerate(zip(names, entries, strict=True), 1)}


def _renamed(olds: dict[str, dict[str, Any]], news: dict[str, dict[str, Any]]) -> dict[str, str]:
    """New names and what these entries were called: all else about them is the same, and the order fits."""
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


def _called(name: str, schema: dict[str, Any] | None = None) -> str:
    """A key's name in a sentence; its unit follows the value."""
    called = str((schema or {}).get("called", name))
    return called.removesuffix("_days").removesuffix("_percent").removesuffix("_hours")
