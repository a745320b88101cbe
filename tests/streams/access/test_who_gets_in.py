"""S6: every way of not being allowed in, one row each."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from prometheus_client import CollectorRegistry

from streams.access.caller import Scope
from streams.access.keys_file import keys_path
from streams.config import Settings
from tests.streams.access.door import MADE, bearer, door, key, revoke, settings_of
from tests.streams.access.issuer import AUDIENCE, ISSUER, Issuer

Forge = Callable[[Issuer], str]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def settings(tmp_path: Path, issuer: Issuer) -> Settings:
    issuer.write_key_set(tmp_path / "keys.jwks", "r1", "e1")
    return settings_of(
        tmp_path, jwt_keys_file=tmp_path / "keys.jwks", jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_leeway_seconds=0
    )


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient[Litestar]]:
    with door(settings) as client:
        yield client


@pytest.mark.parametrize("signer", ["r1", "e1"])
def test_a_token_of_the_issuer_gets_in(api: TestClient[Litestar], issuer: Issuer, signer: str) -> None:
    answer = api.get("/v1/members/00042", headers=bearer(issuer.token(key=signer)))
    assert (answer.status_code, answer.json()["asked_by"]) == (200, "token:campaigns")


REFUSED: dict[str, Forge] = {
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 1),
    "without expiry": lambda issuer: issuer.token(exp=None),
    "not valid yet": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "for another audience": lambda issuer: issuer.token(aud="payroll"),
    "without audience": lambda issuer: issuer.token(aud=None),
    "of another issuer": lambda issuer: issuer.token(iss="https://login.elsewhere.example"),
    "without issuer": lambda issuer: issuer.token(iss=None),
    "without subject": lambda issuer: issuer.token(sub=None),
    "alg none": lambda issuer: issuer.unsigned(),
    "HS256 with the public key": lambda issuer: issuer.hs256_with_the_public_key(),
    "changed on the way": lambda issuer: issuer.changed_on_the_way(),
    "of another key under a known id": lambda _: Issuer().token(),
    "with shops that are no list": lambda issuer: issuer.token(shops="s-1"),
    "of ten thousand letters": lambda issuer: issuer.token(scope="lookup " + "x" * 10_000),
    "no token at all": lambda _: "rubbish",
    "nor a key": lambda _: "mp_0123456789_" + "A" * 43,
}


@pytest.mark.parametrize("forge", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_valid_token_stays_out(api: TestClient[Litestar], issuer: Issuer, forge: Forge) -> None:
    answer = api.get("/v1/members/00042", headers=bearer(forge(issuer)))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="memberpulse", error="invalid_token"'
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_first_key_closes_a_running_api_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.access.watched_file.LOOK_EVERY_SECONDS", 0.0)
    settings = settings_of(tmp_path)
    with door(settings) as client:
        assert client.get("/v1/members/00042").status_code == 200
        text = key(settings, "till-1", Scope.LOOKUP)
        assert client.get("/v1/members/00042").status_code == 401
        assert client.get("/v1/members/00042", headers=bearer(text)).json()["asked_by"] == "key:till-1"
        keys_path(settings).unlink()
        assert client.get("/v1/members/00042").status_code == 401
        assert client.get("/v1/members/00042", headers=bearer(text)).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Basic dGlsbDp0aWxs", "Bearer", "mp_0123456789_x"])
def test_a_request_without_a_credential_is_told_what_is_needed(api: TestClient[Litestar], header: str | None) -> None:
    answer = api.get("/v1/members/00042", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="memberpulse"'


def test_whoever_lacks_the_scope_is_told_which(api: TestClient[Litestar], issuer: Issuer) -> None:
    answer = api.get("/v1/erasures", headers=bearer(issuer.token(scope="lookup preview erasures")))
    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="erase"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_route_for_everybody_needs_nothing(api: TestClient[Litestar]) -> None:
    assert api.get("/livez").status_code == 200


def test_a_member_of_another_shop_and_nobody_get_the_same_answer(api: TestClient[Litestar], issuer: Issuer) -> None:
    of_shop_1 = bearer(issuer.token(shops=["s-1"]))
    assert api.get("/v1/members/00042", headers=of_shop_1).status_code == 200
    theirs, nobody = (api.get(f"/v1/members/{each}", headers=of_shop_1) for each in ("00043", "99999"))
    assert (theirs.status_code, theirs.content) == (nobody.status_code, nobody.content)
    assert theirs.status_code == 404
    assert set(theirs.headers) == set(nobody.headers)


def test_a_token_for_no_shop_sees_nobody(api: TestClient[Litestar], issuer: Issuer) -> None:
    assert api.get("/v1/members/00042", headers=bearer(issuer.token(shops=[]))).status_code == 404


def test_a_key_gets_in_and_its_name_is_known(settings: Settings) -> None:
    till = key(settings, "till-1", Scope.LOOKUP)
    with door(settings) as api:
        answer = api.get("/v1/members/00042", headers=bearer(till))
        assert (answer.status_code, answer.json()["asked_by"]) == (200, "key:till-1")
        assert api.get("/v1/erasures", headers=bearer(till)).status_code == 403


@pytest.mark.parametrize("place", [3, 14, 40, -1])
def test_a_key_with_one_letter_wrong_stays_out(settings: Settings, place: int) -> None:
    till = key(settings, "till-1", Scope.LOOKUP)
    letters = list(till)
    letters[place] = "a" if letters[place] != "a" else "b"
    with door(settings) as api:
        assert api.get("/v1/members/00042", headers=bearer("".join(letters))).status_code == 401


def test_an_expired_key_stays_out(settings: Settings) -> None:
    old = key(settings, "till-1", Scope.LOOKUP, expires_at=MADE + timedelta(days=1))
    with door(settings) as api:
        assert api.get("/v1/members/00042", headers=bearer(old)).status_code == 401


def test_a_key_that_is_revoked_stays_out_without_a_restart(settings: Settings) -> None:
    till = key(settings, "till-1", Scope.LOOKUP)
    key(settings, "till-2", Scope.LOOKUP)
    with door(settings) as api:
        assert api.get("/v1/members/00042", headers=bearer(till)).status_code == 200
        revoke(settings, "till-1")
        deadline = time.monotonic() + 10
        while api.get("/v1/members/00042", headers=bearer(till)).status_code != 401:
            assert time.monotonic() < deadline, "a revoked key still opens the API"
            time.sleep(0.05)


def test_a_signing_key_taken_out_of_the_key_set_ends_its_tokens(settings: Settings, issuer: Issuer) -> None:
    token, key_set = issuer.token(key="e1"), settings.access.jwt_keys_file
    assert key_set is not None
    with door(settings) as api:
        assert api.get("/v1/members/00042", headers=bearer(token)).status_code == 200
        issuer.write_key_set(key_set, "r1")
        deadline = time.monotonic() + 10
        while api.get("/v1/members/00042", headers=bearer(token)).status_code != 401:
            assert time.monotonic() < deadline, "a token of a withdrawn key still opens the API"
            time.sleep(0.05)


def test_a_remembered_token_ends_when_it_expires(settings: Settings, issuer: Issuer) -> None:
    token = issuer.token(exp=int(time.time()) + 2)
    with door(settings) as api:
        assert api.get("/v1/members/00042", headers=bearer(token)).status_code == 200
        time.sleep(2)
        assert api.get("/v1/members/00042", headers=bearer(token)).status_code == 401


def test_a_flood_of_one_caller_leaves_the_others_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    hasty = key(settings, "hasty", Scope.LOOKUP, per_second=5)
    calm = key(settings, "calm", Scope.LOOKUP)
    with door(settings) as api:
        answers = [api.get("/v1/members/00042", headers=bearer(hasty)) for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused, "40 requests at once passed a limit of 5 a second"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].headers["ratelimit"].startswith('"caller";r=0;t=')
        assert refused[0].headers["content-type"].startswith("application/problem+json")
        assert api.get("/v1/members/00042", headers=bearer(calm)).status_code == 200


def test_every_answer_tells_what_is_left(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    till = key(settings, "till-1", Scope.LOOKUP, per_second=500)
    with door(settings) as api:
        answer = api.get("/v1/members/00042", headers=bearer(till))
    assert answer.headers["ratelimit-policy"] == '"caller";q=500;w=1'
    assert answer.headers["ratelimit"] == '"caller";r=499;t=1'


def test_guessing_is_not_heard_for_long_and_locks_nobody_out(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, failures_per_minute=5)
    till = key(settings, "till-1", Scope.LOOKUP)
    registry = CollectorRegistry()
    with door(settings, registry) as api:
        guesses = [
            api.get("/v1/members/00042", headers=bearer(f"mp_0123456789_{number:043}")).status_code
            for number in range(8)
        ]
        assert guesses == [401] * 5 + [429] * 3
        assert api.get("/v1/members/00042", headers=bearer(till)).status_code == 200
    assert registry.get_sample_value("memberpulse_access_refused_total", {"reason": "invalid"}) == 5


def test_walking_through_the_ids_ends_at_the_rate(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, requests_per_second=10)
    curious = key(settings, "curious", Scope.LOOKUP, shops=["s-1"])
    with door(settings) as api:
        answers = {api.get(f"/v1/members/{number:05}", headers=bearer(curious)).status_code for number in range(100)}
    assert answers - {200} == {404, 429}
