"""What can an editor know about a policy file? Its JSON Schema."""

from typing import Any, Final

from streams.policy_file import PolicyDocument

#: What is said beside the keys for ``policy diff``, and is no part of JSON Schema.
_WORDS: Final = (
    *("more", "less", "other", "absent", "begins", "ends", "unused", "zero", "beside", "called"),
    *("noun", "next", "by"),
)


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
