"""An id with a slash is a member like any other, and no way around a route."""

from collections.abc import Iterator

import httpx
import pytest

from streams import policy_file
from streams.config import Settings
from tests.streams.serving.served import served
from tests.streams.serving.till import a_score, app_of, make_whole, put, under


@pytest.fixture
def api(settings: Settings) -> Iterator[httpx.Client]:
    """Behind the real server, which decodes paths."""
    put(settings, *(a_score(member) for member in ("ann", "a/b", "a%2Fb", "a//", "../ann", "/")))
    make_whole(settings)
    app = app_of(settings)
    with served(app, settings) as address, httpx.Client(base_url=address) as client:
        under(app, policy_file.load("absolute"))
        yield client


def test_a_member_whose_id_has_a_slash_is_looked_up_and_their_basket_previewed(api: httpx.Client) -> None:
    for written, member in (
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("%61%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("a%2F%2F", "a//"),
        ("%2E%2E%2Fann", "../ann"),
        ("%2F", "/"),
    ):
        found = api.get(f"/v1/members/{written}?why=%2F")
        assert (found.status_code, found.json().get("member_id")) == (200, member), written
        assert api.head(f"/v1/members/{written}").headers["etag"] == found.headers["etag"]
        preview = api.post(f"/v1/members/{written}/preview", json={"net_amount": 1_000, "currency": "USD"})
        assert (preview.status_code, preview.json().get("member_id")) == (200, member), written


def test_no_encoded_slash_leads_to_a_route(api: httpx.Client) -> None:
    assert api.post("/v1/members/ann%2Fpreview", json={"net_amount": 1_000, "currency": "USD"}).status_code == 405
    assert api.get("/v1%2Fmembers/ann").status_code == 404
    assert api.get("/v1/members%2Fann").status_code == 404
    assert api.get("/v1/members/..%2Fmembers%2Fann").json()["type"] == "urn:memberpulse:problem:unknown-member"
    assert api.get("/v1/docs/..%2Fmembers%2Fann").status_code == 404


def test_whoever_writes_the_slash_itself_is_told_how_it_is_written(api: httpx.Client) -> None:
    answer = api.get("/v1/members/a/b")
    assert (answer.status_code, answer.json()["type"]) == (404, "about:blank")
    assert "%2F" in answer.json()["detail"]
