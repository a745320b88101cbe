"""What does this exception mean for the person at the terminal?"""

import re

import redis.exceptions
from aiokafka import errors as aiokafka_errors
from kafka import errors as kafka_errors

from streams.devstack.errors import DevStackError
from streams.exits import CommandError, ExitCode
from streams.file_problems import FileError
from streams.metrics_server import MetricsPortError

_DENIED = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    aiokafka_errors.AuthenticationFailedError,
    aiokafka_errors.SaslAuthenticationFailed,
    aiokafka_errors.TopicAuthorizationFailedError,
    aiokafka_errors.GroupAuthorizationFailedError,
    aiokafka_errors.ClusterAuthorizationFailedError,
)
_DENIED_IN_WORDS = "AuthorizationFailedError"
#: Both libraries say so, and the addresses after it: 'host:port' and ('host', port, <family>).
_NO_BROKER = "Unable to bootstrap from"
_ADDRESS = re.compile(r"'([^',]+)(?::|', )(\d+)['),]")
_NO_TOPIC = (kafka_errors.UnknownTopicOrPartitionError, aiokafka_errors.UnknownTopicOrPartitionError)
#: The first of these are kinds of ConnectionError, too.
_NOT_ADMITTED = (
    redis.exceptions.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.NoPermissionError,
)
_UNREACHABLE = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


def explained(error: Exception) -> CommandError | None:
    """The error in words and with its exit code; None for an exception that nobody foresaw."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, DevStackError):
        return CommandError(str(error), ExitCode.UNAVAILABLE)
    if isinstance(error, FileError):
        wrong = "name a file that exists" if isinstance(error.__cause__, FileNotFoundError) else "correct the file"
        return CommandError(str(error), ExitCode.CONFIG, remedy=f"{wrong}; nothing was changed")
    if isinstance(error, MetricsPortError):
        return CommandError(str(error), ExitCode.CONFIG)
    return _of_redis(error) or _of_kafka(error)


def _of_redis(error: Exception) -> CommandError | None:
    if isinstance(error, _NOT_ADMITTED):
        return CommandError(
            f"Redis refused: {error}",
            ExitCode.NO_PERMISSION,
            where="settings redis.url, redis.username and redis.password",
            remedy="correct user and password, or let Redis' ACL grant this user what docs/access.md lists",
        )
    if isinstance(error, _UNREACHABLE):
        return CommandError(
            f"Redis does not answer: {error}",
            ExitCode.UNAVAILABLE,
            where="setting redis.url (MEMBERPULSE_REDIS__URL)",
            remedy="start Redis, or correct the address; 'memberpulse up' starts one on this machine",
        )
    return None


def _of_kafka(error: Exception) -> CommandError | None:
    # kafka-python tells a producer that may write nothing at all in the text of a general error.
    if isinstance(error, _DENIED) or (isinstance(error, kafka_errors.KafkaError) and _DENIED_IN_WORDS in str(error)):
        return CommandError(
            f"Kafka refused: {error}",
            ExitCode.NO_PERMISSION,
            where="settings kafka.security_protocol and kafka.sasl_*",
            remedy="grant this user the right on the topic or group, or run as another user",
        )
    if isinstance(error, _NO_TOPIC):
        return CommandError(
            f"a topic is missing: {error}",
            ExitCode.CONFIG,
            where="setting kafka.topic_prefix is put before every name",
            remedy="run 'memberpulse topics plan' to see which, and 'memberpulse topics apply' to create them",
        )
    if isinstance(error, kafka_errors.KafkaError | aiokafka_errors.KafkaError):
        nobody_at = _ADDRESS.findall(str(error)) if _NO_BROKER in str(error) else []
        return CommandError(
            "Kafka does not answer at " + ", ".join(f"{host}:{port}" for host, port in nobody_at)
            if nobody_at
            else f"Kafka did not do what was asked: {error}",
            ExitCode.UNAVAILABLE,
            where="setting kafka.bootstrap (MEMBERPULSE_KAFKA__BOOTSTRAP); where the broker demands TLS or a password "
            "also kafka.security_protocol, sasl_* and ssl_*",
            remedy="start the broker, or correct the address; 'memberpulse up' starts one on this machine",
        )
    return None
