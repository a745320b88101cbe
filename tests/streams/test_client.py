"""A till's program and a campaign's: what the Python client makes of the API's answers."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar.openapi.spec import Example

from streams.client import ApiProblem, Client, LiveEvent, StreamRestarted
from streams.serving.endings import OVERRUN, RESTART, last_event
from streams.serving.examples import MEMBER, PREVIEW
from streams.serving.shapes import Basket
from tests.streams.serving.writing_app import serving

ROOT = Path(__file__).parents[2]
#: What every installation has and the client uses; the rest of its libraries are the extra's.
ALWAYS_THERE = ("msgspec", "mypy-extensions", "tenacity")
#: A program that finds no module but those it is told, and imports the client.
TILL = """
import sys
from importlib.abc import MetaPathFinder

class OnlyThese(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        # The compiled build keeps all that it compiled in one library of a name of its own.
        compiled = name.endswith("__mypyc")
        if not compiled and name.partition(".")[0] not in {*sys.stdlib_module_names, *sys.argv[1:]}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, OnlyThese())
import streams.client
streams.client.Client("http://till")
print(*sorted(sys.modules))
"""

Answer = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answer, pauses: list[float] | None = None) -> Client:
    http = httpx.Client(base_url="http://till", transport=httpx.MockTransport(answer))
    taken = [] if pauses is None else pauses
    return Client("http://till", http=http, sleep=taken.append)


def example(of: Example) -> dict[str, Any]:
    assert isinstance(of.value, msgspec.Raw)
    return dict(json.loads(bytes(of.value)))


def problem(status: int, kind: str = "", **more: Any) -> httpx.Response:
    body = {"type": f"urn:memberpulse:problem:{kind}" if kind else "about:blank", "title": "No", "status": status}
    return httpx.Response(status, json=body | more, headers={"Retry-After": "5"})


def named_in(requirements: list[str]) -> set[str]:
    """The distributions that are wanted here, in any case."""
    wanted = {re.split(r"[^A-Za-z0-9_-]", each)[0].lower() for each in requirements if "extra ==" not in each}
    return wanted & {each.name.lower() for each in distributions()}


def libraries_of_a_till() -> set[str]:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["client"]
    found, new = set(ALWAYS_THERE), named_in(extra)
    while new:
        found |= new
        new = {name for each in new for name in named_in(requires(each) or [])} - found
    return {name.replace("-", "_") for name in found}


def test_a_till_needs_nothing_of_the_server_nor_of_kafka() -> None:
    allowed = libraries_of_a_till()
    assert allowed >= {"msgspec", "httpx"}
    assert not allowed & {"litestar", "kafka", "aiokafka", "faust", "redis", "pydantic"}
    command = [sys.executable, "-c", TILL, "streams", "scoring", *allowed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = {name for name in done.stdout.split() if name.startswith("streams.")}
    assert ours == {"streams.client", "streams.serving", "streams.serving.endings", "streams.serving.shapes"}


def test_a_member_is_told_with_tier_and_freshness() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, content=json.dumps(example(MEMBER)))

    member = client_of(answer).member("0/4 2")
    assert member is not None
    assert member.tier is not None
    assert (member.tier.name, member.freshness.source) == (example(MEMBER)["tier"]["name"], "redis")
    assert asked == ["/v1/members/0%2F4%202"]


def test_an_unknown_member_is_none_and_not_an_error() -> None:
    assert client_of(lambda _: problem(404, "unknown-member")).member("x") is None


def test_a_wrong_address_is_an_error_and_not_an_unknown_member() -> None:
    with pytest.raises(ApiProblem, match="HTTP 404"):
        client_of(lambda _: problem(404)).member("x")


def test_an_answer_of_another_server_says_so() -> None:
    with pytest.raises(ApiProblem, match="another server") as raised:
        client_of(lambda _: httpx.Response(502, text="<html>bad gateway</html>")).member("x")
    assert (raised.value.status, raised.value.retry_after) == (502, None)


def test_several_members_come_in_the_order_asked_for_unknown_ones_as_none() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["member_ids"]
        known = {"member_id": "a", "status": 200, "member": example(MEMBER)}
        unknown = {"member_id": "b", "status": 404, "member": None}
        return httpx.Response(200, json={"members": [known if each == "a" else unknown for each in asked]})

    first, second = client_of(answer).members(["b", "a"])
    assert first is None
    assert second is not None


def test_a_basket_is_previewed() -> None:
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, content=json.dumps(example(PREVIEW)))

    told = client_of(answer).preview("a", Basket(net_amount=4_125, currency="EUR"))
    assert (sent[0]["net_amount"], sent[0]["currency"]) == (4_125, "EUR")
    assert told.after.tier is not None


def test_events_that_cannot_be_kept_say_when_to_try_again() -> None:
    with pytest.raises(ApiProblem) as raised:
        client_of(lambda _: problem(503, "log-unavailable", accepted=1)).send([{"type": "visit"}])
    assert (raised.value.retry_after, raised.value.problem["accepted"]) == (5.0, 1)


def test_what_the_client_writes_is_what_the_api_takes() -> None:
    with serving() as (http, log):
        client = Client("http://testserver", http=http)
        order = {"type": "order.paid", "event_id": "e", "member_id": "m", "order_id": "o", "net_amount": 1}
        posted = client.send([order | {"occurred_at": "2026-03-01T13:00:00+01:00", "currency": "EUR"}])
        granted = client.grant_tier("m", "Gold", "2027-01-01T00:00:00Z", reason="Beschwerde über €", actor="Zoë")
        withdrawn = client.withdraw_tier("m", reason="Irrtum — Zoë")
        erased = client.erase("m", reason="asked for it")
    assert (posted.accepted, posted.refused) == (1, 0)
    assert [each.type for each in (granted, withdrawn, erased)] == [
        "tier.overridden",
        "tier.override_withdrawn",
        "member.erased",
    ]
    written = [json.loads(value) for _, _, value in log.records]
    assert {each.get("reason") for each in written} >= {"Beschwerde über €", "Irrtum — Zoë", "asked for it"}
    assert "Zoë" in {each.get("actor") for each in written}


def told(event_id: str, kind: str = "tier.upgraded") -> bytes:
    return f'id: {event_id}\nevent: {kind}\ndata: {{"id":"of-{event_id}"}}\n\n'.encode()


class Shop:
    """Streams that are opened one after the other; each answers with what it has, and then ends or breaks."""

    def __init__(self, *streams: list[bytes | Exception] | httpx.Response) -> None:
        self.streams = list(streams)
        self.asked: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.client = client_of(self._answer, self.pauses)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        stream = self.streams.pop(0)
        if isinstance(stream, httpx.Response):
            return stream
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=_sent(stream))

    def positions(self) -> list[str | None]:
        return [request.headers.get("Last-Event-ID") for request in self.asked]


def _sent(parts: list[bytes | Exception]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


def first(count: int, events: Iterator[LiveEvent]) -> list[LiveEvent]:
    return [next(events) for _ in range(count)]


def test_a_stream_that_breaks_goes_on_behind_the_last_event() -> None:
    shop = Shop([told("1"), told("2"), httpx.ReadError("cut")], [told("3")])
    events = first(3, shop.client.events())
    assert [(each.event_id, each.outcome["id"]) for each in events] == [("1", "of-1"), ("2", "of-2"), ("3", "of-3")]
    assert shop.positions() == [None, "2"]


def test_a_slow_client_is_ended_and_goes_on_by_itself() -> None:
    shop = Shop([told("1"), last_event(OVERRUN)], [told("2")])
    assert [each.event_id for each in first(2, shop.client.events())] == ["1", "2"]
    assert shop.positions() == [None, "1"]


def test_a_heartbeat_moves_the_position_and_is_no_event() -> None:
    shop = Shop([b"retry: 2000\nid: 7\n: heartbeat\n\n"], [told("8")])
    assert [each.event_id for each in first(1, shop.client.events())] == ["8"]
    assert (shop.positions(), shop.pauses) == ([None, "7"], [2.0])


def test_a_server_that_is_not_ready_is_asked_again_and_a_wrong_request_is_not() -> None:
    shop = Shop(problem(503, "live-not-ready"), problem(429), [told("1")])
    assert [each.event_id for each in first(1, shop.client.events())] == ["1"]
    gone = Shop(problem(410, "position-gone"))
    with pytest.raises(ApiProblem, match="410"):
        next(gone.client.events(last_event_id="old"))


def test_topics_made_anew_are_told_and_not_passed_over() -> None:
    shop = Shop([told("1"), last_event(RESTART)])
    events = shop.client.events()
    next(events)
    with pytest.raises(StreamRestarted, match="look the members up"):
        next(events)


def test_filters_are_sent_as_the_api_reads_them() -> None:
    shop = Shop([told("1")])
    next(shop.client.events("0/4", types=["tier", "lifecycle.dormant"], shops=["s 1"]))
    url = shop.asked[0].url
    assert url.raw_path.decode().partition("?")[0] == "/v1/members/0%2F4/events"
    assert url.params.multi_items() == [("type", "tier"), ("type", "lifecycle.dormant"), ("shop", "s 1")]
