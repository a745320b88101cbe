"""How every client reaches and is admitted by Redis: the settings of section ``redis`` as redis-py wants them."""

from typing import Any

from streams.config import Settings


def redis_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for ``from_url`` of redis-py, asynchronous or not, the address among them.

    With ``rediss://`` the certificate and the host name are always checked: against ``redis.ssl_cafile``, or the
    machine's authorities without one. User and password of the address come before those of the settings.
    """
    redis = settings.redis
    address = redis.url.get_secret_value()
    known: dict[str, Any] = {
        "url": address,
        "username": redis.username,
        "password": redis.password.get_secret_value() if redis.password else None,
    }
    if address.startswith("rediss://"):
        known |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": _path(redis.ssl_cafile),
            "ssl_certfile": _path(redis.ssl_certfile),
            "ssl_keyfile": _path(redis.ssl_keyfile),
        }
    return known


def _path(path: object) -> str | None:
    return None if path is None else str(path)
