"""May this API listen there, and what protects its connections?"""

import ssl
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import uvicorn

from streams.access.keys_file import KeysFileError, keys_path, read_keys
from streams.access.request_head import limited_protocol
from streams.access.tokens import KeySetError, read_key_set
from streams.config import Settings
from streams.exits import CommandError, ExitCode


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host; names other than localhost are taken as reachable."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_open(settings: Settings) -> bool:
    """Whether nobody has ever been given a key: no file of keys and no key set. A file without live keys is closed."""
    return settings.access.jwt_keys_file is None and not keys_path(settings).exists()


def check(settings: Settings, host: str) -> list[str]:
    """What whoever starts the API on ``host`` should know, one sentence each, for stderr.

    Raises:
        CommandError: exit 78: others would reach the API without a key, or keys or certificates cannot be used.
    """
    _refuse_unusable_files(settings)
    if is_open(settings):
        if not is_loopback(host):
            file = keys_path(settings)
            raise CommandError(
                f"without any key, everybody who reaches {host} could read and erase members",
                ExitCode.CONFIG,
                where=f"there is no {file} (setting access.keys_file), and access.jwt_keys_file is not set",
                allowed="127.0.0.1, ::1 or localhost as the host",
                remedy="make a key: memberpulse keys create till-1 --scope lookup --scope preview",
            )
        return ["no key was ever made: every program on this machine may do everything ('memberpulse keys create')"]
    if settings.access.tls_certfile is None and not is_loopback(host):
        return [f"keys travel unencrypted to {host}: set access.tls_certfile, or put a proxy that ends TLS before it"]
    return []


def uvicorn_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for uvicorn.Config: TLS, and how much it reads before anybody is authenticated."""
    access = settings.access
    known: dict[str, Any] = {"http": limited_protocol(access.max_header_bytes), "ws": "none"}
    if access.tls_certfile is not None:
        password = access.tls_keyfile_password
        known |= {
            "ssl_certfile": access.tls_certfile,
            "ssl_keyfile": access.tls_keyfile,
            "ssl_keyfile_password": password.get_secret_value() if password else None,
            "ssl_context_factory": _without_old_versions,
        }
    if access.tls_client_cafile is not None:
        known |= {"ssl_ca_certs": str(access.tls_client_cafile), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return known


def _without_old_versions(_: uvicorn.Config, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """TLS 1.2 and later (RFC 8996): what Python speaks unless told depends on how it was built."""
    context = make()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _refuse_unusable_files(settings: Settings) -> None:
    access = settings.access
    try:
        read_keys(keys_path(settings))
        if access.jwt_keys_file is not None:
            read_key_set(access.jwt_keys_file)
    except (KeysFileError, KeySetError) as error:
        raise CommandError(str(error), ExitCode.CONFIG, where="settings access.keys_file, jwt_keys_file") from error
    if access.tls_certfile is None:
        return
    password = access.tls_keyfile_password
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A function, since an encrypted key without a password would otherwise be asked for at the terminal.
        context.load_cert_chain(
            access.tls_certfile, access.tls_keyfile, lambda: password.get_secret_value() if password else ""
        )
        if access.tls_client_cafile is not None:
            context.load_verify_locations(access.tls_client_cafile)
    except OSError as error:
        raise CommandError(
            f"the certificates of the API cannot be used: {error.strerror or error}",
            ExitCode.CONFIG,
            where="settings access.tls_certfile, tls_keyfile, tls_keyfile_password, tls_client_cafile",
            remedy="name readable PEM files: the certificate with its chain, and its private key",
        ) from error
