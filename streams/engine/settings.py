"""What the engine needs to know, and what Faust is told of it."""

from dataclasses import dataclass, field
from typing import Any, Final

from streams.engine.recovery import BatchTableManager
from streams.engine.table import RowTable

#: How long the group waits for its members to rejoin; below the progress watch's limit, since a rebalance is work.
_REBALANCE_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What the engine needs to know. Times are seconds."""

    app_id: str
    bootstrap: str
    session_timeout: float
    commit_interval: float
    batch_records: int = 1000
    dirty_rows_limit: int = 5000
    sweep_slice: int = 50
    watchdog: float = 60.0
    #: Passed to every aiokafka client and as Faust's credentials.
    security: dict[str, Any] = field(default_factory=dict, repr=False)
    credentials: Any = field(default=None, repr=False)


def told_to_faust(settings: EngineSettings) -> dict[str, Any]:
    """The arguments of ``faust.App`` beside its id."""
    return {
        "broker": [f"kafka://{host}" for host in settings.bootstrap.split(",")],
        "broker_credentials": settings.credentials,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(3.0, settings.session_timeout / 4),
        "broker_request_timeout": max(90.0, settings.session_timeout + 1),
        "broker_commit_interval": settings.commit_interval,
        "broker_rebalance_timeout": _REBALANCE_SECONDS,
        # A worker without partitions polls nothing; aiokafka would leave the group for good after Faust's default of
        # 1,000 s. What this limit is for, the progress watch does.
        "broker_max_poll_interval": 1_000_000_000.0,
        # Never commit from inside the fetch loop.
        "broker_commit_every": 1_000_000_000,
        "broker_max_poll_records": None,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": 1_048_576,
        "store": "memory://",
        "table_standby_replicas": 0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        # A batch in a queue may be thrown away: its records are fetched again. Nothing is ever half absorbed.
        "stream_wait_empty": False,
        "worker_redirect_stdouts": False,
        "Table": RowTable,
        "TableManager": BatchTableManager,
    }
