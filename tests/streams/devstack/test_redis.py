"""The Redis server is a real one that can be paused, killed and started again at the same address."""

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from streams.devstack import DevStackError, RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def test_it_answers_and_forgets_when_killed(server: RedisServer) -> None:
    first, url = server.pid, server.url
    with Redis.from_url(url) as client:
        client.set("member", "gold")
    server.kill()
    assert not psutil.pid_exists(first)
    server.start()
    assert server.url == url
    with Redis.from_url(url) as client:
        assert client.get("member") is None


def test_paused_it_keeps_silent_and_resumed_it_answers(server: RedisServer) -> None:
    with Redis.from_url(server.url, socket_timeout=5) as client:
        client.set("member", "gold")
    with Redis.from_url(server.url, socket_timeout=0.5, retry=None) as client:
        server.pause()
        with pytest.raises(RedisTimeoutError):
            client.get("member")
        server.resume()
    with Redis.from_url(server.url, socket_timeout=5) as client:
        assert client.get("member") == b"gold"


def test_paused_it_can_still_be_stopped(server: RedisServer) -> None:
    pid = server.pid
    server.pause()
    server.stop()
    server.stop()
    assert not psutil.pid_exists(pid)


def test_started_again_while_it_runs_it_stays_the_same_and_paused_it_is_an_error(server: RedisServer) -> None:
    pid = server.pid
    server.start()
    assert server.pid == pid
    server.pause()
    with pytest.raises(DevStackError, match=r"runs but does not answer: resume\(\) or kill\(\) it"):
        server.start()


def test_killed_by_somebody_else_it_can_be_started_at_once(server: RedisServer) -> None:
    for _ in range(5):
        process = psutil.Process(server.pid)
        process.kill()
        psutil.wait_procs([process], timeout=5)
        server.start()
        assert server.pid != process.pid


def test_what_was_never_started_has_no_process(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.stop()
    server.kill()
    for question in (server.pause, server.resume, lambda: server.pid):
        with pytest.raises(DevStackError, match=r"call start\(\) first"):
            question()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DevStackError, match=rf"Redis cannot listen on 127\.0\.0\.1:{port}: the port is taken"):
            RedisServer(tmp_path / "redis", port=port).start()
