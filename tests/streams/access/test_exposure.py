"""Where an API may listen, and who is answered while nobody has a key."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from pydantic import ValidationError

from streams.access.caller import Scope
from streams.access.exposure import check
from streams.access.keys_file import keys_path
from streams.config import AccessSettings, Settings
from streams.exits import CommandError, ExitCode
from tests.streams.access.door import door, key, revoke, settings_of
from tests.streams.access.issuer import AUDIENCE, ISSUER, Issuer
from tests.streams.serving.served import served


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_without_keys_loopback_is_open_and_that_is_said(tmp_path: Path, host: str) -> None:
    (said,) = check(settings_of(tmp_path), host)
    assert "every program on this machine" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "api.shop.example"])  # noqa: S104 - must be refused
def test_without_keys_no_other_host_is_listened_on(tmp_path: Path, host: str) -> None:
    with pytest.raises(CommandError, match="everybody who reaches") as refused:
        check(settings_of(tmp_path), host)
    assert refused.value.code is ExitCode.CONFIG
    assert "memberpulse keys create" in refused.value.remedy


def test_with_a_key_every_host_is_listened_on_with_a_word_about_tls(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    key(settings, "till-1", Scope.LOOKUP)
    assert check(settings, "127.0.0.1") == []
    (said,) = check(settings, "0.0.0.0")  # noqa: S104 - what is asked
    assert "unencrypted" in said


def test_the_last_key_revoked_closes_the_api_and_does_not_open_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    key(settings, "till-1", Scope.LOOKUP)
    revoke(settings, "till-1")
    with door(settings) as api:
        assert api.get("/v1/members/00042").status_code == 401


def test_a_file_of_keys_that_vanishes_closes_the_api(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    key(settings, "till-1", Scope.LOOKUP)
    with door(settings) as api:
        keys_path(settings).unlink()
        assert api.get("/v1/members/00042").status_code == 401


def test_without_keys_programs_here_are_answered(tmp_path: Path) -> None:
    with door(settings_of(tmp_path)) as api:
        assert api.get("/v1/members/00042").json()["asked_by"] == "loopback"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://games.example"}, {"Host": "rebound.example"}, {"Host": ""}, {"Origin": "null"}],
    ids=["a page of another site", "a name rebound to 127.0.0.1", "no host", "a page in a sandbox"],
)
def test_without_keys_no_foreign_page_is_answered(tmp_path: Path, headers: dict[str, str]) -> None:
    with door(settings_of(tmp_path)) as api:
        assert api.get("/v1/members/00042", headers=headers).status_code == 403


def test_tokens_without_issuer_and_audience_are_not_configured(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="jwt_issuer and jwt_audience"):
        AccessSettings(jwt_keys_file=tmp_path / "keys.jwks")


def _symmetric(issuer: Issuer) -> object:
    return {"keys": [issuer.public("r1"), {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}


def _private(issuer: Issuer) -> object:
    return {"keys": [jwt.algorithms.ECAlgorithm.to_jwk(issuer.ec, as_dict=True) | {"kid": "e1"}]}


def _other_algorithm(issuer: Issuer) -> object:
    return {"keys": [issuer.public("r1") | {"alg": "RS512"}]}


def _short(issuer: Issuer) -> object:
    issuer.rsa = generate_private_key(65537, 1024)  # noqa: S505 - must be refused
    return {"keys": [issuer.public("r1")]}


@pytest.mark.parametrize(
    "document", [_symmetric, _private, _other_algorithm, _short, lambda _: {"keys": []}, lambda _: [], lambda _: {}]
)
def test_a_key_set_with_anything_but_public_keys_is_refused(tmp_path: Path, document: object) -> None:
    assert callable(document)
    (tmp_path / "keys.jwks").write_text(json.dumps(document(Issuer())))
    settings = settings_of(tmp_path, jwt_keys_file=tmp_path / "keys.jwks", jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    with pytest.raises(CommandError, match="key") as refused:
        check(settings, "127.0.0.1")
    assert refused.value.code is ExitCode.CONFIG


def test_unreadable_certificates_are_told_before_anything_starts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, tls_certfile=tmp_path / "missing.pem")
    with pytest.raises(CommandError, match="certificates") as refused:
        check(settings, "127.0.0.1")
    assert refused.value.code is ExitCode.CONFIG


async def _answer_to(settings: Settings, *parts: bytes) -> bytes:
    """What a server answers to these bytes, until it hangs up."""

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 204, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b""})

    with served(app, settings) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET / HTTP/1.1\r\nhost: x\r\nfilling: " + b"x" * 2000 + b"\r\n\r\n"],
        [b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nhost: x\r\nfilling: ", b"x" * 800, b"x" * 800],
        [b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n" * 120, b"a: b\r\n" * 120],
    ],
    ids=["a large header", "a long path", "a header without an end", "headers without an end"],
)
async def test_a_request_head_without_measure_is_hung_up_on(tmp_path: Path, parts: list[bytes]) -> None:
    answer = await _answer_to(settings_of(tmp_path, max_header_bytes=1024), *parts)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer


async def test_a_body_is_not_taken_for_headers(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n"
    answer = await _answer_to(settings_of(tmp_path, max_header_bytes=1024), head + b"x" * 2000, b"x" * 3000)
    assert answer.startswith(b"HTTP/1.1 204 ")
