"""The same Kafka settings in each library's words."""

from pathlib import Path

import aiokafka
import kafka
import pytest
from pydantic import SecretStr, ValidationError

from streams.config import KafkaSettings, SaslMechanism, SecurityProtocol, Settings
from streams.exits import CommandError, ExitCode
from streams.kafka_clients import admin_settings, client_settings, ssl_context


def settings(protocol: SecurityProtocol, mechanism: SaslMechanism | None = None) -> Settings:
    return Settings(
        kafka=KafkaSettings(
            bootstrap="a:1, b:2",
            security_protocol=protocol,
            sasl_mechanism=mechanism,
            sasl_username="scorer",
            sasl_password=SecretStr("secret"),
        )
    )


def test_every_broker_is_named() -> None:
    assert client_settings(settings("PLAINTEXT")) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(
    ("protocol", "encrypted", "with_password"),
    [("PLAINTEXT", False, False), ("SSL", True, False), ("SASL_PLAINTEXT", False, True), ("SASL_SSL", True, True)],
)
def test_each_protocol_brings_what_it_needs_and_nothing_else(
    protocol: SecurityProtocol,
    encrypted: bool,
    with_password: bool,
) -> None:
    for known in (client_settings(settings(protocol)), admin_settings(settings(protocol))):
        assert ("ssl_context" in known) == encrypted
        assert (known.get("sasl_plain_password") == "secret") == with_password


def test_certificates_are_checked_and_an_unreadable_authority_is_an_error(tmp_path: Path) -> None:
    context = ssl_context(settings("SSL"))
    assert context is not None
    assert context.check_hostname
    missing = Settings(kafka=KafkaSettings(security_protocol="SSL", ssl_cafile=tmp_path / "missing.pem"))
    with pytest.raises(CommandError, match="No such file") as refused:
        ssl_context(missing)
    assert refused.value.code is ExitCode.CONFIG


def test_a_password_that_is_missing_is_told_before_anything_starts() -> None:
    with pytest.raises(ValidationError, match="needs sasl_username and sasl_password"):
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="scorer")


def test_both_libraries_know_every_name() -> None:
    known = settings("SASL_SSL", "SCRAM-SHA-512")
    assert admin_settings(known).keys() <= kafka.KafkaAdminClient.DEFAULT_CONFIG.keys()
    assert client_settings(known).keys() <= set(aiokafka.AIOKafkaConsumer.__init__.__code__.co_varnames)
    assert client_settings(known)["sasl_mechanism"] == "SCRAM-SHA-512"
