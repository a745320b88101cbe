import pytest
from faust.auth import SASLCredentials, SSLCredentials
from pydantic import SecretStr

from streams.config import KafkaSettings, SecurityProtocol, Settings
from streams.stream_process import engine_settings


def settings(protocol: SecurityProtocol) -> Settings:
    return Settings(
        kafka=KafkaSettings(
            topic_prefix="shop-",
            security_protocol=protocol,
            sasl_username="scorer",
            sasl_password=SecretStr("secret"),
            session_timeout_seconds=12,
        )
    )


@pytest.mark.parametrize(
    ("protocol", "kind", "encrypted"),
    [
        ("PLAINTEXT", type(None), False),
        ("SSL", SSLCredentials, True),
        ("SASL_PLAINTEXT", SASLCredentials, False),
        ("SASL_SSL", SASLCredentials, True),
    ],
)
def test_the_app_is_admitted_as_every_other_client_is(protocol: SecurityProtocol, kind: type, encrypted: bool) -> None:
    credentials = engine_settings(settings(protocol), "score").credentials
    assert isinstance(credentials, kind)
    assert (
        getattr(credentials, "ssl_context", None) is not None or isinstance(credentials, SSLCredentials)
    ) == encrypted
    if isinstance(credentials, SASLCredentials):
        assert (credentials.username, credentials.password) == ("scorer", "secret")


def test_producers_of_the_app_get_the_same_and_no_address_twice() -> None:
    engine = engine_settings(settings("SASL_PLAINTEXT"), "score")
    assert engine.app_id == "shop-memberpulse-score"
    assert engine.session_timeout == 12
    assert engine.security["sasl_plain_username"] == "scorer"
    assert "bootstrap_servers" not in engine.security
