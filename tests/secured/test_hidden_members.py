"""The whole way from upstream to Redis where everything is demanded: TLS, certificates, users with few rights, and
pseudonyms. S2, S5, S8 and S11: who may write time, who listens, and that no member's name is anywhere it must not be.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from kafka import KafkaProducer
from pydantic import SecretStr
from redis import Redis

from streams.codecs import encode_tick
from streams.commands.failures import explained
from streams.config import PseudonymSettings, RedisSettings, Settings
from streams.exits import ExitCode
from streams.kafka_clients import admin_settings
from streams.log_reading import admin_client, log_consumer, scan, spans
from streams.log_writing import NewRecord, write
from streams.pseudonyms import Pseudonyms
from streams.topics import DEAD_LETTERS, MEMBER_EVENTS, PARTITION_KEY, SHOP_TRAFFIC
from tests.chaos.deployment import REPOSITORY
from tests.secured.authority import Authority
from tests.secured.conftest import REDIS_PASSWORD, SecuredRedis
from tests.secured.kafka_server import ADMIN, PASSWORD, SecuredKafka

pytestmark = pytest.mark.kafka

SECRET: Final = "the-secret-that-hides-every-member"  # noqa: S105 - hides nobody
NEXT_SECRET: Final = "the-secret-that-hides-them-from-now-on"  # noqa: S105 - hides nobody
SIGNING_SECRET: Final = "the-secret-that-lets-time-pass-here"  # noqa: S105 - lets nobody in
CANARY: Final = "canary"
MAPPING: Final = Path(__file__).parent / "shop.toml"
PATIENCE_SECONDS: Final = 180.0
ROLES: Final = ("ingest", "scorer", "ticker", "projector", "api", "deliver")
PROCESSES: Final = ("score", "tick", "ingest", "project", "serve", "deliver")
HIDDEN: Final = Pseudonyms(PseudonymSettings(secret=SecretStr(SECRET)))
HIDDEN_ANEW: Final = Pseudonyms(PseudonymSettings(secret=SecretStr(NEXT_SECRET), key_id="2"))
#: Who moves to the next secret, and somebody who never bought.
MOVING: Final = (10, 11, 99)


def _email(number: int) -> str:
    return f"{CANARY}-{number}@shop.example"


def _upstream() -> list[dict[str, Any]]:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    common = {"at": at, "currency": "USD", "amount": 50_000, "shop": "s-1", "note": f"{CANARY} Eva, born 1980"}

    def of(kind: str, number: int, **more: Any) -> dict[str, Any]:
        customer = {"email": _email(number), "name": f"{CANARY} {number}"}
        return {**common, "kind": kind, "id": f"{kind}-{number}", "customer": customer, **more}

    return [
        *(of("order", number) for number in range(20)),
        of("referral", 0, friend=_email(1)),
        of("merge", 2, stays=_email(3)),
        of("order", 2, id="after-the-merge"),
        {**common, "kind": "visit", "id": "nobody's", "customer": {}},
        of("order", 5, id="without money", amount=f"{CANARY} 12"),
        of("nonsense", 6),
    ]


@dataclass
class Run:
    """What there is to see after the run."""

    kafka: SecuredKafka
    operator: dict[str, str]
    logs: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    listening: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    redis: dict[bytes, bytes] = field(default_factory=dict)

    def topics(self) -> dict[str, bytes]:
        """All keys, values and headers of every topic, by its logical name."""
        settings = self.kafka.settings(ADMIN)
        with admin_client(settings) as admin:
            names = [name for name in admin.list_topics() if name.startswith(self.kafka.prefix)]
        found = {}
        with log_consumer(settings) as consumer:
            for name in names:
                records = scan(consumer, name, spans(consumer, name))
                found[name.removeprefix(self.kafka.prefix)] = b"\n".join(
                    b"%b %b %r" % (each.key or b"", each.value or b"", repr(each.headers).encode()) for each in records
                )
        return found


def _environment(
    kafka: SecuredKafka, redis: SecuredRedis, authority: Authority, user: str, home: Path
) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEMBERPULSE_")}
    sources = [{"topic": f"{kafka.prefix}orders", "mapping": str(MAPPING), "partitions": 2}]
    return {
        **clean,
        **kafka.environment(user),
        "PYTHONPATH": str(REPOSITORY),
        "MEMBERPULSE_DATA_DIR": str(home / "data"),
        "MEMBERPULSE_INGEST__SOURCES": json.dumps(sources),
        "MEMBERPULSE_REDIS__URL": f"rediss://127.0.0.1:{redis.door.port}/0",
        "MEMBERPULSE_REDIS__USERNAME": "projector" if user == "projector" else "lookup",
        "MEMBERPULSE_REDIS__PASSWORD": REDIS_PASSWORD,
        "MEMBERPULSE_REDIS__SSL_CAFILE": str(authority.file),
        "MEMBERPULSE_REDIS__SSL_CERTFILE": str(authority.client("cache-client")),
        "MEMBERPULSE_PSEUDONYMS__SECRET": SECRET,
        "MEMBERPULSE_SIGNING__SECRET": SIGNING_SECRET,
        "MEMBERPULSE_ACCESS__MEMBER_SHOPS": "true",
        "MEMBERPULSE_METRICS__SCORE_PORT": "0",
        "MEMBERPULSE_METRICS__INGEST_PORT": "0",
        "MEMBERPULSE_METRICS__PROJECT_PORT": "0",
        "MEMBERPULSE_METRICS__SERVE_PORT": "0",
        "MEMBERPULSE_METRICS__DELIVER_PORT": "0",
        "MEMBERPULSE_TICKER__INTERVAL_SECONDS": "1",
        "MEMBERPULSE_SERVE__PORT": "0",
        # A busy machine: what is tested is who may do what, not how fast.
        "MEMBERPULSE_SERVE__DEADLINE_SECONDS": "5",
        "MEMBERPULSE_DELIVER__ENDPOINTS_FILE": str(_endpoints(home)),
    }


def _endpoints(home: Path) -> Path:
    """One endpoint, where nobody listens."""
    (home / "crm.secret").write_text("whsec_" + "A" * 32)
    file = home / "endpoints.toml"
    file.write_text(
        '[endpoints.crm]\nurl = "http://127.0.0.1:9/hooks"\nallow_private = true\nallow_http = true\n'
        'secrets = [{ file = "crm.secret" }]\n'
    )
    return file


def _ask(address: str, key: str, method: str = "GET", body: object = None) -> tuple[int, str]:
    """Status and body of an answer of the API."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Memberpulse-Reason": "asked for"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, data, headers, method=method), timeout=30
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _verb(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class _Processes:
    """The processes of the deployment; what they print is kept."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, environment: dict[str, str], *arguments: str) -> None:
        with (self._home / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "streams", *arguments],
                env=environment,
                cwd=self._home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def told(self, name: str) -> str:
        return (self._home / f"{name}.log").read_text(errors="replace")

    def check(self) -> None:
        ended = {name: process.returncode for name, process in self._running.items() if process.poll() is not None}
        assert not ended, "\n".join(f"{name} ended with {code}:\n{self.told(name)}" for name, code in ended.items())

    def look(self, run: Run) -> None:
        """Keep what can be seen of them from outside."""
        for name, process in self._running.items():
            seen = psutil.Process(process.pid)
            run.commands[name] = " ".join(seen.cmdline())
            run.listening[name] = [
                f"{each.laddr.ip}" for each in seen.net_connections("tcp") if each.status == psutil.CONN_LISTEN
            ]
            address = self.told(name).partition("etrics at ")[2].split()[0]
            with urllib.request.urlopen(address, timeout=10) as answer:
                run.metrics[name] = answer.read().decode()

    def stop(self) -> dict[str, int]:
        for process in self._running.values():
            process.terminate()
        codes = {}
        for name, process in self._running.items():
            try:
                codes[name] = process.wait(60)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{name} did not end within 60 s of SIGTERM:\n{self.told(name)[-3000:]}")
        self._running.clear()
        return codes

    def kill(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait(30)


def _send_upstream(kafka: SecuredKafka) -> None:
    producer = KafkaProducer(**admin_settings(kafka.settings(ADMIN)), acks="all")
    for number, record in enumerate(_upstream()):
        producer.send(f"{kafka.prefix}orders", json.dumps(record).encode(), partition=number % 2)
    producer.flush(30)
    producer.close()


def _redis_content(settings: Settings) -> dict[bytes, bytes]:
    """Every key with all that is in it."""
    with Redis.from_url(settings.redis.url.get_secret_value(), username="auditor", password=REDIS_PASSWORD) as redis:
        found: dict[bytes, bytes] = {}
        for key in redis.scan_iter(count=1000):
            kind = redis.type(key)
            if kind == b"string":
                found[key] = redis.get(key) or b""
            else:
                found[key] = repr(redis.smembers(key) if kind == b"set" else redis.hgetall(key)).encode()
    return found


def _address(processes: _Processes) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while "/v1/docs" not in processes.told("serve") or "etrics at" not in processes.told("deliver"):
        processes.check()
        assert time.monotonic() < until, processes.told("serve") + processes.told("deliver")
        time.sleep(0.1)
    return processes.told("serve").partition("serve: ")[2].partition("/docs")[0]


def _visit(run: Run, address: str, whole: str, of_shop_2: str) -> None:
    """What callers ask with plain ids."""
    order = {
        "type": "order.paid",
        "event_id": "posted-30",
        "order_id": "posted-30",
        "member_id": _email(30),
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "net_amount": 500,
        "currency": "USD",
        "shop_id": "s-2",
        "note": f"{CANARY} unknown fields stay outside",
    }
    members = f"{address}/members"
    run.answers = {
        "known": _ask(f"{members}/{_email(3)}", whole),
        "unknown": _ask(f"{members}/{_email(99)}", whole),
        "posted": _ask(f"{address}/events", whole, "POST", order),
        "refused": _ask(f"{address}/events", whole, "POST", order | {"net_amount": f"{CANARY} 5"}),
        "other shop": _ask(f"{members}/{_email(3)}", of_shop_2),
        "nobody": _ask(f"{members}/{_email(98)}", of_shop_2),
        "without a key": _ask(f"{members}/{_email(3)}", "mp_0123456789_guessed"),
        "erased": _ask(f"{members}/{_email(4)}", whole, "DELETE"),
    }
    until = time.monotonic() + PATIENCE_SECONDS
    while _ask(f"{members}/{_email(30)}", of_shop_2)[0] != 200:
        assert time.monotonic() < until, f"a posted order did not reach the member; {run.answers}"
        time.sleep(0.25)


def _move(run: Run, home: Path, settings: Settings) -> None:
    """Members get the pseudonyms of another secret, while all go on."""
    ids = home / "ids.txt"
    ids.write_text("".join(f"{_email(number)}\n" for number in MOVING))
    changed = {
        "SECRET": NEXT_SECRET,
        "KEY_ID": "2",
        "FORMER_SECRET": SECRET,
        "FORMER_KEY_ID": "1",
    }
    operator = run.operator | {f"MEMBERPULSE_PSEUDONYMS__{name}": value for name, value in changed.items()}
    run.said["move"] = _verb(operator, "pseudonyms", "move", str(ids), "--yes", "--reason", "a new secret")
    until = time.monotonic() + PATIENCE_SECONDS
    while not {_key(HIDDEN_ANEW, 10), _key(HIDDEN_ANEW, 11)} <= _redis_content(settings).keys():
        assert time.monotonic() < until, "who was moved did not reach Redis"
        time.sleep(0.25)


def _key(known: Pseudonyms, number: int) -> bytes:
    return f"memberpulse:member:{known.of(_email(number))}".encode()


@pytest.fixture(scope="module")
def run(
    secured_kafka: SecuredKafka,
    secured_redis: SecuredRedis,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Twenty members from upstream to Redis, then everything stopped."""
    kafka, home = secured_kafka, tmp_path_factory.mktemp("deployment")

    def environment(user: str) -> dict[str, str]:
        return _environment(kafka, secured_redis, authority, user, home)

    run = Run(kafka, environment(ADMIN))
    run.said["topics"] = _verb(run.operator, "topics", "apply", "--with-sources")
    kafka.add_users(*ROLES, "stranger")
    kafka.grant_what_is_documented(*ROLES)
    _send_upstream(kafka)
    processes = _Processes(home)
    try:
        processes.start("score", environment("scorer"), "worker", "--only", "score")
        processes.start("tick", environment("ticker"), "worker", "--only", "tick")
        processes.start("ingest", environment("ingest"), "worker", "--only", "ingest")
        processes.start("project", environment("projector"), "project")
        plain = Settings(redis=RedisSettings(url=SecretStr(secured_redis.server.url)))
        until = time.monotonic() + PATIENCE_SECONDS
        wanted = {f"memberpulse:{what}:{HIDDEN.of(_email(19))}".encode() for what in ("member", "shops")}
        while not wanted <= run.redis.keys():
            processes.check()
            assert time.monotonic() < until, (
                processes.told("score") + processes.told("ingest") + processes.told("project")
            )
            time.sleep(0.25)
            run.redis = _redis_content(plain)
        for name, arguments in {
            "member": ["member", _email(3), "--why"],
            "lag": ["lag"],
            "ticks": ["ticks", "status"],
            "config": ["config"],
        }.items():
            run.said[name] = _verb(run.operator, *arguments)
        whole, of_shop_2 = (
            _verb(run.operator, "keys", "create", *each.split()).splitlines()[0]
            for each in ("crm --scope lookup --scope events:write --scope erase", "till-2 --scope lookup --shop s-2")
        )
        processes.start("serve", environment("api"), "serve")
        processes.start("deliver", environment("deliver"), "deliver")
        _visit(run, _address(processes), whole, of_shop_2)
        _move(run, home, plain)
        processes.look(run)
        processes.check()
        assert set(processes.stop().values()) == {0}
        run.redis = _redis_content(plain)
        run.said["verify"] = _verb(run.operator, "verify")
    finally:
        processes.kill()
    run.logs = {path.name: path.read_text(errors="replace") for path in home.glob("*.log")}
    return run


def test_a_member_is_found_by_their_plain_id(run: Run) -> None:
    assert HIDDEN.of(_email(3)) in run.said["member"]


def test_time_passes_with_the_rights_of_the_documentation(run: Run) -> None:
    topics = run.topics()
    told = [line for line in topics[MEMBER_EVENTS].splitlines() if line.startswith(PARTITION_KEY)]
    ticks = [line for line in told if b'{"type":"tick"' in line]
    assert ticks
    assert [line for line in told if b"'signature'" not in line] == []
    assert b"forged" not in topics[DEAD_LETTERS]
    assert 'reason="forged"} 0.0' in run.metrics["score"]
    assert [line for log in run.logs.values() for line in log.splitlines() if "AuthorizationFailed" in line] == []


def test_callers_ask_with_plain_ids_and_hear_pseudonyms(run: Run) -> None:
    assert run.answers["known"][0] == 200, run.answers["known"]
    assert json.loads(run.answers["known"][1])["member_id"] == HIDDEN.of(_email(3))
    assert run.answers["unknown"][0] == 404
    assert run.answers["posted"][0] == run.answers["refused"][0] == 207
    assert json.loads(run.answers["posted"][1])["accepted"] == 1
    assert run.answers["without a key"][0] == 401
    assert run.answers["erased"][0] in {200, 202, 204}


def test_the_member_of_another_shop_and_nobody_get_the_same_answer(run: Run) -> None:
    theirs, nobody = run.answers["other shop"], run.answers["nobody"]
    assert theirs[0] == nobody[0] == 404
    alike = [
        body.replace(_email(number), "ID").replace(HIDDEN.of(_email(number)), "ID")
        for number, body in ((3, theirs[1]), (98, nobody[1]))
    ]
    assert alike[0] == alike[1]


def test_no_plain_id_is_in_any_topic_past_ingest(run: Run) -> None:
    topics = run.topics()
    assert HIDDEN.of(_email(0)).encode() in topics[MEMBER_EVENTS]
    assert b"nobody's" in topics[SHOP_TRAFFIC]
    holding = {name for name, content in topics.items() if CANARY.encode() in content}
    # What cannot be used is kept as it came, for whoever repairs it: docs/access.md.
    assert holding == {"orders", DEAD_LETTERS}


def test_no_plain_id_is_in_redis(run: Run) -> None:
    assert HIDDEN.of(_email(3)).encode() in b"".join(run.redis)
    assert [key for key, value in run.redis.items() if CANARY.encode() in key + value] == []


def test_no_plain_id_is_in_a_log_or_metric(run: Run) -> None:
    assert set(run.logs) == {f"{name}.log" for name in PROCESSES}
    assert [name for name, content in (run.logs | run.metrics).items() if CANARY in content] == []


def test_no_password_is_in_a_log_a_command_line_or_what_is_printed(run: Run) -> None:
    shown = run.logs | run.commands | run.metrics | run.said
    assert [
        name
        for name, content in shown.items()
        for secret in (PASSWORD, REDIS_PASSWORD, SECRET, NEXT_SECRET, SIGNING_SECRET)
        if secret in content
    ] == []


def test_nothing_listens_but_the_metrics_and_only_here(run: Run) -> None:
    # The API has a port of its own beside its metrics.
    assert run.listening == {name: ["127.0.0.1"] * (2 if name == "serve" else 1) for name in PROCESSES}


def test_a_merge_finds_its_way_under_pseudonyms(run: Run) -> None:
    (score,) = [
        value for key, value in run.redis.items() if key == f"memberpulse:member:{HIDDEN.of(_email(2))}".encode()
    ]
    assert json.loads(score.partition(b" ")[2])["merged_into"] == HIDDEN.of(_email(3))


def test_members_move_to_a_new_secret_with_their_orders_and_all_that_was_told_of_them_is_exact(run: Run) -> None:
    assert "no members under the former secret: 1\n" in run.said["move"]
    assert "2 moves are in the log" in run.said["move"]
    for number in MOVING[:2]:
        former, present = (
            json.loads(run.redis[_key(known, number)].partition(b" ")[2]) for known in (HIDDEN, HIDDEN_ANEW)
        )
        assert former["merged_into"] == HIDDEN_ANEW.of(_email(number))
        assert (present["frequency"], present["monetary"]) == (1, 50_000)
    assert run.said["verify"].count("exact") == 4


def test_whoever_was_not_granted_it_cannot_make_time_pass(run: Run) -> None:
    tick = NewRecord(0, PARTITION_KEY, encode_tick(int((time.time() + 365 * 86_400) * 1000), 0))
    for user in ("stranger", "projector"):
        settings = run.kafka.settings(user)
        with pytest.raises(Exception, match="uthoriz") as refused:
            write(settings, settings.topic(MEMBER_EVENTS), [tick])
        known = explained(refused.value)
        assert known is not None
        assert known.code is ExitCode.NO_PERMISSION


@pytest.mark.parametrize(
    "changed",
    [
        {"SASL_PASSWORD": "guessed"},
        {"SASL_USERNAME": "nobody"},
        {"SASL_MECHANISM": "SCRAM-SHA-256"},
        {"SSL_CERTFILE": ""},
        {"SECURITY_PROTOCOL": "PLAINTEXT"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whoever_lacks_one_thing_stays_out_and_ends(run: Run, changed: dict[str, str]) -> None:
    environment = run.operator | run.kafka.environment("scorer")
    environment |= {f"MEMBERPULSE_KAFKA__{name}": value for name, value in changed.items()}
    done = subprocess.run(
        [sys.executable, "-m", "streams", "project"],
        env={name: value for name, value in environment.items() if value},
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode in {ExitCode.NO_PERMISSION, ExitCode.UNAVAILABLE}, done.stderr
    assert "sasl_" in done.stderr
    assert PASSWORD not in done.stderr
