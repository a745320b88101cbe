"""A Kafka and a Redis that let nobody in by accident; each file of tests has an empty Redis of its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from redis import Redis

from streams.devstack.redis import RedisServer
from tests.secured.authority import Authority
from tests.secured.kafka_server import SecuredKafka
from tests.secured.tls_door import TlsDoor

ACCESS_PAGE = Path(__file__).parents[2] / "docs" / "access.md"
REDIS_PASSWORD = "correct horse battery staple"  # noqa: S105 - opens a Redis that lives for seconds


class SecuredRedis(NamedTuple):
    """The server, with the users that the documentation lists and no other, and the only way to it."""

    server: RedisServer
    door: TlsDoor


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "The shop's authority")


@pytest.fixture(scope="module")
def secured_redis(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecuredRedis]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    try:
        with Redis.from_url(server.url) as admin:
            for name, rights in re.findall(r"^user (\w+) (.+>PASSWORD .+)$", ACCESS_PAGE.read_text(), re.MULTILINE):
                words = [word.replace(">PASSWORD", f">{REDIS_PASSWORD}") for word in rights.split()]
                admin.execute_command("ACL", "SETUSER", name, "reset", *words)
            # Kept for the tests to look at everything.
            admin.execute_command("ACL", "SETUSER", "auditor", "on", f">{REDIS_PASSWORD}", "~*", "+@all")
            admin.execute_command("ACL", "SETUSER", "default", "off")
        port = urlsplit(server.url).port
        assert port is not None
        with TlsDoor(port, certificate=authority.server(), authorities=authority.file) as door:
            yield SecuredRedis(server, door)
    finally:
        server.kill()


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecuredKafka]:
    kafka = SecuredKafka(tmp_path_factory.mktemp("kafka"), authority)
    kafka.broker.start()
    try:
        yield kafka
    finally:
        kafka.broker.stop()
