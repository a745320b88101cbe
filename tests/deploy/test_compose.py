"""The compose files name the services, commands and settings that exist. They are parsed here, not run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.devstack.java import KAFKA_VERSION

ROOT = Path(__file__).parents[2]


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
    assert services.keys() == {"kafka", "redis", "worker", "projector"}


@pytest.mark.parametrize(("name", "verb"), [("worker", "worker"), ("projector", "project")])
def test_each_process_runs_its_verb_with_the_stores_addresses(
    services: dict[str, dict[str, Any]], name: str, verb: str
) -> None:
    service = services[name]
    assert service["command"] == ["memberpulse", verb]
    assert service["environment"] == {
        "MEMBERPULSE_KAFKA__BOOTSTRAP": "kafka:9092",
        "MEMBERPULSE_REDIS__URL": "redis://redis:6379/0",
    }
    assert service["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }


@pytest.mark.parametrize("name", ["worker", "projector"])
def test_our_image_is_built_from_the_file_that_is_there(services: dict[str, dict[str, Any]], name: str) -> None:
    build = services[name]["build"]
    context = ROOT / "deploy" / "compose" / build["context"]
    assert context.resolve() == ROOT
    assert (context / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["kafka", "redis", "worker", "projector"])
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
