"""What each process of the embedded stack learns from its environment, and where a set-up link may be printed."""

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from local.stack import gateway, services, set_up
from local.stack.key_material import MAC_KEYS
from local.stack.mac_keys import AUDITS, audits_mac_keys
from local.stack.process import LocalError
from local.stack.services import environment_of
from local.stack.set_up import output_is_file
from local.stack.topics import as_principal, refuse_principals_in_one_process
from shared.service.settings import CommonSettings

GIVEN = {
    "DATABASE_URL": "of all",
    "KAFKA_BOOTSTRAP": "broker",
    "INGEST__DATABASE_URL": "of ingest",
    "INGEST__EVENT_MAC_KEY": "key of ingest",
    "AUDIT__EVENT_MAC_KEY": "key of audit",
    "OTEL__SOMETHING": "of no service",
}


def test_a_service_gets_its_own_settings_and_no_other_services() -> None:
    assert environment_of("ingest", GIVEN) == {
        "DATABASE_URL": "of ingest",
        "EVENT_MAC_KEY": "key of ingest",
        "KAFKA_BOOTSTRAP": "broker",
        "OTEL__SOMETHING": "of no service",
    }
    assert environment_of("hotlist", GIVEN) == {
        "DATABASE_URL": "of all",
        "KAFKA_BOOTSTRAP": "broker",
        "OTEL__SOMETHING": "of no service",
    }


def test_services_of_one_process_are_built_each_with_its_own_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    specs = {
        name: SimpleNamespace(settings_class=lambda: CommonSettings, build_app=lambda built: built)
        for name in ("ingest", "hotlist")
    }
    monkeypatch.setattr(services, "SPECS", specs)
    for name, value in (("ROOT_PATH", "/all"), ("INGEST__ROOT_PATH", "/own"), ("PORT", "1234")):
        monkeypatch.setenv(name, value)
    paths = {name: vars(services.build(name))["root_path"] for name in specs}
    assert paths == {"ingest": "/own", "hotlist": "/all"}
    assert vars(services.build("ingest"))["port"] == 1234


def test_audit_gets_the_mac_key_of_every_service_unless_they_are_given() -> None:
    keys = {name: f"key-{number}" for number, name in enumerate(MAC_KEYS)}
    pairs = {name.removesuffix("__EVENT_MAC_KEY").lower(): key for name, key in keys.items()}
    told = dict(pair.split(":") for pair in audits_mac_keys(keys)[AUDITS].split())
    assert told == pairs
    assert {"audit", "recognition"} <= pairs.keys()
    assert audits_mac_keys({**keys, AUDITS: "given"}) == {}
    assert audits_mac_keys({MAC_KEYS[0]: "one of them"}) == {}


def test_each_process_has_its_own_principal_and_one_process_cannot_have_all() -> None:
    given = {"KAFKA_CERTIFICATE_FILE": "/keys/{service}.pem", "OTHER": "{service}"}
    assert as_principal(given, "audit") == {
        "KAFKA_CERTIFICATE_FILE": "/keys/audit.pem",
        "OTHER": "{service}",
    }
    with pytest.raises(LocalError, match=r"KAFKA_CERTIFICATE_FILE with .* needs a process"):
        refuse_principals_in_one_process(given)
    refuse_principals_in_one_process(as_principal(given, "audit"))


def test_a_set_up_link_is_printed_to_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert output_is_file()
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert not output_is_file()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert output_is_file(), "nobody knows where that goes"


@pytest.mark.parametrize("people", [True, False])
async def test_an_output_that_gets_no_set_up_link_says_so_while_there_are_no_people(
    people: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def has_people(_: object) -> bool:
        return people

    monkeypatch.setattr(set_up, "has_people", has_people)
    monkeypatch.setattr(set_up.Settings, "model_validate", lambda given: given)
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        lines = " ".join(await set_up.set_up_lines({}, "http://127.0.0.1:8000/console"))
    assert ("shown on a terminal alone" in lines) is not people
    assert "#set_up" not in lines


def test_the_gateway_logs_no_addresses_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their queries may have plates."""
    asked: dict[str, object] = {}
    monkeypatch.setattr(sys, "argv", ["gateway", "identity"])
    monkeypatch.setattr(gateway, "build", lambda _: FastAPI())
    monkeypatch.setattr(gateway, "configure_logging", lambda _: None)
    monkeypatch.setattr(gateway, "spare_collector", lambda: None)
    monkeypatch.setattr("uvicorn.run", lambda _, **given: asked.update(given))
    gateway.main()
    assert (asked["access_log"], asked["log_config"]) == (False, None)
