"""The streams of events are as the OpenAPI file describes them. Here they end after a blink, so that tools can read."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from streams.access.caller import Scope
from streams.config import LiveSettings
from streams.murmur import partition_of
from streams.outcome_facts import Selection
from streams.pseudonyms import Pseudonyms
from streams.serving.endings import RENEW
from streams.serving.live_positions import index_of
from streams.topics import OUTCOME_TOPICS
from tests.streams.access.door import bearer, key
from tests.streams.published_schemas import assert_fits
from tests.streams.serving.live_shop import PARTITIONS, Browser, Reading, Topics
from tests.streams.serving.served import served
from tests.streams.serving.till import app_of, settings_for
from tests.streams.test_outcome_records import KINDS, RECORDS, a_long_story

MEMBER = "00042"
PATHS = {"followEverybody": "/v1/events", "followMember": f"/v1/members/{MEMBER}/events"}
BLINK = LiveSettings(stream_seconds=0.02, heartbeat_seconds=0.01)


class Served:
    """The running API, and positions from before the first outcome, by operation."""

    def __init__(self, address: str, authorization: dict[str, str], reading: Reading) -> None:
        self.address = address
        self.authorization = authorization
        self.before = {
            name: reading.hub.here(reading.hub.open(Selection().wants, member, None))
            for name, member in (("followEverybody", None), ("followMember", MEMBER))
        }

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.address + path, headers=self.authorization | headers, timeout=20)

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/v1/docs/openapi.json").json()
        return found


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("described")
    settings = settings_for("redis://127.0.0.1:1/0", folder).model_copy(update={"live": BLINK})
    campaign = bearer(key(settings, "campaign", Scope.EVENTS_READ, per_second=100_000))
    app, topics = app_of(settings), Topics()
    reading = Reading(topics)
    with served(app, settings) as address:
        app.state.live, app.state.pseudonyms = reading.hub, Pseudonyms(settings.pseudonyms)
        api = Served(address, campaign, reading)
        for outcome in a_long_story().told:
            topic, _, value, headers = RECORDS.record(outcome, MEMBER, 0)
            index = index_of(OUTCOME_TOPICS.index(topic), partition_of(MEMBER.encode(), PARTITIONS))
            topics._append(index, list(headers), value)
        reading.read_all()
        yield api


@pytest.mark.parametrize("operation_id", PATHS)
def test_every_event_of_a_stream_is_as_described_and_its_data_fits_the_schema_of_its_kind(
    api: Served, operation_id: str
) -> None:
    path = "/v1/members/{member_id}/events" if operation_id == "followMember" else "/v1/events"
    described = api.document["paths"][path]["get"]
    assert described["operationId"] == operation_id
    answer = api.get(PATHS[operation_id], **{"Last-Event-ID": api.before[operation_id]})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in described["responses"]["200"]["content"]
    browser = Browser()
    browser.hear(answer.content)
    assert {event.name for event in browser.events} == set(KINDS)
    for event in browser.events:
        assert event.data["specversion"] == "1.0"
        assert (event.data["type"], event.data["subject"]) == (f"memberpulse.{event.name}.v1", MEMBER)
        assert event.data["data"]["kind"] == event.name
        assert_fits(event.data["data"], event.name)
    assert browser.ending == RENEW
    assert "what_to_do" in answer.text


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize(
    ("query", "headers", "kind"),
    [("?type=tier.upgradd", {}, "unknown-type"), ("", {"Last-Event-ID": "nonsense"}, "bad-position")],
)
def test_wrong_parameters_of_a_stream_are_told_as_problems(
    api: Served, path: str, query: str, headers: dict[str, str], kind: str
) -> None:
    answer = api.get(path + query, **headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:memberpulse:problem:{kind}"


@pytest.fixture(scope="module")
def described(api: Served) -> OpenApiSchema:
    return schemathesis.openapi.from_url(f"{api.address}/v1/docs/openapi.json")


# Hypothesis minds that schemathesis takes chance from elsewhere.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation_id", PATHS)
def test_a_stream_answers_whatever_is_asked_as_its_description_says(
    api: Served, described: OpenApiSchema, operation_id: str, mode: GenerationMode
) -> None:
    operation = described.find_operation_by_id(operation_id)

    @tried(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_well(case: schemathesis.Case[Any]) -> None:
        # No schema can say which texts are kinds or positions, so that 400 is a good answer to a good request; and
        # whatever is in a query is a text, so that none is of a wrong type.
        case.call_and_validate(
            headers=api.authorization, excluded_checks=[positive_data_acceptance, negative_data_rejection]
        )

    answers_well()
