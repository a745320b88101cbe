"""From the log to endpoints, on a real broker: nothing is lost, whoever dies, and members keep their order."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from streams.__main__ import main
from streams.config import KafkaSettings, Settings
from streams.devstack import DevStack
from streams.exits import CommandError, ExitCode
from streams.kafka_clients import client_settings
from streams.log_reading import admin_client
from streams.metrics.webhooks import DeliverMetrics
from streams.murmur import partition_of
from streams.topic_admin import carry_out, plan, wanted_topics
from streams.topics import LIFECYCLE_ALERTS, SEGMENT_CHANGES, TIER_CHANGES
from streams.webhooks import operator
from streams.webhooks.endpoint_file import Endpoint, load
from streams.webhooks.file_watch import WatchedFile
from streams.webhooks.process import run
from tests.streams.webhooks.receivers import OLD_SECRET, HandClock, Receiver, a_record, an_endpoint, serving

pytestmark = pytest.mark.kafka

PARTITIONS = 2
PATIENCE_S = 30.0
TOPICS = {"tier": TIER_CHANGES, "lifecycle": LIFECYCLE_ALERTS, "segment": SEGMENT_CHANGES}

_numbers = count()


@pytest.fixture
def settings(stack: DevStack) -> Settings:
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap=stack.broker.bootstrap,
            topic_prefix=f"webhooks-{next(_numbers)}-",
            partitions=PARTITIONS,
            session_timeout_seconds=2,
        )
    )
    with admin_client(settings) as admin:
        carry_out(admin, plan(wanted_topics(settings), {}), replication=1)
    return settings


async def publish(settings: Settings, outcomes: Iterable[tuple[str, int, str]]) -> None:
    """Outcomes as (member, sequence, kind), each in the log before the next one, as a scorer decides."""
    async with AIOKafkaProducer(**client_settings(settings), acks="all") as producer:
        for member, sequence, kind in outcomes:
            value, headers = a_record(sequence, member=member, kind=kind, position=next(_numbers))
            topic = settings.topic(TOPICS[kind.partition(".")[0]])
            place = partition_of(member.encode(), PARTITIONS)
            await producer.send_and_wait(topic, value, member.encode(), place, headers=list(headers))


def story(members: int, each: int, seed: int, first: int = 1) -> list[tuple[str, int, str]]:
    """Every member's outcomes by their sequence, in kinds of all topics, the members mixed."""
    chance = random.Random(seed)
    kinds = ("tier.upgraded", "lifecycle.recovered", "segment.entered")
    waiting = [f"m{number}" for number in range(members) for _ in range(each)]
    chance.shuffle(waiting)
    at: dict[str, int] = defaultdict(lambda: first - 1)
    told = []
    for member in waiting:
        at[member] += 1
        told.append((member, at[member], chance.choice(kinds)))
    return told


def assert_all_in_order(receiver: Receiver, outcomes: list[tuple[str, int, str]]) -> None:
    """Every outcome came, and of each member the first sightings came in order."""
    by_member: dict[str, list[int]] = defaultdict(list)
    for name in dict.fromkeys(receiver.ids):
        member, _, sequence = name.partition("-")
        by_member[member].append(int(sequence))
    expected: dict[str, list[int]] = defaultdict(list)
    for name, number, _ in outcomes:
        expected[name].append(number)
    assert by_member == expected


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def delivering(
    settings: Settings,
    endpoints: Mapping[str, Endpoint],
    *,
    watched: WatchedFile | None = None,
    clock: HandClock | None = None,
) -> AsyncIterator[CollectorRegistry]:
    """A deliverer in this process, with its metrics; entered when every endpoint has its place in the log."""
    stop, registry = asyncio.Event(), CollectorRegistry()
    metrics = DeliverMetrics(registry)
    task = asyncio.create_task(run(settings, endpoints, stop=stop, watched=watched, metrics=metrics, clock=clock))
    try:
        await until(lambda: task.done() or all(has_place(registry, name) for name in endpoints))
        yield registry
    finally:
        stop.set()
        await task


def has_place(registry: CollectorRegistry, name: str) -> bool:
    read = registry.get_sample_value("memberpulse_webhook_assigned_partitions", {"endpoint": name})
    return read == 3 * PARTITIONS or in_state(registry, name, "lost")


def in_state(registry: CollectorRegistry, name: str, state: str) -> bool:
    return registry.get_sample_value("memberpulse_webhook_state", {"endpoint": name, "state": state}) == 1


