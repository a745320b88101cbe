"""The API behind TLS: encrypted, and where it is asked for only for clients that show a certificate."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from streams.access.exposure import check, uvicorn_settings
from streams.config import AccessSettings, Settings
from tests.secured.authority import Authority
from tests.streams.serving.served import served


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    """A server with these settings; its host and port."""
    with served(_app, settings) as url:
        yield urlsplit(url).netloc


def _settings(folder: Path, authority: Authority, **access: Any) -> Settings:
    return Settings(data_dir=folder, access=AccessSettings(tls_certfile=authority.server(), **access))


async def _status(address: str, authority: Authority, certificate: Path | None = None) -> int:
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    async with httpx.AsyncClient(verify=context) as client:
        return (await client.get(f"https://{address}/")).status_code


async def test_the_api_answers_through_tls_and_only_so(tmp_path: Path, authority: Authority) -> None:
    settings = _settings(tmp_path, authority)
    assert all("unencrypted" not in line for line in check(settings, "127.0.0.1"))
    with _serving(settings) as address:
        assert await _status(address, authority) == 204
        async with httpx.AsyncClient() as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(f"http://{address}/")
        others = Authority(tmp_path / "others", "Somebody else")
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await _status(address, others)


async def test_with_authorities_for_clients_nobody_gets_in_without_a_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    settings = _settings(tmp_path, authority, tls_client_cafile=authority.file)
    with _serving(settings) as address:
        assert await _status(address, authority, authority.client("till-1")) == 204
        with pytest.raises(httpx.TransportError):
            await _status(address, authority)
        with pytest.raises(httpx.TransportError):
            await _status(address, authority, Authority(tmp_path / "others", "Somebody else").client("till-1"))


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path, authority: Authority) -> None:
    config = uvicorn.Config(_app, lifespan="off", log_config=None, **uvicorn_settings(_settings(tmp_path, authority)))
    config.load()
    assert config.ssl is not None
    assert config.ssl.minimum_version >= ssl.TLSVersion.TLSv1_2
