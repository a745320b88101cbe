"""A real Kafka broker on loopback: one node that is broker and controller at once (KRaft)."""

import base64
import contextlib
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.devstack.errors import DevStackError, log_tail
from streams.devstack.guarded import GuardedServer
from streams.devstack.java import java, kafka_jars
from streams.devstack.ports import LOOPBACK, free_port, require_free

_START_TIMEOUT_S = 60.0  # 3 s on two idle cores; a loaded machine may need many times that
_STOP_GRACE_S = 10.0  # an orderly end takes 1 to 2 s
_FORMAT_TIMEOUT_S = 60.0
_NOTICE_S = 2.0  # between the end of Java and its guard's, 0.02 s on an idle machine
_POLL_S = 0.05
_ANSWER_TIMEOUT_MS = 5_000
_LONGEST_MS = str(2**63 - 1)

# What a development broker needs to be told; everything else is Kafka's default, as in production.
_DEVELOPMENT_CONFIG: Mapping[str, str] = MappingProxyType(
    {
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a topic
        # One node holds the only copy.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Groups form and notice a dead member at once: no wait for more members, sessions from 1 s.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After kill -9 the controller refuses the same node until its last session is over: 9 s by default.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "400",
        # Orders of 1997 are as good as today's: kept for ever, accepted whatever their time.
        "log.retention.ms": "-1",
        "offsets.retention.minutes": str(365 * 24 * 60),
        "log.message.timestamp.before.max.ms": _LONGEST_MS,
        "log.message.timestamp.after.max.ms": _LONGEST_MS,
        # Compaction reserves 128 MB of the heap by default; 32 MB are enough for a million keys a pass.
        "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
    }
)