def enable(settings: Settings, name: str) -> None:
    operator.enable(settings, name, actor="ann", reason="they are back", now=time.time_ns() // 1_000_000)


def replay(settings: Settings, name: str, endpoint: Endpoint, since: float) -> int:
    return operator.replay(settings, name, endpoint, since_ms=int(since * 1000), actor="ann", now=0)


async def test_a_new_endpoint_begins_now_a_restart_goes_on_and_a_replay_goes_back(
    settings: Settings, tmp_path: Path
) -> None:
    began = time.time()
    first, second, third = story(3, 3, 1), story(3, 3, 2, first=4), story(3, 3, 3, first=7)
    async with serving(Receiver()) as receiver:
        endpoints = {"crm": an_endpoint(receiver.url, tmp_path)}
        await publish(settings, first)
        async with delivering(settings, endpoints):
            await publish(settings, second)
            await until(lambda: len(receiver.ids) >= len(second))
            with pytest.raises(CommandError) as refused:
                await asyncio.to_thread(replay, settings, "crm", endpoints["crm"], began)
            assert refused.value.code is ExitCode.TEMPORARY
        assert_all_in_order(receiver, second)
        await publish(settings, third)
        [told] = await asyncio.to_thread(operator.status, settings, endpoints, time.time_ns() // 1_000_000)
        assert (told.state, told.behind, told.is_live) == ("delivering", len(third), False)
        async with delivering(settings, endpoints):
            await until(lambda: len(receiver.ids) >= len(second) + len(third))
        assert_all_in_order(receiver, second + third)
        assert len(receiver.ids) == len(set(receiver.ids))
        receiver.accepted.clear()
        assert await asyncio.to_thread(replay, settings, "crm", endpoints["crm"], began) == 27
        async with delivering(settings, endpoints):
            await until(lambda: len(receiver.ids) >= 27)
        assert_all_in_order(receiver, first + second + third)


async def test_a_failing_endpoint_holds_up_no_other_keeps_its_partitions_and_ends_quickly(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    caplog.set_level("INFO")
    told = story(4, 3, 4)
    async with serving(Receiver(answer=answer)) as broken, serving(Receiver()) as well:
        patient = {"first_wait_seconds": 3600, "longest_wait_seconds": 3600}
        endpoints = {
            "broken": an_endpoint(broken.url, tmp_path, retry=patient),
            "well": an_endpoint(well.url, tmp_path),
        }
        async with delivering(settings, endpoints) as registry:
            await publish(settings, told)
            await until(lambda: len(well.ids) >= len(told))
            await until(lambda: in_state(registry, "broken", "failing"))
            await asyncio.sleep(2 * settings.kafka.session_timeout_seconds)
            assert caplog.text.count("Webhook endpoint broken: 6 partitions are this process's") == 1
            labels = {"endpoint": "broken"}
            assert registry.get_sample_value("memberpulse_webhook_lag_records", labels) == len(told)
            name = "memberpulse_webhook_oldest_undelivered_timestamp_seconds"
            assert 0 < time.time() - (registry.get_sample_value(name, labels) or 0) < PATIENCE_S
            ending = time.monotonic()
        assert time.monotonic() - ending < 5
        assert_all_in_order(well, told)
        assert broken.accepted == []
        broken.answer = None
        async with delivering(settings, endpoints):
            await until(lambda: len(set(broken.ids)) >= len(told))
        assert_all_in_order(broken, told)


async def test_an_endpoint_that_is_gone_stays_so_over_restarts_until_it_is_enabled(
    settings: Settings, tmp_path: Path
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=410)

    told = story(2, 3, 5)
    async with serving(Receiver(answer=answer)) as receiver:
        endpoints = {"crm": an_endpoint(receiver.url, tmp_path)}
        async with delivering(settings, endpoints) as registry:
            await publish(settings, told)
            await until(lambda: in_state(registry, "crm", "gone"))
        asked = len(receiver.requests)
        receiver.answer = None
        async with delivering(settings, endpoints) as registry:
            await until(lambda: in_state(registry, "crm", "gone"))
            [status] = await asyncio.to_thread(operator.status, settings, endpoints, time.time_ns() // 1_000_000)
            assert (status.state, status.is_live) == ("gone", True)
            assert len(receiver.requests) == asked
            await asyncio.to_thread(enable, settings, "crm")
            await until(lambda: len(receiver.ids) >= len(told))
    assert_all_in_order(receiver, told)


async def test_an_endpoint_whose_place_kafka_has_forgotten_waits_to_be_told_where_to_begin(
    settings: Settings, tmp_path: Path
) -> None:
    began, told = time.time(), story(2, 3, 6)
    async with serving(Receiver()) as receiver:
        endpoints = {"crm": an_endpoint(receiver.url, tmp_path)}
        async with delivering(settings, endpoints):
            pass
        with admin_client(settings) as admin:
            admin.delete_groups([settings.group("deliver-crm")])
        await publish(settings, told)
        async with delivering(settings, endpoints) as registry:
            await until(lambda: in_state(registry, "crm", "lost"))
        assert receiver.requests == []
        with pytest.raises(CommandError):
            enable(settings, "crm")
        await asyncio.to_thread(replay, settings, "crm", endpoints["crm"], began)
        async with delivering(settings, endpoints):
            await until(lambda: len(receiver.ids) >= len(told))
    assert_all_in_order(receiver, told)


class Deliverer:
    """`memberpulse deliver` as a process of its own, that tests kill; ``program`` may be one with a weakness."""

    def __init__(self, settings: Settings, receiver: Receiver, folder: Path, *program: str) -> None:
        file = folder / "endpoints.toml"
        file.write_text(table("crm", receiver.url, further="retry = { first_wait_seconds = 1 }\n"))
        self._settings = settings
        self._endpoints = {"crm": an_endpoint(receiver.url, folder)}
        self._program = program or ("streams", "deliver")
        self._environment = {
            **os.environ,
            "CRM_SECRET": OLD_SECRET,
            "MEMBERPULSE_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "MEMBERPULSE_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
            "MEMBERPULSE_KAFKA__SESSION_TIMEOUT_SECONDS": "2",
            "MEMBERPULSE_METRICS__DELIVER_PORT": "0",
            "MEMBERPULSE_DELIVER__ENDPOINTS_FILE": str(file),
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._program, env=self._environment, stderr=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def hang_up(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def end(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), 10)

    async def until(self, condition: Callable[[operator.EndpointStatus], bool]) -> None:
        """Until that is so of the endpoint as the log shows it."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition((await asyncio.to_thread(operator.status, self._settings, self._endpoints, 0))[0]):
                await asyncio.sleep(0.2)


async def test_kill_9_of_the_deliverer_at_random_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    seed = int(os.environ.get("MEMBERPULSE_TEST_SEED", "9"))
    chance = random.Random(seed)
    told = story(20, 30, seed)

    async def answer(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(chance.random() * 0.02)
        return web.Response(status=500 if chance.random() < 0.03 else 200)

    async with serving(Receiver(answer=answer)) as receiver:
        deliverer = Deliverer(settings, receiver, tmp_path)
        await deliverer.start()
        try:
            await deliverer.until(is_placed)
            publishing = asyncio.create_task(publish(settings, told))
            for _ in range(3):
                reached = len(set(receiver.ids)) + chance.randint(20, 120)
                await until(lambda: len(set(receiver.ids)) >= min(reached, len(told) - 1))  # noqa: B023 - awaited here
                await deliverer.kill()
                await deliverer.start()
            await publishing
            await deliverer.until(has_nothing_to_do)
            deliverer.hang_up()
            await until(lambda: len(set(receiver.ids)) >= len(told))
            assert await deliverer.end() == 0
        finally:
            await deliverer.kill()
    assert_all_in_order(receiver, told)


async def test_a_deliverer_that_commits_what_it_has_only_read_is_found_out_by_kill_9(
    settings: Settings, tmp_path: Path
) -> None:
    """The control of the test above."""
    told = story(4, 5, 7)

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async with serving(Receiver(answer=answer)) as receiver:
        deliverer = Deliverer(settings, receiver, tmp_path, "tests.streams.webhooks.weak_deliverer")
        await deliverer.start()
        try:
            await deliverer.until(is_placed)
            await publish(settings, told)
            await deliverer.until(has_nothing_to_do)
            await deliverer.kill()
            receiver.answer = None
            last = [("m9", 1, "tier.upgraded"), ("m10", 1, "tier.upgraded"), ("m11", 1, "tier.upgraded")]
            await deliverer.start()
            await publish(settings, last)
            await until(lambda: set(receiver.ids) >= {f"{member}-1" for member, _, _ in last})
        finally:
            await deliverer.kill()
    with pytest.raises(AssertionError):
        assert_all_in_order(receiver, told + last)


async def test_what_is_refused_for_a_day_is_kept_until_the_operator_sends_it_again_or_dismisses_it(
    settings: Settings,
    tmp_path: Path,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [("m1", sequence, "tier.upgraded") for sequence in range(1, 7)]
    refused = {"m1-2", "m1-4"}

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=422 if request.headers["webhook-id"] in refused else 200)

    async def deliver(*verb: str) -> int:
        return await asyncio.to_thread(main, ["deliver", *verb])

    async with serving(Receiver(clock=clock, answer=answer)) as receiver:
        file = tmp_path / "endpoints.toml"
        file.write_text(table("crm", receiver.url))
        endpoints = {"crm": an_endpoint(receiver.url, tmp_path)}
        began = clock.now()
        async with delivering(settings, endpoints, clock=clock) as registry:
            await publish(settings, told)
            await until(lambda: len(receiver.ids) == 4)
            labels = {"endpoint": "crm", "reason": "client_error"}
            assert registry.get_sample_value("memberpulse_webhook_set_aside_total", labels) == 2
        assert clock.now() - began >= 48 * 3600
        assert receiver.sequences == [1, 3, 5, 6]
        clock.at = time.time()
        [status] = await asyncio.to_thread(operator.status, settings, endpoints, 0)
        assert (status.undelivered, status.behind, status.state) == (2, 0, "delivering")

        monkeypatch.setenv("CRM_SECRET", OLD_SECRET)
        monkeypatch.setenv("MEMBERPULSE_KAFKA__BOOTSTRAP", settings.kafka.bootstrap)
        monkeypatch.setenv("MEMBERPULSE_KAFKA__TOPIC_PREFIX", settings.kafka.topic_prefix)
        monkeypatch.setenv("MEMBERPULSE_DELIVER__ENDPOINTS_FILE", str(file))
        assert await deliver("undelivered", "crm", "--json") == ExitCode.OK
        kept = json.loads(capsys.readouterr().out)
        assert [(each["id"], each["body"]["data"]["sequence"]) for each in kept] == [("m1-2", 2), ("m1-4", 4)]
        assert "422" in kept[0]["detail"]
        assert await deliver("resend", "crm", "m1-3") == ExitCode.NO_INPUT
        assert await deliver("resend", "crm") == ExitCode.UNAVAILABLE
        assert "1 of the same members wait behind" in capsys.readouterr().err
        assert receiver.sequences == [1, 3, 5, 6]
        refused.clear()
        assert await deliver("dismiss", "crm", "m1-4", "--reason", "told by hand", "--actor", "ann") == ExitCode.OK
        assert await deliver("resend", "crm", "--actor", "ann") == ExitCode.OK
        assert receiver.sequences == [1, 3, 5, 6, 2]
        capsys.readouterr()
        assert await deliver("undelivered") == ExitCode.OK
        assert capsys.readouterr().out == ""


async def test_a_changed_file_ends_begins_and_changes_endpoints_and_leaves_the_others_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CRM_SECRET", OLD_SECRET)
    caplog.set_level("INFO")
    file = tmp_path / "endpoints.toml"
    first, second, third, last = story(3, 3, 1), story(3, 3, 2, first=4), story(3, 3, 3, first=7), story(3, 1, 4, 10)
    async with serving(Receiver()) as stays, serving(Receiver()) as old, serving(Receiver()) as new:

        def write(**urls: str) -> None:
            file.write_text("".join(table(name, url) for name, url in urls.items()))

        def in_force() -> float | None:
            return registry.get_sample_value("memberpulse_webhook_file_in_force")

        write(stays=stays.url, moves=old.url)
        async with delivering(settings, load(file), watched=WatchedFile(file, round_seconds=0.1)) as registry:
            await publish(settings, first)
            await until(lambda: len(old.ids) == len(stays.ids) == len(first))
            file.write_text(table("stays", stays.url) + "[endpoints.comes]\n")
            await until(lambda: in_force() == 0)
            assert "endpoints.comes.url" in caplog.text
            await publish(settings, second)
            await until(lambda: len(old.ids) == len(stays.ids) == len(first + second))
            write(stays=stays.url, moves=new.url, comes=old.url)
            await until(lambda: in_force() == 1)
            await until(lambda: has_place(registry, "moves") and has_place(registry, "comes"))
            await publish(settings, third)
            await until(lambda: len(new.ids) == len(third) and len(old.ids) == len(first + second + third))
            write(stays=stays.url, moves=new.url)
            assigned = "memberpulse_webhook_assigned_partitions"
            await until(lambda: registry.get_sample_value(assigned, {"endpoint": "comes"}) is None)
            await publish(settings, last)
            await until(lambda: len(new.ids) == len(third + last) and len(stays.ids) == 30)
        assert_all_in_order(stays, first + second + third + last)
        assert_all_in_order(new, third + last)
        assert_all_in_order(old, first + second + third)
    assert caplog.text.count("Webhook endpoint stays: 6 partitions are this process's") == 1


def table(name: str, url: str, further: str = "") -> str:
    """An endpoint of the endpoints' file; tables of names that begin later may follow."""
    return (
        f'[endpoints.{name}]\nurl = "{url}"\nsecrets = [{{ env = "CRM_SECRET" }}]\nper_second = 100000\n'
        f"allow_private = true\nallow_http = true\n{further}"
    )


def is_placed(status: operator.EndpointStatus) -> bool:
    return status.standing is not None


def has_nothing_to_do(status: operator.EndpointStatus) -> bool:
    return status.behind == 0
