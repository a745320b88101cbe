"""No webhook goes into the private network, whatever names, forms of addresses and name servers say."""

import socket
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from streams.webhooks.addresses import is_public
from streams.webhooks.attempt import AttemptFailed, EndpointClient
from tests.streams.webhooks.receivers import Receiver, an_endpoint, serving

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address to be refused, not to listen on
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::ffff:224.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


class NameServer(AbstractResolver):
    """Gives the next answer at every question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.questions = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.questions += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def refusal(url: str, folder: Path, server: NameServer | None = None) -> str:
    endpoint = an_endpoint(url, folder).model_copy(update={"allow_private": False, "timeout_seconds": 1})
    async with EndpointClient(endpoint, server) as client:
        with pytest.raises(AttemptFailed) as failed:
            await client.post(b"{}", {}, 0.0)
    return failed.value.reason


@pytest.mark.parametrize("inside", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_a_name_of_a_private_address_is_refused(tmp_path: Path, inside: str) -> None:
    async with serving(Receiver()) as receiver:
        url = receiver.url.replace("127.0.0.1", "crm.example.com")
        assert await refusal(url, tmp_path, NameServer([inside])) == "address"
        assert receiver.requests == []


async def test_a_private_address_written_as_such_is_refused_where_sockets_are_made(tmp_path: Path) -> None:
    async with serving(Receiver()) as receiver:
        assert await refusal(receiver.url, tmp_path) == "address"
        assert receiver.requests == []


async def test_of_several_addresses_only_the_public_ones_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def no_socket(address: tuple[object, ...]) -> socket.socket:
        made.append(address[4][0])  # type: ignore[index]  # the shape of getaddrinfo's answers
        raise OSError("no network in tests")

    monkeypatch.setattr("streams.webhooks.addresses._public_socket", no_socket)
    server = NameServer(["127.0.0.1", PUBLIC, "::1"])
    assert await refusal("http://crm.example.com:1/hooks", tmp_path, server) == "connection"
    assert made == [PUBLIC]


async def test_a_name_is_resolved_once_per_connection_so_rebinding_it_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def no_socket(address: tuple[object, ...]) -> socket.socket:
        made.append(address[4][0])  # type: ignore[index]  # likewise
        raise OSError("no network in tests")

    monkeypatch.setattr("streams.webhooks.addresses._public_socket", no_socket)
    server = NameServer([PUBLIC], ["127.0.0.1"])
    assert await refusal("http://crm.example.com:1/hooks", tmp_path, server) == "connection"
    assert (made, server.questions) == ([PUBLIC], 1)
    assert await refusal("http://crm.example.com:1/hooks", tmp_path, server) == "address"
