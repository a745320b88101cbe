"""Merge, unmerge and erase as a person types them at a running system, and what checkout reads in Redis of it."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer
from redis import Redis

from streams.commands.resolve import resolved_settings
from streams.devstack import DevStack
from streams.exits import ExitCode
from streams.kafka_clients import admin_settings
from streams.log_reading import LogRecord
from streams.projector.redis_scores import member_key
from streams.projector.scores import fetch
from streams.projector.versions import VERSION_WIDTH
from streams.topics import MEMBER_SCORES
from tests.chaos.cluster import Worker
from tests.chaos.deployment import Deployment
from tests.driver import key_on
from tests.e2e.shop import order
from tests.e2e.test_policy_change import Captured, Terminal, Typed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

PARTITIONS = 3
PROJECTOR = [sys.executable, "-m", "streams", "project"]
R, S, T, X = (key_on(number % PARTITIONS, PARTITIONS, name) for number, name in enumerate("rstx"))
BECAUSE = ("--yes", "--reason", "same card", "--actor", "eve")
UNCHANGED = "nothing was changed; --yes and --reason write it to the log"


class System(NamedTuple):
    """A running deployment and the person at its terminal."""

    deployment: Deployment
    person: Terminal

    def buy(self, member: str, number: int) -> None:
        """An order of 50.00 USD, which everybody has heard of afterwards."""
        self.deployment.append([order(member, f"o{number}", partitions=PARTITIONS, net_amount=5_000)])
        self.settle()

    def settle(self) -> None:
        """All is scored and in Redis."""
        self.deployment.wait_until_quiet(40)
        until(lambda: self.projected() == self.deployment.ends(self.deployment.settings.topic(MEMBER_SCORES)))

    def projected(self) -> dict[int, int]:
        """How much of each partition Redis says that it has."""
        settings = self.deployment.settings
        with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
            held: Any = redis.hgetall(f"{settings.redis.key_prefix}projection")
        return {number: int(held.get(b"%d" % number, 0)) for number in range(PARTITIONS)}

    def looks(self, *command: str) -> list[str]:
        """What a command shows when it is only to look; it writes nothing."""
        before = self.deployment.ends(self.deployment.events_topic)
        typed = self.person.type(*command)
        assert (typed.returncode, typed.stderr) == (0, "")
        assert self.deployment.ends(self.deployment.events_topic) == before
        return [" ".join(line.split()) for line in typed.stdout.splitlines()]

    def does(self, *command: str) -> None:
        """A command that writes."""
        typed = self.person.type(*command, *BECAUSE)
        assert typed.returncode == 0, typed.stderr
        assert "written to the log" in typed.stdout
        self.settle()

    def is_refused(self, *command: str) -> Typed:
        """A command that fails although it is meant, and writes nothing."""
        before = self.deployment.ends(self.deployment.events_topic)
        typed = self.person.type(*command, *BECAUSE)
        assert self.deployment.ends(self.deployment.events_topic) == before
        assert typed.stderr.startswith("error: ")
        return typed

    def score(self, member: str) -> dict[str, Any] | None:
        """What checkout reads."""
        return fetch(self.deployment.settings, member)

    def numbers(self, member: str) -> tuple[str, int, int]:
        """Tier, frequency and monetary value in Redis."""
        score = self.score(member)
        assert score is not None
        return score["tier"], score["frequency"], score["monetary"]

    def scores_of(self, member: str) -> list[LogRecord]:
        """Everything that member-scores says of a member."""
        return [each for each in self.deployment.read_logical(MEMBER_SCORES) if each.key == member.encode()]


def until(condition: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None) -> None:
    ends = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < ends
        meanwhile()
        time.sleep(0.01)


@pytest.fixture
def system(stack: DevStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Iterator[System]:
    """R has one order, S two, T one, X one; each lives in another partition than who comes next."""
    deployment = Deployment(
        stack.broker.bootstrap,
        tmp_path,
        partitions=PARTITIONS,
        session_timeout=3.0,
        environment={
            "MEMBERPULSE_SCORE__COMMIT_INTERVAL_SECONDS": "0.2",
            "MEMBERPULSE_METRICS__PROJECT_PORT": "0",
            "MEMBERPULSE_REDIS__URL": stack.redis.url,
            # The session's Redis is everybody's.
            "MEMBERPULSE_REDIS__KEY_PREFIX": f"{tmp_path.name}:",
        },
    )
    deployment.make_topics()
    deployment.open_with()
    person = Terminal(deployment, monkeypatch, capsys)
    deployment.settings = resolved_settings()
    system = System(deployment, person)

    early = system.is_refused("merge", S, T)
    assert early.returncode == ExitCode.TEMPORARY
    assert "the scorer has remembered nothing yet" in early.stderr

    deployment.append(
        order(name, f"o{number}", partitions=PARTITIONS, net_amount=5_000)
        for name, number in ((R, 1), (S, 1), (S, 2), (T, 1), (X, 1))
    )
    with Worker(deployment, "scorer") as scorer:
        yield system
        assert scorer.end() == 0, scorer.tail()


def test_what_commands_foresee_is_what_happens_and_what_redis_says(system: System) -> None:
    with Worker(system.deployment, "projector", PROJECTOR) as projector:
        system.settle()

        shown = system.looks("merge", S, T)
        assert shown[:3] == [
            "member now then",
            f"{S} tier C, 2 orders, 100.00 USD merged into {T}",
            f"{T} tier D, 1 order, 50.00 USD tier C, 3 orders, 150.00 USD",
        ]
        assert shown[3].startswith("it can be taken back until 20")
        assert shown[4:] == [UNCHANGED]
        without_why = system.person.type("merge", S, T, "--yes")
        assert (without_why.returncode, without_why.stdout) == (ExitCode.USAGE, "")
        assert "say why, with --reason" in without_why.stderr
        unknown = system.is_refused("merge", "nobody", T)
        assert unknown.returncode == ExitCode.NO_INPUT
        assert "member 'nobody' is not known" in unknown.stderr
        assert system.looks("merge", S, "nobody")[3] == (
            "nobody is not known yet and would begin with these orders; is the id right?"
        )

        system.does("merge", S, T)
        went = system.score(S)
        assert went is not None
        assert (went["merged_into"], went["tier"], went["stage"], went["frequency"]) == (T, None, None, 0)
        assert system.numbers(T) == ("C", 3, 15_000)
        assert (system.score(T) or {}).get("merged_into") is None
        again = system.is_refused("merge", S, T)
        assert again.returncode == ExitCode.DATA
        assert f"{S} is merged into {T} already; take that back first, or merge {T}" in again.stderr

        system.does("merge", R, S)
        assert system.numbers(T) == ("C", 4, 20_000)
        for source, into in ((T, S), (T, R)):
            circle = system.is_refused("merge", source, into)
            assert circle.returncode == ExitCode.DATA
            assert f"{into} is merged into {source}: merge the other way round" in circle.stderr
        alone = system.is_refused("merge", X, X)
        assert (alone.returncode, "nobody is merged into themselves" in alone.stderr) == (ExitCode.DATA, True)
        system.buy(R, 2)
        assert system.numbers(T) == ("B", 5, 25_000)

        wrong = system.is_refused("unmerge", S, X)
        assert wrong.returncode == ExitCode.DATA
        assert f"{S} is merged into {T} and not into {X}" in wrong.stderr
        assert system.looks("unmerge", S, T) == [
            "member now then",
            f"{S} merged into {T} tier C, 4 orders, 200.00 USD",
            f"{T} tier B, 5 orders, 250.00 USD tier D, 1 order, 50.00 USD",
            UNCHANGED,
        ]
        system.does("unmerge", S, T)
        assert (system.numbers(S), system.numbers(T)) == (("C", 4, 20_000), ("D", 1, 5_000))
        assert "merged_into" not in (system.score(S) or {})
        never = system.is_refused("unmerge", S, T)
        assert (never.returncode, f"{S} is not merged" in never.stderr) == (ExitCode.DATA, True)

        assert system.looks("erase", R) == [
            "member now then",
            f"{R} merged into {S} erased",
            f"{S} tier C, 4 orders, 200.00 USD tier C, 2 orders, 100.00 USD",
            "this cannot be undone; what is in the log already stays there",
            UNCHANGED,
        ]
        system.does("erase", R)
        assert (system.score(R), system.numbers(S)) == (None, ("C", 2, 10_000))
        for command in (("erase", R), ("merge", R, X), ("unmerge", R, S)):
            gone = system.is_refused(*command)
            assert (gone.returncode, f"member {R!r} is erased" in gone.stderr) == (ExitCode.DATA, True)
        into_nobody = system.is_refused("merge", X, R)
        assert (into_nobody.returncode, "the orders would be nobody's" in into_nobody.stderr) == (ExitCode.DATA, True)
        verified = system.person.type("verify")
        assert verified.returncode == 0, verified.stdout
        assert projector.end() == 0, projector.tail()


def test_an_erased_member_never_comes_back_to_redis(system: System) -> None:
    settings = system.deployment.settings

    def stays_away() -> None:
        assert system.score(S) is None

    with Worker(system.deployment, "projector", PROJECTOR) as projector:
        system.settle()
        older = system.scores_of(S)[-1]
        assert older.value is not None
        system.does("erase", S)
        system.buy(S, 3)
        stays_away()
        assert [each.value for each in system.scores_of(S)[-1:]] == [None]

        producer = KafkaProducer(**admin_settings(settings), acks="all")
        producer.send(settings.topic(MEMBER_SCORES), older.value, older.key, partition=older.partition).get(timeout=30)
        producer.close()
        until(lambda: system.projected() == system.deployment.ends(settings.topic(MEMBER_SCORES)), stays_away)
        stays_away()
        with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
            left: Any = redis.get(member_key(settings, S.encode()))
            assert len(left) == VERSION_WIDTH, "more than the version is left of them"
            assert 0 < redis.ttl(member_key(settings, S.encode())) <= 7 * 86_400
        assert projector.end() == 0, projector.tail()

    with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
        redis.delete(member_key(settings, T.encode()))
    with Worker(system.deployment, "rebuilding", [*PROJECTOR, "--rebuild"]) as rebuilding:
        # Who was lost by hand comes back by it, so that all was read again.
        until(lambda: system.score(T) is not None, stays_away)
        until(lambda: system.projected() == system.deployment.ends(settings.topic(MEMBER_SCORES)), stays_away)
        stays_away()

        with Redis.from_url(settings.redis.url.get_secret_value()) as redis:
            redis.delete(
                f"{settings.redis.key_prefix}projection", *(member_key(settings, m.encode()) for m in (R, S, T, X))
            )
        system.settle()
        assert system.score(T) is not None
        stays_away()
        assert rebuilding.end() == 0, rebuilding.tail()
