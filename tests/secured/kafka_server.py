"""A broker that demands TLS, a client's certificate and a password, and grants nobody anything that it was not told."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from streams.config import KafkaSettings, SaslMechanism, Settings
from streams.devstack.kafka import Broker
from streams.kafka_clients import admin_settings
from streams.log_reading import admin_client
from tests.secured.authority import Authority

ADMIN = "admin"
PASSWORD = "correct-horse-battery-staple"  # noqa: S105 - opens a broker that lives for seconds
_MODULES = "org.apache.kafka.common.security"
_ACCESS_PAGE = Path(__file__).parents[2] / "docs" / "access.md"
_GRANT = re.compile(r"^\| `(\w+)` \| (topic|group|cluster) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


class SecuredKafka:
    """The broker, and how its users are let in. ``prefix`` is put before every topic and group."""

    def __init__(self, home: Path, authority: Authority) -> None:
        self._authority = authority
        self._certificate = authority.client("worker")
        self.prefix = "secured-"
        self.broker = Broker(
            home,
            protocol="SASL_SSL",
            config={
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(authority.server()),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(authority.file),
                "ssl.client.auth": "required",
                "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol": "PLAIN",
                "listener.name.clients.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required "
                f'username="{ADMIN}" password="{PASSWORD}" user_{ADMIN}="{PASSWORD}";',
                "listener.name.clients.scram-sha-256.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
                "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                # The controller's listener is the broker's own, and has no users.
                "super.users": f"User:{ADMIN};User:ANONYMOUS",
                "allow.everyone.if.no.acl.found": "false",
            },
            # Where it is, the broker knows by itself.
            admitted=admin_settings(self._settings("127.0.0.1:1", ADMIN)),
            remove_if_orphaned=True,
        )

    def settings(self, user: str, mechanism: SaslMechanism = "SCRAM-SHA-512", **changed: Any) -> Settings:
        """Settings that get in as this user, with what a test wants otherwise."""
        return self._settings(self.broker.bootstrap, user, mechanism, **changed)

    def _settings(self, bootstrap: str, user: str, mechanism: SaslMechanism | None = None, **changed: Any) -> Settings:
        known: dict[str, Any] = {
            "bootstrap": bootstrap,
            "topic_prefix": self.prefix,
            "partitions": 2,
            "session_timeout_seconds": 3,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": None if user == ADMIN else mechanism,
            "sasl_username": user,
            "sasl_password": SecretStr(PASSWORD),
            "ssl_cafile": self._authority.file,
            "ssl_certfile": self._certificate,
        }
        return Settings(kafka=KafkaSettings(**(known | changed)))

    def environment(self, user: str, mechanism: SaslMechanism = "SCRAM-SHA-512") -> dict[str, str]:
        """The same for a process."""
        kafka = self.settings(user, mechanism).kafka
        plain = {name: str(value) for name, value in kafka.model_dump().items() if value is not None}
        return {f"MEMBERPULSE_KAFKA__{name.upper()}": value for name, value in plain.items()} | {
            "MEMBERPULSE_KAFKA__SASL_PASSWORD": PASSWORD
        }

    def add_users(self, *names: str, mechanism: SaslMechanism = "SCRAM-SHA-512") -> None:
        """Make users who may nothing yet."""
        with admin_client(self.settings(ADMIN)) as admin:
            told = admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(name, mechanism, PASSWORD) for name in names]
            )
        assert set(told.values()) == {None}, told

    def grant_what_is_documented(self, *users: str) -> None:
        """Give each user the rights that the documentation lists for the role of that name."""
        rows = _GRANT.findall(_ACCESS_PAGE.read_text())
        assert {user for user, *_ in rows} >= set(users), "the documentation lists no rights for one of them"
        acls = [
            acl for user, kind, names, rights in rows if user in users for acl in self._acls(user, kind, names, rights)
        ]
        with admin_client(self.settings(ADMIN)) as admin:
            told = admin.create_acls(acls)
        assert not told["failed"], told

    def _acls(self, user: str, kind: str, names: str, rights: str) -> Iterable[ACL]:
        for name in re.findall(r"`([^`]+)`", names) or ["kafka-cluster"]:
            pattern = ACLResourcePatternType.PREFIXED if name.endswith("*") else ACLResourcePatternType.LITERAL
            full = name if kind == "cluster" else self.prefix + name.rstrip("*")
            for right in rights.split(", "):
                operation = ACLOperation[right.strip().upper().replace(" ", "_")]
                resource = ResourcePattern(ResourceType[kind.upper()], full, pattern)
                yield ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, resource)
