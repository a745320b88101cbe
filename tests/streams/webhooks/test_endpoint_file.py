"""An endpoints' file that is wrong says everything that is wrong, and never a secret."""

import re
from pathlib import Path

import pytest

from streams.topics import LIFECYCLE_ALERTS, OUTCOME_TOPICS, TIER_CHANGES
from streams.webhooks.endpoint_file import Endpoint, EndpointFileError, load
from streams.webhooks.signing_secrets import new_secret

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "webhooks.md"


def loaded(folder: Path, text: str) -> dict[str, Endpoint]:
    file = folder / "endpoints.toml"
    file.write_text(text)
    return load(file)


def problems(folder: Path, text: str) -> str:
    with pytest.raises(EndpointFileError) as failed:
        loaded(folder, text)
    return str(failed.value)


def test_an_endpoint_needs_no_more_than_an_address_and_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", new_secret())
    found = loaded(
        tmp_path, '[endpoints.crm]\nurl = "https://crm.example.com/h?token=t"\nsecrets = [{ env = "CRM_SECRET" }]\n'
    )
    crm = found["crm"]
    assert crm.topics == OUTCOME_TOPICS
    assert not crm.catch_up
    assert crm.shown_url == "https://crm.example.com/h"


def test_the_file_in_the_documentation_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_SECRET", "MAIL_SECRET_BEFORE"):
        monkeypatch.setenv(name, new_secret())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crm.secret").write_text(new_secret())
    [shown] = re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    found = loaded(tmp_path, shown)
    assert found["mail"].per_hour == 2000
    assert found["mail"].retry == found["crm"].retry


def test_the_table_in_the_documentation_has_every_key_with_its_default() -> None:
    table = DOCUMENTATION.read_text().partition("\n| key | default |")[2].partition("\n\n")[0]
    told = {
        name: value
        for names, values in re.findall(r"^\| (`[^|]*) \| ([^|]*?) ?\|", table, re.MULTILINE)
        for name, value in zip(re.findall(r"`(.*?)`", names), values.split(", "), strict=True)
    }
    assert told.keys() == Endpoint.model_fields.keys()
    for name, value in told.items():
        default = Endpoint.model_fields[name].default
        if isinstance(default, int):
            assert value.strip("`") == str(default).lower(), name


def test_only_the_topics_with_wanted_types_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", new_secret())
    text = '[endpoints.a]\nurl = "https://a.example.com"\nsecrets = [{ env = "S" }]\ntypes = '
    assert loaded(tmp_path, text + '["tier"]')["a"].topics == (TIER_CHANGES,)
    both = loaded(tmp_path, text + '["lifecycle.dormant", "tier.joined"]')["a"].topics
    assert both == (TIER_CHANGES, LIFECYCLE_ALERTS)


def test_every_problem_is_told_at_once_with_its_place_and_what_is_allowed(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        """
[endpoints.CRM]
url = "ftp://crm.example.com"
secrets = []
types = ["tier.upgradd"]
per_second = 0
per_hour = 2.5
timeout_seconds = 900
timeout_second = 3
[endpoints.b]
url = "http://10.0.0.1/hooks"
secrets = [{ env = "A" }, { env = "B" }, { env = "C" }]
[endpoints.c]
url = "https://user:hunter2@c.example.com"
secrets = [{ env = "A", file = "B" }]
retry = { first_wait_seconds = 60, longest_wait_seconds = 30, give_up_hours = 0 }
""",
    )
    for sentence in (
        'endpoints.CRM: found the text "CRM"; expected a name of small letters, digits and hyphens',
        'endpoints.CRM.url: found the text "ftp://crm.example.com"; expected an address like https://',
        "endpoints.CRM.secrets: found an empty list; expected a list of 1 to 2 entries",
        'endpoints.CRM.types[0]: found the text "tier.upgradd"; did you mean "tier.upgraded"?',
        "endpoints.CRM.per_second: found 0; expected a whole number of requests from 1 to 1,000,000",
        "endpoints.CRM.per_hour: found 2.5; expected a whole number of requests from 1 to 1,000,000",
        "endpoints.CRM.timeout_seconds: found 900; expected a whole number of seconds from 1 to 300",
        'endpoints.CRM.timeout_second: there is no such key; did you mean "timeout_seconds"?',
        "endpoints.b.url: is not https",
        "endpoints.b.url: 10.0.0.1 is no public address; allow_private = true permits it",
        "endpoints.b.secrets: found a list of 3 entries; expected a list of 1 to 2 entries",
        "endpoints.c.url: has a user or a password in it",
        "endpoints.c.secrets[0]: needs exactly one of env and file",
        "endpoints.c.retry.longest_wait_seconds: is shorter than first_wait_seconds",
        "endpoints.c.retry.give_up_hours: found 0; expected a whole number of hours from 1 to 720",
    ):
        assert sentence in told
    assert "hunter2" not in told


def test_a_secret_in_the_file_itself_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for written in ('"whsec_CANARY"', '{ env = "whsec_CANARY" }', '{ file = "whsec_CANARY" }'):
        told = problems(tmp_path, f'[endpoints.a]\nurl = "https://a.example.com"\nsecrets = [{written}]\n')
        assert "endpoints.a.secrets[0]: expected { env =" in told
        assert "CANARY" not in told


def test_secrets_that_cannot_sign_are_told_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "whsec_Q0FOQVJZ")
    monkeypatch.setenv("PLAIN", "CANARY" * 8)
    text = """
[endpoints.a]
url = "https://a.example.com"
secrets = [{ env = "SHORT" }, { env = "PLAIN" }]
[endpoints.b]
url = "https://b.example.com"
secrets = [{ env = "NOWHERE" }, { file = "nowhere.secret" }]
ca_file = "nowhere.pem"
"""
    told = problems(tmp_path, text)
    assert told.count("is no secret: expected") == 2
    assert "the environment has no variable NOWHERE" in told
    assert "endpoints.b.secrets[1]: the secret cannot be read" in told
    assert "endpoints.b.ca_file: has no certificates that can be read" in told
    assert "CANARY" not in told
    assert "Q0FOQVJZ" not in told
