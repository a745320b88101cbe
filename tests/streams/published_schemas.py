"""The published JSON Schemas, and what records say, for the tests of outcomes and scores."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema

from scoring.outcomes import Outcome
from streams.engine.record_batches import encode_headers
from streams.outcome_records import OutcomeRecords


def published() -> set[str]:
    """The names of everything that has a schema."""
    return {path.name.removesuffix(".v1.json") for path in files("streams").joinpath("schemas").iterdir()}


@cache
def schema_of(name: str) -> Any:
    schema = json.loads(files("streams").joinpath("schemas", f"{name}.v1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def assert_fits(document: dict[str, Any], name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(document)
    described = [name for name in schema["properties"] if name in document or name in schema["required"]]
    assert list(document) == described, "the schema describes every field and no other, in their order"


def body_by(records: OutcomeRecords, outcome: Outcome) -> dict[str, Any]:
    """What the record of an outcome of member 00042 in partition 2 says."""
    topic, key, value, headers = records.record(outcome, "00042", 2)
    assert records.written(outcome, "00042", key, 2) == (topic, value, encode_headers(headers))
    body: dict[str, Any] = json.loads(value)
    return body
