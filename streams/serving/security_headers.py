"""What browsers are told to refuse, in every answer of the API."""

from typing import Final

from litestar.types import Message, Scope

_POLICY: Final = b"content-security-policy"
#: After OWASP's REST Security Cheat Sheet, "Security headers": data, to be shown in no page and no frame.
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DATA_ONLY: Final = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
#: Two years (RFC 6797); only where the answer came over TLS.
_TLS_ONLY: Final = (b"strict-transport-security", b"max-age=63072000")


async def add_security_headers(message: Message, scope: Scope) -> None:
    """A ``before_send`` hook: adds what is not there yet to the head of an answer."""
    if message["type"] != "http.response.start":
        return
    headers = list(message.get("headers", ()))
    headers += _ALWAYS
    if not any(name.lower() == _POLICY for name, _ in headers):
        headers.append(_DATA_ONLY)
    if scope["scheme"] == "https":
        headers.append(_TLS_ONLY)
    message["headers"] = headers
