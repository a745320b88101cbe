"""Every error is a problem (RFC 9457), and says no more than the asker may know."""

import logging
from pathlib import Path
from typing import Any

import pytest
from litestar import get
from litestar.testing import TestClient

from streams.config import ServeSettings, Settings
from streams.serving.app import create_app
from tests.streams.serving.till import app_of, settings_for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for("redis://127.0.0.1:1/0", tmp_path, serve=ServeSettings(max_body_bytes=2_000))


@pytest.mark.parametrize(
    ("method", "path", "request_with", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1/docs/nothing", {}, 404),
        ("GET", "/v1/members/a/b/c", {}, 404),
        ("GET", "/v1%2Fmembers/a", {}, 404),
        ("GET", "/v1/members/a%2Fb/c", {}, 404),
        ("GET", "/v1/members/a%5Cb/..%2F..%2Fdocs", {}, 404),
        ("POST", "/v1/members/ann", {}, 405),
        ("PATCH", "/v1/lookups", {}, 405),
        ("GET", "/v1/members/" + "x" * 65, {}, 400),
        ("POST", "/v1/lookups", {"content": b"{"}, 400),
        ("POST", "/v1/lookups", {"content": b"[]"}, 400),
        ("POST", "/v1/lookups", {"content": b'{"member_ids":["\xff"]}'}, 400),
        ("POST", "/v1/lookups", {"content": b"[" * 2_000}, 400),
        ("POST", "/v1/lookups", {"json": {"member_ids": ["a"], "colour": "blue"}}, 400),
        ("POST", "/v1/lookups", {"json": {"member_ids": ["x" * 3_000]}}, 413),
        ("POST", "/v1/members/ann/preview", {"json": {"net_amount": 9.99, "currency": "USD"}}, 400),
        ("POST", "/v1/members/ann/preview", {"json": {"net_amount": -1, "currency": "USD"}}, 400),
        ("POST", "/v1/members/ann/preview", {"json": {"net_amount": 1, "currency": "USD"}}, 503),
    ],
)
def test_every_error_is_a_problem(
    settings: Settings, method: str, path: str, request_with: dict[str, Any], status: int
) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        answer = client.request(method, path, **request_with)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told["type"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_wrong_is_told_with_its_place(settings: Settings) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        told = client.post("/v1/lookups", json={"member_ids": ["a", ""]}).json()
    assert told["errors"] == [{"detail": "Expected `str` of length >= 1", "where": "body.member_ids[1]"}]


def test_what_is_wrong_with_a_whole_body_is_told_of_the_body(settings: Settings) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        told = client.post("/v1/lookups", json={"member_ids": ["a"], "colour": "blue"}).json()
    assert told["errors"] == [{"detail": "Object contains unknown field `colour`", "where": "body"}]


def test_a_method_that_a_route_does_not_have_names_those_that_it_has(settings: Settings) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/members/ann")
    allowed = answer.headers["allow"]
    assert {"GET", "OPTIONS"} <= set(allowed.split(", "))
    assert "POST" not in allowed
    assert answer.json()["detail"] == f"POST is not for this path; {allowed} is"


def test_without_a_policy_a_preview_says_when_to_ask_again(settings: Settings) -> None:
    with TestClient(app_of(settings), base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/members/ann/preview", json={"net_amount": 1, "currency": "USD"})
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"] == "urn:memberpulse:problem:policy-not-read"


def test_a_defect_is_logged_and_told_without_its_words(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    @get("/broken", opt={"public": True})
    async def broken() -> None:
        raise RuntimeError("the secret of ann@example.com")

    with TestClient(create_app(settings, further=[broken]), base_url="http://127.0.0.1") as client:
        answer = client.get("/v1/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ann@example.com" not in answer.text
    assert [
        each.exc_info is not None
        for each in caplog.records
        if each.levelno == logging.ERROR and "foresaw" in each.message
    ]


def test_a_process_that_ends_is_alive_and_not_ready(settings: Settings) -> None:
    app = app_of(settings)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/health/ready").json() == {"status": "ok", "policy_version": None}
        app.state.stopping.set()
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
