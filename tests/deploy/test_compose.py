"""The compose files name the services, commands and settings that exist. They are parsed here, not run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.config import Settings
from streams.devstack.java import KAFKA_VERSION

ROOT = Path(__file__).parents[2]
#: Our processes by service, each with its verb.
OURS = {
    "worker": ["worker"],
    "projector": ["project"],
    "api": ["serve", "--host", "0.0.0.0"],  # noqa: S104 - of the container
    "deliverer": ["deliver"],
}


def parsed(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    included = [parsed(ROOT / path) for path in parsed(ROOT / "docker-compose.yml")["include"]]
    return {name: service for document in included for name, service in document["services"].items()}


def test_the_top_file_only_includes() -> None:
    assert parsed(ROOT / "docker-compose.yml").keys() == {"name", "include"}


def test_the_services_are_the_stores_and_our_processes(services: dict[str, dict[str, Any]]) -> None:
    assert services.keys() == {"kafka", "redis", "prometheus", *OURS}


@pytest.mark.parametrize(("name", "command"), OURS.items())
def test_each_process_runs_its_verb_with_the_stores_addresses(
    services: dict[str, dict[str, Any]], name: str, command: list[str]
) -> None:
    service = services[name]
    assert service["command"] == ["memberpulse", *command]
    assert service["environment"].items() >= {
        ("MEMBERPULSE_KAFKA__BOOTSTRAP", "kafka:9092"),
        ("MEMBERPULSE_REDIS__URL", "redis://redis:6379/0"),
    }
    assert service["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }


@pytest.mark.parametrize("name", OURS)
def test_every_setting_that_is_given_exists(
    services: dict[str, dict[str, Any]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in services[name]["environment"].items():
        section, _, setting = variable.removeprefix("MEMBERPULSE_").lower().partition("__")
        monkeypatch.setenv(variable, value)
        read = getattr(Settings(), section)
        assert str(getattr(read, setting) if setting else read) in {value, "**********"}


@pytest.mark.parametrize("name", OURS)
def test_our_processes_are_asked_whether_they_are_well(services: dict[str, dict[str, Any]], name: str) -> None:
    """At the port of their metrics, and the API at its own."""
    ports = {"worker": 9464, "projector": 9466, "deliverer": 9469}
    address = f"127.0.0.1:{ports[name]}/metrics" if name in ports else "127.0.0.1:8080/health/ready"
    command = services[name]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "-c"]
    assert address in command[3]
    compile(command[3], "healthcheck", "exec")


def test_what_needs_keys_or_endpoints_waits_to_be_asked_for(services: dict[str, dict[str, Any]]) -> None:
    asked_for = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert asked_for == {"api": ["api"], "deliverer": ["webhooks"], "prometheus": ["monitoring"]}
    ports = services["api"]["ports"] + services["prometheus"]["ports"]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", OURS)
def test_our_image_is_built_from_the_file_that_is_there(services: dict[str, dict[str, Any]], name: str) -> None:
    build = services[name]["build"]
    context = ROOT / "deploy" / "compose" / build["context"]
    assert context.resolve() == ROOT
    assert (context / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["kafka", "redis", "prometheus", *OURS])
def test_nothing_runs_as_root_and_everything_comes_back(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["user"].split(":")[0] not in {"root", "0"}
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["kafka", "redis"])
def test_stores_are_pinned_checked_kept_and_closed_to_other_machines(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    store = services[name]
    assert store["image"].rpartition(":")[2] not in {"", "latest"}
    assert store["healthcheck"]["test"][0] == "CMD"
    assert len(store["volumes"]) == 1
    assert all(port.startswith("127.0.0.1:") for port in store["ports"])


def test_kafka_advertises_the_address_our_processes_use(services: dict[str, dict[str, Any]]) -> None:
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert services["worker"]["environment"]["MEMBERPULSE_KAFKA__BOOTSTRAP"] in advertised


def test_kafka_is_the_version_of_the_development_stack(services: dict[str, dict[str, Any]]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
