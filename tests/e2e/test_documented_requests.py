"""The requests that docs/ shows are sent as they stand to a running system, and answered as they are said to be."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streams.devstack import DevStack
from tests.chaos.cluster import Worker
from tests.e2e.test_live_and_writing import system

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl, which is not here"),
]

_DOCS = Path(__file__).parents[2] / "docs"
#: Language, then content.
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN_AT = "http://127.0.0.1:8080"
#: A stream has no end: it is left after a second, which is no failure. Which statuses came goes to stderr.
_CURL = """
curl() { command curl -sS --max-time 2 -w '%{stderr}%{http_code}\\n' "$@" || test $? -eq 28; }
set -eu -o pipefail
"""
#: What each example is answered by, in the order of the page. Of http.md the last is a wrong request.
_ANSWERED = {
    "writing.md": [207, 202, 202, 202],
    "live-events.md": [200, 200, 200],
    "http.md": [200, 200, 200, 304, 200, 400],
}
_ORDER = (
    '{"type": "order.paid", "event_id": "first", "member_id": "00042", "occurred_at": "2026-07-22T13:00:00+09:00",'
    '"order_id": "o-0", "net_amount": 4125, "currency": "USD"}'
)


@pytest.fixture(scope="module")
def address(stack: DevStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API over a member 00042 whose score is in Redis."""
    home = tmp_path_factory.mktemp("documented")
    environment = {
        "MEMBERPULSE_REDIS__URL": stack.redis.url,
        "MEMBERPULSE_REDIS__KEY_PREFIX": f"{home.name}:",
        "MEMBERPULSE_METRICS__PROJECT_PORT": "0",
    }
    with (
        system(stack.broker.bootstrap, home, **environment) as (deployment, _, url, _),
        Worker(deployment, "projector", [sys.executable, "-m", "streams", "project"]),
        httpx.Client(base_url=url, headers={"Content-Type": "application/json"}) as http,
    ):
        ends = time.monotonic() + 60
        while http.post("/v1/events", content=_ORDER).status_code != 207 or not _is_known(http):
            assert time.monotonic() < ends
            time.sleep(0.2)
        yield url


def _is_known(http: httpx.Client) -> bool:
    answer = http.get("/v1/members/00042")
    return answer.status_code == 200 and answer.json()["freshness"]["source"] == "redis"


# The member is erased on the page about writing, which therefore comes last.
@pytest.mark.parametrize("page", ["live-events.md", "http.md", "writing.md"])
def test_every_request_on_the_page_is_answered_as_it_says(page: str, address: str) -> None:
    blocks = _BLOCK.findall((_DOCS / page).read_text())
    requests = [told for language, told in blocks if language in ("", "sh") and re.search(r"\bcurl ", told)]
    script = _CURL + "\n".join(requests).replace(_SHOWN_AT, address)
    done = subprocess.run(
        [shutil.which("bash") or "/bin/bash", "-c", script],
        env={"PATH": "/usr/bin:/bin", "MEMBERPULSE_URL": address, "MEMBERPULSE_KEY": "none-is-needed"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    statuses = [int(line) for line in done.stderr.splitlines() if line.isdigit() and len(line) == 3]
    assert (done.returncode, statuses) == (0, _ANSWERED[page]), f"{done.stdout}\n{done.stderr}"
