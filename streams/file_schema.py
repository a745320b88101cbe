"""What does the JSON Schema of a file say about a key: its place, its kind, its unit and range?"""

from typing import Any, Final

_KINDS: Final = {
    "integer": "a whole number",
    "string": "text",
    "array": "a list",
    "object": "a table",
    "boolean": "true or false",
}
#: Where a value lies: keys and positions, from the top of the file.
Place = tuple[int | str, ...]


def key_paths(whole: dict[str, Any], place: Place = ()) -> list[str]:
    """Every key of a schema as ``tiers.levels[].name``, tables before what is in them."""
    here = schema_at(whole, place)
    paths = []
    for name in here.get("properties", {}):
        inner = (*place, name)
        paths.append(path_text(inner).replace("[0]", "[]"))
        while is_list(schema_at(whole, inner)):
            inner = (*inner, 0)
        if isinstance(plain(schema_at(whole, inner)).get("additionalProperties"), dict):
            inner = (*inner, "*")
        paths += key_paths(whole, inner)
    return paths


def is_list(schema: dict[str, Any]) -> bool:
    """Whether a schema is that of a list."""
    return "items" in plain(schema)


def path_text(place: Place) -> str:
    """A place as ``tiers.levels[1].frequency``."""
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f"{'.' if path else ''}{visible(step[:60])}"
    return path


def visible(text: str) -> str:
    """Text for a terminal: nothing in it moves the cursor or ends the line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that may also be absent, as if it could not."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    return (choices[0] if len(choices) == 1 else {}) | schema


def schema_at(schema: dict[str, Any], loc: Place) -> dict[str, Any]:
    """The part of a model's JSON Schema that describes the key at ``loc``; empty when the way there is not plain."""
    here = schema
    for step in (None, *loc):
        if isinstance(step, int):
            here = plain(here).get("items", {})
        elif step is not None:
            others = plain(here).get("additionalProperties")
            here = here.get("properties", {}).get(step) or (others if isinstance(others, dict) else {})
        reference = here.get("$ref") or next(
            (part["$ref"] for part in here.get("anyOf", here.get("allOf", [])) if "$ref" in part), None
        )
        if reference:
            here = _named(schema, reference) | {k: v for k, v in here.items() if k != "$ref"}
        variants = [_named(schema, each["$ref"]) for each in plain(here).get("oneOf", []) if "$ref" in each]
        for variant in variants:
            here = here | {"properties": here.get("properties", {}) | variant.get("properties", {})}
    return here


def _named(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    definition: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return definition


def expected(schema: dict[str, Any]) -> str:
    """A schema in words: type, unit, range."""
    choices = [part for part in schema.get("anyOf", []) if part.get("type") != "null"]
    if len(choices) > 1:
        return " or ".join(expected(choice) for choice in choices)
    wanted = plain(schema)
    if "enum" in wanted:
        return "one of " + ", ".join(f'"{choice}"' for choice in wanted["enum"])
    if "const" in wanted:
        return f'"{wanted["const"]}"'
    words = _KINDS.get(str(wanted.get("type")), "another value") + _range(wanted)
    if wanted.get("properties") and wanted.get("additionalProperties") is False:
        words += f" with {', '.join(wanted['properties'])}"
    if hint := wanted.get("hint"):
        words += f" ({hint})"
    return words


def _range(wanted: dict[str, Any]) -> str:
    words = f" of {unit}" if (unit := wanted.get("unit")) else ""
    if "minimum" in wanted and "maximum" in wanted:
        words += f" from {wanted['minimum']:,} to {wanted['maximum']:,}"
    elif "minimum" in wanted:
        words += f", {wanted['minimum']:,} or more"
    if "minLength" in wanted:
        words += f" of {wanted['minLength']} to {wanted.get('maxLength', 'any number of')} characters"
    if "maxItems" in wanted:
        words += f" of {_count(wanted.get('minItems', 0), wanted['maxItems'])} entries"
    elif "minItems" in wanted:
        words += f" of {wanted['minItems']} or more entries"
    return words


def _count(least: int, most: int) -> str:
    if least == most:
        return str(most)
    return f"{least} to {most}" if least else f"at most {most}"
