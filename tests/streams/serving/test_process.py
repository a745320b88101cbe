"""The process: what it prints, counts, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from streams.exits import ExitCode


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MEMBERPULSE_REDIS__URL": "redis://127.0.0.1:1/0",
        "MEMBERPULSE_KAFKA__BOOTSTRAP": "127.0.0.1:1",
        "MEMBERPULSE_METRICS__SERVE_PORT": "0",
        "MEMBERPULSE_DATA_DIR": str(folder),
    }


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address and that of its metrics."""
    command = [sys.executable, "-m", "streams", "serve", "--port", "0"]
    process = subprocess.Popen(
        command, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"(http://[^/]+)/v1/docs, metrics at (\S+)", process.stdout.readline())
        assert found is not None
        yield process, found[1], found[2]
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def until_it_answers(address: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the process does not answer")


def test_without_redis_and_kafka_it_starts_answers_counts_and_ends_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, address, metrics):
        until_it_answers(address)
        answer = httpx.get(f"{address}/v1/members/canary-4711")
        assert answer.json()["freshness"]["source"] == "default"
        httpx.get(f"{address}/whatever/strangers/ask")
        counted = httpx.get(metrics).text
        assert (
            'memberpulse_http_requests_total{method="GET",route="/v1/members/{member_id}",status="2xx"} 1.0' in counted
        )
        assert 'memberpulse_http_requests_total{method="GET",route="none",status="4xx"} 1.0' in counted
        assert 'memberpulse_lookups_total{source="default"} 1.0' in counted
        assert "canary-4711" not in counted
        assert "strangers" not in counted
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == ExitCode.OK


def test_a_request_that_is_being_sent_at_the_end_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, address, _metrics):
        until_it_answers(address)
        host, port = address.removeprefix("http://").split(":")
        body = b'{"member_ids":["00042"]}'
        with socket.create_connection((host, int(port))) as till:
            head = b"POST /v1/lookups HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            till.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body[:5])
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            till.sendall(body[5:])
            till.settimeout(5)
            assert till.recv(100).startswith(b"HTTP/1.1 200")
        assert process.wait(10) == ExitCode.OK


def test_a_taken_port_is_told_with_its_setting_and_78(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "streams", "serve", "--port", port]
        ended = subprocess.run(
            command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60
        )
    assert ended.returncode == ExitCode.CONFIG
    assert "serve.port" in ended.stderr
    assert port in ended.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - refused
def test_without_any_key_only_this_machine_is_listened_on(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "streams", "serve", "--host", host]
    ended = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == ExitCode.CONFIG
    assert "memberpulse keys create" in ended.stderr
