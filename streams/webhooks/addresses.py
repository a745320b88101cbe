"""May a webhook go to this address? Checked is the very address that is then connected to.

A name is resolved once per connection; what it resolves to is filtered, and the socket is opened to one of what is
left. A name that points somewhere else a moment later (DNS rebinding) is of no use: nobody asks it again. Addresses
written as such never pass a resolver, so the place where sockets are made looks once more.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from ssl import SSLContext
from typing import Any, Final

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

#: IPv4 addresses inside IPv6 ones for translators (RFC 6052) and local-use translators (RFC 8215).
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_LOW_32_BITS: Final = 0xFFFF_FFFF


class ForbiddenAddressError(OSError):
    """An endpoint's address is private, loopback, link-local or otherwise none of the public internet."""


def is_public(address: str) -> bool:
    """Whether an IPv4 or IPv6 address, perhaps with a zone (``fe80::1%eth0``), is one of the public internet.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) counts as what it leads to. Teredo is none of the internet.

    Raises:
        ValueError: ``address`` is no address.
    """
    parsed = ip_address(address.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in (parsed, *_inner(parsed)))


def _inner(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    found = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
    if any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(int(address) & _LOW_32_BITS))
    return found


class PublicResolver(AbstractResolver):
    """Resolves names, and keeps only public addresses."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = ThreadedResolver() if resolver is None else resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public addresses of a name.

        Raises:
            ForbiddenAddressError: the name has only others.
            OSError: the name cannot be resolved.
        """
        found = await self._resolver.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise ForbiddenAddressError(
                f"{host} is at {', '.join(each['host'] for each in found)}, which is not public"
            )
        return public

    async def close(self) -> None:
        """Give back what the resolver holds."""
        await self._resolver.close()


def _public_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _name, target = address
    if not is_public(target[0]):
        raise ForbiddenAddressError(f"{target[0]} is not public")
    return socket.socket(family, kind, protocol)


def connector(
    *, allow_private: bool, tls: SSLContext, most: int, resolver: AbstractResolver | None = None
) -> TCPConnector:
    """What opens one endpoint's connections, at most ``most`` at a time; only to public addresses unless allowed."""
    if allow_private:
        return TCPConnector(ssl=tls, limit=most, use_dns_cache=False, resolver=resolver)
    return TCPConnector(
        ssl=tls,
        limit=most,
        use_dns_cache=False,
        resolver=PublicResolver(resolver),
        socket_factory=_public_socket,
    )
