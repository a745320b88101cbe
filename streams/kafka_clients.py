"""How every client reaches and is admitted by Kafka: the settings of section ``kafka``, in each library's own words.

Faust's brokers and the two client libraries name the same things differently; nobody else should have to know.
"""

from ssl import SSLContext, create_default_context
from typing import Any, Final

from streams.config import Settings
from streams.exits import CommandError, ExitCode

#: How long kafka-python looks for a first broker, and how long it pauses at most before it asks one again. Its own 30 s
#: for both leave a person without a word for half a minute, and may ask nobody for most of it.
CONNECT_MS: Final = 10_000
_LONGEST_PAUSE_MS: Final = 1_000
_SSL_PROTOCOLS = ("SSL", "SASL_SSL")
SASL_PROTOCOLS = ("SASL_PLAINTEXT", "SASL_SSL")


def ssl_context(settings: Settings) -> SSLContext | None:
    """The TLS settings to reach the brokers with, or None where ``kafka.security_protocol`` has no TLS.

    Certificates and host names are always checked: against ``kafka.ssl_cafile``, or the machine's authorities without
    one. Our own certificate is shown where ``kafka.ssl_certfile`` names one.

    Raises:
        CommandError: exit 78: a certificate or key cannot be used.
    """
    if settings.kafka.security_protocol not in _SSL_PROTOCOLS:
        return None
    kafka = settings.kafka
    try:
        context = create_default_context(cafile=None if kafka.ssl_cafile is None else str(kafka.ssl_cafile))
        if kafka.ssl_certfile is not None:
            password = kafka.ssl_keyfile_password
            # A function, since an encrypted key without a password would otherwise be asked for at the terminal.
            context.load_cert_chain(
                kafka.ssl_certfile, kafka.ssl_keyfile, lambda: password.get_secret_value() if password else ""
            )
    except OSError as error:
        raise CommandError(
            f"the certificates for Kafka cannot be used: {error.strerror or error}",
            ExitCode.CONFIG,
            where="settings kafka.ssl_cafile, ssl_certfile, ssl_keyfile, ssl_keyfile_password",
            remedy="name readable PEM files: authorities, our certificate with its chain, and its private key",
        ) from error
    return context


def client_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's consumers, producers and admin client."""
    return _common(settings)


def admin_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for kafka-python's admin client, consumers and producers."""
    return _common(settings) | {"bootstrap_timeout_ms": CONNECT_MS, "reconnect_backoff_max_ms": _LONGEST_PAUSE_MS}


def _common(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    known: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in kafka.bootstrap.split(",")],
        "security_protocol": kafka.security_protocol,
    }
    context = ssl_context(settings)
    if context is not None:
        known["ssl_context"] = context
    if kafka.security_protocol in SASL_PROTOCOLS:
        known["sasl_mechanism"] = kafka.sasl_mechanism or "PLAIN"
        known["sasl_plain_username"] = kafka.sasl_username
        known["sasl_plain_password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    return known