_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} - %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
# Start-up prints every setting and every topic's settings: thousands of lines that hide the one that matters.
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.server.name = kafka.server.KafkaConfig
logger.server.level = warn
"""

# What Kafka's own words mean for the person who started it.
_HINTS = {
    "Address already in use": "another program took the port meanwhile: start again, or choose another port",
    "Failed to acquire lock": "another broker uses this home: stop it, or choose another home",
    "OutOfMemoryError": "the heap is too small: pass a larger `heap`",
    "Could not reserve enough space": "this machine has less memory than the heap: pass a smaller `heap`",
    "Invalid maximum heap size": "`heap` is written as 512m or 2g",
}


class Broker:
    """A Kafka broker process; its records are kept in `home` through kill, stop and start.

    `bootstrap` is its address, the same for the life of this object. Not thread-safe.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        config: Mapping[str, str] = MappingProxyType({}),
        heap: str = "512m",
        protocol: str = "PLAINTEXT",
        admitted: Mapping[str, Any] = MappingProxyType({}),
        remove_if_orphaned: bool = False,
    ) -> None:
        """Choose the address; nothing is started yet.

        `config` adds to and overrides the settings of a development broker, in Kafka's own names. `heap` is the
        largest Java heap, as in `-Xmx`. `protocol` is what the broker demands of clients (`SASL_SSL`; what that needs
        belongs into `config`), and `admitted` how the client that asks whether it runs is let in, in kafka-python's
        names. With `remove_if_orphaned`, `home` is removed if this program is killed.
        """
        self._home = home.resolve()
        self._data = self._home / "data"
        self._port = free_port() if port is None else port
        self._controller_port = free_port(other_than=self._port)
        self._config = dict(config)
        self._heap = heap
        self._protocol = protocol
        self._admitted = dict(admitted)
        self._remove_if_orphaned = remove_if_orphaned
        self._server: GuardedServer | None = None
        self.bootstrap = f"{LOOPBACK}:{self._port}"
        self.log = self._home / "kafka.log"

    @property
    def pid(self) -> int:
        """The process id of Java.

        Raises:
            DevStackError: the broker was not started, or was stopped.
        """
        if self._server is None:
            raise DevStackError(f"the broker at {self.bootstrap} has no process: call start() first")
        return self._server.pid

    def start(self) -> None:
        """Start the broker and wait until it answers; does nothing if it runs.

        Raises:
            DevStackError: Java or Kafka is missing, the port is taken, the running broker is frozen, or the new one
                ended or stayed silent for 60 s (then with the end of its log).
        """
        if self._server is not None and self._server.exit_status() is None:
            if self._answers():
                return
            if not self._server.has_ended(within_s=_NOTICE_S):
                raise DevStackError(f"the broker at {self.bootstrap} runs but does not answer: kill() it first")
        self.kill()  # lets go of what is left of a process that ended by itself
        launcher, jars = java(), kafka_jars()
        require_free(self._port, "Kafka")
        require_free(self._controller_port, "Kafka's controller")
        properties = self._write_configuration()
        if not (self._data / "meta.properties").exists():
            self._format(launcher, jars, properties)
        self._server = GuardedServer(
            self._java(launcher, jars, f"-Xmx{self._heap}", "kafka.Kafka", str(properties)),
            log=self.log,
            remove_if_orphaned=self._home if self._remove_if_orphaned else None,
        )
        try:
            self._wait_until_it_answers(self._server)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the broker as a power cut would (SIGKILL) and wait until it is gone; its records stay on disk."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def stop(self) -> None:
        """Let the broker end in its own way, at most 10 s, then kill it; does nothing if it does not run."""
        if self._server is not None:
            self._server.stop(_STOP_GRACE_S)
            self._server = None

    def _write_configuration(self) -> Path:
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "listeners": f"CLIENTS://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"CLIENTS://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": f"CLIENTS:{self._protocol},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "log.dirs": str(self._data),
            **_DEVELOPMENT_CONFIG,
            **self._config,
        }
        self._home.mkdir(parents=True, exist_ok=True)
        (self._home / "log4j2.properties").write_text(_LOGGING)
        properties = self._home / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return properties

    def _java(self, launcher: Path, jars: Path, *arguments: str) -> list[str]:
        return [
            str(launcher),
            # Measured on two cores with 250-byte records: the same 130,000 records/s with and without the optimizing
            # compiler (the client is the limit), but 2.5 s instead of 3.6 s of processor time to start.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self._home / 'log4j2.properties'}",
            "-cp",
            str(jars / "*"),
            *arguments,
        ]

    def _format(self, launcher: Path, jars: Path, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Kafka's option parser would read an id that begins with a dash as an option.
        cluster = cluster.replace("-", "A", 1) if cluster.startswith("-") else cluster
        format_storage = self._java(launcher, jars, "kafka.tools.StorageTool", "format")
        command = [*format_storage, "--cluster-id", cluster, "--config", str(properties)]
        try:
            with self.log.open("ab") as output:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=_FORMAT_TIMEOUT_S,
                    check=False,
                )
        except subprocess.TimeoutExpired as error:
            raise self._failure(f"formatting its storage took more than {_FORMAT_TIMEOUT_S:.0f} s") from error
        if done.returncode != 0:
            raise self._failure(f"formatting its storage ended with status {done.returncode}")

    def _wait_until_it_answers(self, server: GuardedServer) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if (status := server.exit_status()) is not None:
                raise self._failure(f"Java ended with status {status}")
            if self._answers():
                return
            time.sleep(_POLL_S)
        raise self._failure(f"no answer within {_START_TIMEOUT_S:.0f} s")

    def _answers(self) -> bool:
        """Ask for the cluster's metadata, which a broker serves only once it has joined its own controller."""
        try:
            socket.create_connection((LOOPBACK, self._port), timeout=1).close()
        except OSError:
            return False
        with contextlib.suppress(KafkaError):
            here = {"bootstrap_servers": self.bootstrap, "bootstrap_timeout_ms": _ANSWER_TIMEOUT_MS}
            client = KafkaAdminClient(**self._admitted | here)
            try:
                return bool(client.describe_cluster()["brokers"])
            finally:
                client.close()
        return False

    def _failure(self, what: str) -> DevStackError:
        tail = log_tail(self.log)
        hints = "".join(f" {hint[0].upper()}{hint[1:]}." for words, hint in _HINTS.items() if words in tail)
        return DevStackError(f"Kafka at {self.bootstrap} did not start: {what}.{hints} The end of {self.log}:\n{tail}")
