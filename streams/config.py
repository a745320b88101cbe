"""Settings: environment variables ``MEMBERPULSE_...`` over one TOML file, resolved once into a frozen object.

Nested names join with two underscores: ``MEMBERPULSE_KAFKA__BOOTSTRAP=broker:9092``. The file is ``memberpulse.toml``
in the
working directory, or the one named by ``MEMBERPULSE_CONFIG``.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

Seconds = Annotated[float, Field(gt=0)]


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
    security_protocol: str = Field(default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None


class RedisSettings(_Section):
    """Where the projection is kept."""

    url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="redis:// or rediss:// address")
    key_prefix: str = Field(default="memberpulse:", description="put before every key")


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
        default=5000, ge=1, description="a partition with this many changed members is remembered early"
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


class Settings(BaseSettings):
    """Everything a process needs to know about its surroundings; printable without secrets."""

    model_config = SettingsConfigDict(env_prefix="MEMBERPULSE_", env_nested_delimiter="__", frozen=True, extra="ignore")

    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    ingest: IngestSettings = IngestSettings()
    score: ScoreSettings = ScoreSettings()
    ticker: TickerSettings = TickerSettings()
    metrics: MetricsSettings = MetricsSettings()
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
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file."""
        file = Path(os.environ.get("MEMBERPULSE_CONFIG", "memberpulse.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

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
