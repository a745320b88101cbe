"""The OpenAPI file: complete, true by schemathesis, and readable where there is no internet."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from litestar.testing import TestClient
from schemathesis.config import SchemathesisConfig as Config
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from streams import policy_file
from streams.access.caller import Scope
from streams.config import Settings
from streams.devstack.redis import RedisServer
from tests.streams.access.door import bearer, key
from tests.streams.serving.served import served
from tests.streams.serving.till import a_score, app_of, make_whole, put, settings_for, under

#: What this file's tests are about; routes that write and stream have tests of their own.
OPERATIONS = ["lookUpMember", "lookUpMembers", "previewBasket"]


#: No schema can say which currency the policy has: 422 is a good answer to a good request.
CHECKS = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", 404, 422]}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("described")


@pytest.fixture(scope="module")
def till_key(folder: Path) -> dict[str, str]:
    """The Authorization header of a key that may ask for everything here."""
    return bearer(key(settings_for("", folder), "till", Scope.LOOKUP, Scope.PREVIEW, per_second=100_000))


@pytest.fixture(scope="module")
def described(folder: Path, till_key: dict[str, str]) -> Iterator[OpenApiSchema]:
    """The description that the running API gives of itself; without the key it answers nobody."""
    assert till_key
    redis_server = RedisServer(folder / "redis")
    redis_server.start()
    try:
        settings = settings_for(redis_server.url, folder)
        put(settings, *(a_score(each) for each in ("00042", "0", "1", "a")))
        make_whole(settings)
        app = app_of(settings)
        with served(app, settings) as address:
            under(app, policy_file.load("absolute"))
            yield schemathesis.openapi.from_url(f"{address}/v1/docs/openapi.json", config=Config.from_dict(CHECKS))
    finally:
        redis_server.kill()


# Hypothesis minds that schemathesis takes chance from elsewhere.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_the_api_answers_as_its_description_says(
    described: OpenApiSchema, till_key: dict[str, str], operation_id: str, mode: GenerationMode
) -> None:
    operation = described.find_operation_by_id(operation_id)

    @tried(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_well(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=till_key)

    answers_well()


@pytest.fixture
def document(settings: Settings) -> dict[str, Any]:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        found: dict[str, Any] = client.get("/v1/docs/openapi.json").json()
    return found


def test_every_route_is_under_a_version_says_what_it_is_for_and_how_it_fails(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        assert path.startswith(("/v1/", "/health/"))
        for operation in item.values():
            assert operation["summary"]
            assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)


def test_bodies_and_answers_have_examples_that_are_whole(document: dict[str, Any]) -> None:
    for operation_id, path, method in (
        ("lookUpMember", "/v1/members/{member_id}", "get"),
        ("lookUpMembers", "/v1/lookups", "post"),
        ("previewBasket", "/v1/members/{member_id}/preview", "post"),
    ):
        operation = document["paths"][path][method]
        assert operation["operationId"] == operation_id
        content = operation["responses"]["200"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        needed = document["components"]["schemas"][name]["required"]
        (example,) = content["examples"].values()
        assert set(needed) <= set(example["value"])


def test_the_page_needs_nothing_from_elsewhere(settings: Settings, tmp_path: Path) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        page = client.get("/v1/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /v1/members/{member_id}/preview" in page.text
    assert "<script" not in page.text
    assert "<a href='#LookupRequest'>LookupRequest</a></p><pre>" in page.text
    assert "<code>freshness.source</code>" in page.text
    assert [*re.findall(r"<tr><td>(\d+)<td>", page.text.partition("</table><h2>")[0])][:2] == ["200", "304"]
    assert not re.findall(r"(?:src|href)='?\"?(?:https?:)?//", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
