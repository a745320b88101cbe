"""Settings: environment variables ``MEMBERPULSE_...`` over one TOML file, resolved once into a frozen object.

Nested names join with two underscores: ``MEMBERPULSE_KAFKA__BOOTSTRAP=broker:9092``. The file is ``memberpulse.toml``
in the
working directory, or the one named by ``MEMBERPULSE_CONFIG``.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Seconds = Annotated[float, Field(gt=0)]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """Where the log is and how it is laid out."""

    bootstrap: str = Field(default="127.0.0.1:9092", description="host:port of a broker, several joined by commas")
    topic_prefix: str = Field(
        default="", description="put before every topic and consumer group name, to keep deployments apart"
    )
    partitions: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="partitions of member-events and every topic beside it; can never change later",
    )
    replication: int = Field(default=1, ge=1, le=9, description="copies of each partition; 3 in production")
    session_timeout_seconds: Seconds = Field(
        default=10.0, description="a worker that is silent for this long has lost its partitions"
    )
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = Field(default=None, description="PLAIN unless given")
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = Field(
        default=None, description="authorities (PEM) that may vouch for brokers; the machine's own unless given"
    )
    ssl_certfile: Path | None = Field(default=None, description="our own certificate with its chain (PEM)")
    ssl_keyfile: Path | None = Field(default=None, description="its private key (PEM), if it is not in the same file")
    ssl_keyfile_password: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        return self


class RedisSettings(_Section):
    """Where the projection is kept."""

    url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="redis:// or rediss:// address")
    username: str | None = Field(default=None, description="the user of Redis' ACL, if the address names none")
    password: SecretStr | None = Field(default=None, description="its password, if the address has none")
    ssl_cafile: Path | None = Field(
        default=None, description="authorities (PEM) that may vouch for Redis; the machine's own unless given"
    )
    ssl_certfile: Path | None = Field(default=None, description="our own certificate with its chain (PEM)")
    ssl_keyfile: Path | None = Field(default=None, description="its private key (PEM), if it is not in the same file")
    key_prefix: str = Field(default="memberpulse:", description="put before every key")

    @model_validator(mode="after")
    def _whole(self) -> "RedisSettings":
        encrypted = self.url.get_secret_value().startswith("rediss://")
        if not encrypted and any((self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)):
            raise ValueError("ssl_cafile, ssl_certfile and ssl_keyfile need an address that begins with rediss://")
        return self


class SourceSettings(_Section):
    """One upstream topic and the mapping that turns its JSON into canonical events."""

    topic: str
    mapping: Path
    partitions: int = Field(default=4, ge=1, le=1000)


class IngestSettings(_Section):
    """Upstream topics of any JSON shape."""

    sources: tuple[SourceSettings, ...] = ()


class ScoreSettings(_Section):
    """How the scorer remembers and commits."""

    epoch: int = Field(
        default=1, ge=1, description="raised when history is rebuilt; outranks every offset in the projection"
    )
    policy: str = Field(
        default="absolute",
        description="a shipped policy's name or a policy file's path; 'topics apply' publishes it into an empty log",
    )
    commit_interval_seconds: Seconds = 1.0
    dirty_rows_limit: int = Field(
        default=5000,
        ge=1,
        description="a partition with this many changed members is remembered early; with twice as many, in a hurry",
    )
    fetch_records: int = Field(
        default=1000, ge=1, description="the most records absorbed without yielding to the event loop"
    )
    sweep_slice: int = Field(default=50, ge=1, description="members fired by a tick without yielding to the event loop")
    watchdog_seconds: Seconds = Field(
        default=60.0, description="no progress for this long while records wait ends the process"
    )
    shutdown_seconds: Seconds = 20.0
    store: Literal["memory", "disk"] = Field(
        default="memory", description="where members' rows are kept; disk is for bases larger than memory, and slower"
    )
    store_directory: Path | None = Field(
        default=None, description="scratch space for rows on disk, emptied at every start; default: store in data_dir"
    )
    store_memory_megabytes: int = Field(
        default=256, ge=16, description="what rows on disk may use of memory, for all partitions of a process"
    )
    halt_on_bad_input: bool = Field(
        default=True, description="false lets any share of bad records through to the dead letters, to get past a halt"
    )


class TickerSettings(_Section):
    """Time as entries in the log."""

    enabled: bool = True
    interval_seconds: Seconds = 60.0
    jump_limit_seconds: Seconds = Field(
        default=3600.0, description="a larger step must be confirmed by the broker's clock"
    )
    mass_limit_members: int = Field(
        default=1000,
        ge=0,
        description="a tick that moves more members than this, and than mass_limit_share, waits for an operator",
    )
    mass_limit_share: float = Field(default=0.02, ge=0, le=1)


class MetricsSettings(_Section):
    """Where Prometheus finds the processes. Port 0 takes a free one and prints it."""

    bind: str = "127.0.0.1"
    score_port: int = Field(default=9464, ge=0, le=65535)
    ingest_port: int = Field(default=9465, ge=0, le=65535)
    project_port: int = Field(default=9466, ge=0, le=65535)
    tick_port: int = Field(default=9467, ge=0, le=65535)
    serve_port: int = Field(default=9468, ge=0, le=65535)
    deliver_port: int = Field(default=9469, ge=0, le=65535)


class AccessSettings(_Section):
    """Who may use the HTTP API: API keys, tokens, rates, TLS."""

    keys_file: Path | None = Field(
        default=None, description="the API keys, written by 'memberpulse keys'; keys.json in data_dir unless given"
    )
    jwt_keys_file: Path | None = Field(
        default=None, description="the public keys of an identity provider (JWKS); tokens are refused without it"
    )
    jwt_issuer: str | None = Field(default=None, description="the iss that a token must have")
    jwt_audience: str | None = Field(default=None, description="the aud that a token must have")
    jwt_leeway_seconds: float = Field(default=30.0, ge=0, le=300, description="how far the issuer's clock may be off")
    jwt_shops_claim: str = Field(
        default="shops", description="the claim that lists the only shops a token may see; without the claim, all"
    )
    requests_per_second: int = Field(
        default=1000, ge=1, description="of one key or token, in one API process; a key may have its own rate"
    )
    failures_per_minute: int = Field(
        default=60, ge=1, description="refused keys and tokens of one address, before it is not heard for a while"
    )
    max_header_bytes: int = Field(default=16_384, ge=1024, description="request line and headers together")
    member_shops: bool = Field(
        default=False,
        description="let 'memberpulse project' keep in Redis which shops a member was seen in; look-ups by keys and "
        "tokens limited to shops need it",
    )
    tls_certfile: Path | None = Field(default=None, description="certificate chain (PEM); plain HTTP without it")
    tls_keyfile: Path | None = Field(default=None, description="its private key (PEM), if it is not in the same file")
    tls_keyfile_password: SecretStr | None = None
    tls_client_cafile: Path | None = Field(
        default=None, description="authorities whose clients may connect at all (mutual TLS)"
    )

    @model_validator(mode="after")
    def _whole(self) -> "AccessSettings":
        if self.jwt_keys_file is not None and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("jwt_keys_file needs jwt_issuer and jwt_audience: anybody's token would do without them")
        if self.tls_certfile is None and (self.tls_keyfile is not None or self.tls_client_cafile is not None):
            raise ValueError("tls_keyfile and tls_client_cafile need tls_certfile")
        return self


class LiveSettings(_Section):
    """Outcomes as server-sent events."""

    heartbeat_seconds: Seconds = Field(
        default=15.0, description="a stream without events says this often that it lives, and where it is"
    )
    clients: int = Field(default=1000, ge=1, description="the most streams open at once, in one process")
    queue_events: int = Field(
        default=1000, ge=1, description="a client with more events than this still to be sent is ended with 'overrun'"
    )
    queue_bytes: int = Field(default=262_144, ge=1, description="likewise, bytes")
    stream_seconds: Seconds = Field(
        default=3600.0, description="a stream ends after this, so that keys and tokens are checked again"
    )
    slow_client_seconds: Seconds = Field(
        default=30.0, description="a client that takes nothing for this long is disconnected"
    )
    history_events: int = Field(
        default=20_000, ge=1, description="the latest outcomes kept in memory, to go on from a Last-Event-ID"
    )
    history_bytes: int = Field(default=67_108_864, ge=1, description="likewise, bytes")
    history_seconds: Seconds = Field(
        default=900.0, description="a process that starts reads the outcomes of so long ago into its history"
    )
    order_wait_seconds: Seconds = Field(
        default=1.0, description="an outcome waits at most this long for one of the same member that was told before it"
    )


class PostingSettings(_Section):
    """Events that come through HTTP."""

    deadline_seconds: Seconds = Field(
        default=5.0, description="what Kafka has not acknowledged after this is answered with 503"
    )
    events: int = Field(default=1000, ge=1, description="the most events in one request")
    bytes: int = Field(default=8_388_608, ge=1, description="the largest request")


class ServeSettings(_Section):
    """The HTTP API: where it listens, and how long anybody waits for it."""

    bind: str = Field(default="127.0.0.1", description="the address to listen on; any other needs keys or tokens")
    port: int = Field(default=8080, ge=0, le=65535, description="0 takes a free one and prints it")
    deadline_seconds: float = Field(
        default=0.05,
        ge=0.005,
        le=10,
        description="a look-up is answered within this time, whatever Redis does: from the last good value if need be",
    )
    redis_connections: int = Field(default=4, ge=1, le=64, description="to Redis; each carries many look-ups at once")
    last_good_members: int = Field(
        default=50_000,
        ge=0,
        description="members whose last good value is kept for when Redis is away; about 1.5 KB of memory each",
    )
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="the largest request body that is read")
    drain_seconds: Seconds = Field(
        default=10.0, description="at the end: how long requests that are being answered are waited for"
    )


class DeliverSettings(_Section):
    """Outcomes to webhook endpoints."""

    endpoints_file: Path | None = Field(
        default=None, description="the TOML file that says who gets which outcomes, and how fast (docs/webhooks.md)"
    )


class PseudonymSettings(_Section):
    """Whether and how member ids are hidden from ingest onwards; the same in every process of a deployment."""

    secret: SecretStr | None = Field(
        default=None, min_length=32, description="hides member ids as HMAC-SHA256; at least 32 random characters"
    )
    key_id: str = Field(default="1", pattern=r"^[a-z0-9]{1,8}$", description="names the secret in every pseudonym")
    former_secret: SecretStr | None = Field(
        default=None, min_length=32, description="the secret before, while members move to the present one"
    )
    former_key_id: str = Field(default="0", pattern=r"^[a-z0-9]{1,8}$", description="its key_id")

    @model_validator(mode="after")
    def _whole(self) -> "PseudonymSettings":
        if self.former_secret is not None and (self.secret is None or self.former_key_id == self.key_id):
            raise ValueError("former_secret needs a secret, and a former_key_id other than key_id")
        return self


class SigningSettings(_Section):
    """Whether ticks, policies and cuts need a signature; the same in every process of a deployment."""

    secret: SecretStr | None = Field(
        default=None, min_length=32, description="signs ticks, policies and cuts; at least 32 random characters"
    )
    key_id: str = Field(default="1", pattern=r"^[a-z0-9]{1,8}$", description="names the secret in every signature")
    since: AwareDatetime | None = Field(
        default=None, description="records appended before this instant need no signature; without it, all need one"
    )
    other_secret: SecretStr | None = Field(
        default=None, min_length=32, description="another secret whose signatures are taken, while secrets change"
    )
    other_key_id: str = Field(default="0", pattern=r"^[a-z0-9]{1,8}$", description="its key_id")
    other_until: AwareDatetime | None = Field(
        default=None, description="what was appended from this instant on is not taken with the other secret"
    )

    @model_validator(mode="after")
    def _whole(self) -> "SigningSettings":
        if self.other_secret is not None and (self.secret is None or self.other_key_id == self.key_id):
            raise ValueError("other_secret needs a secret, and an other_key_id other than key_id")
        return self


class Settings(BaseSettings):
    """Everything a process needs to know about its surroundings; printable without secrets."""

    model_config = SettingsConfigDict(
        env_prefix="MEMBERPULSE_", env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    ingest: IngestSettings = IngestSettings()
    score: ScoreSettings = ScoreSettings()
    ticker: TickerSettings = TickerSettings()
    metrics: MetricsSettings = MetricsSettings()
    serve: ServeSettings = ServeSettings()
    access: AccessSettings = AccessSettings()
    pseudonyms: PseudonymSettings = PseudonymSettings()
    signing: SigningSettings = SigningSettings()
    live: LiveSettings = LiveSettings()
    posting: PostingSettings = PostingSettings()
    deliver: DeliverSettings = DeliverSettings()
    data_dir: Path = Field(
        default=Path(".memberpulse"), description="the worker's own small files and the development stack's data"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the directory of secrets, then the TOML file."""
        file = Path(os.environ.get("MEMBERPULSE_CONFIG", "memberpulse.toml"))
        secrets = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=os.environ.get("MEMBERPULSE_SECRETS_DIR"),
            secrets_dir_missing="error",
            secrets_prefix="",
        )
        return init_settings, env_settings, secrets, TomlConfigSettingsSource(settings_cls, file)

    def topic(self, name: str) -> str:
        """The physical name of a topic of :mod:`streams.topics`."""
        return self.kafka.topic_prefix + name

    def group(self, role: str) -> str:
        """The consumer group of a role (``score``, ``ingest``, ``project``); also the Faust app's id."""
        return f"{self.kafka.topic_prefix}memberpulse-{role}"

    @property
    def changelog_topic(self) -> str:
        """The changelog of the members table, as Faust names it."""
        return f"{self.group('score')}-members-changelog"
