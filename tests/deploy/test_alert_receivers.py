"""Alertmanager's receivers follow from the settings in `.env`; what they name cannot change the configuration."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.reading import ROOT, compose

FOLDER = ROOT / "deploy" / "observability"
BASE = FOLDER / "alertmanager.yaml"

MAIL = {"ALERT_SMTP_HOST": "mail.example.org:587", "ALERT_MAIL_FROM": "alpr@example.org"}


def rendered(*, base: Path = BASE, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Alertmanager's container does: every setting is there, unset ones are empty."""
    unset = dict.fromkeys(compose()["services"]["alertmanager"]["environment"], "")
    return subprocess.run(
        ["sh", FOLDER / "receivers.sh", base],
        env={"PATH": os.environ["PATH"], **unset, **given},
        capture_output=True,
        text=True,
    )


def configuration(**given: str) -> dict[str, Any]:
    """Return the configuration that some settings make."""
    done = rendered(**given)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert isinstance(found, dict)
    return found


def receivers(**given: str) -> dict[str, dict[str, Any]]:
    """Return the receivers that some settings make, by name."""
    return {one.pop("name"): one for one in configuration(**given)["receivers"]}


def test_every_route_has_a_receiver_and_without_settings_none_is_asked() -> None:
    route = configuration()["route"]
    routed = {route["receiver"], *(one["receiver"] for one in route["routes"])}
    assert receivers() == {name: {} for name in routed}
    assert "alerts reach only those who open Grafana" in rendered().stderr
    assert "ALERT_WATCHDOG_URL is not set" in rendered().stderr


def test_the_watchdog_goes_to_the_dead_man_switch_alone_and_again_each_minute() -> None:
    given = {"ALERT_WATCHDOG_URL": "https://switch.example.org/1", "ALERT_TOKEN": "drawn"}
    found = configuration(**given)
    [way] = [one for one in found["route"]["routes"] if "Watchdog" in str(one["matchers"])]
    assert (way["receiver"], way["group_interval"], way["repeat_interval"]) == (
        "dead-man",
        "1m",
        "1m",
    )
    assert found["route"]["routes"].index(way) == 0
    asked = {"send_resolved": False, "url": "https://switch.example.org/1"}
    assert receivers(**given) == {
        "ticket": {},
        "page": {},
        "dead-man": {"webhook_configs": [asked]},
    }


def test_tickets_and_pages_have_a_webhook_a_mailbox_or_both() -> None:
    found = receivers(
        ALERT_TICKET_MAIL="it@example.org",
        ALERT_PAGE_URL="https://pager.example.org/x",
        ALERT_TOKEN="it's: #1",
        **MAIL,
    )
    assert found["ticket"] == {"email_configs": [{"send_resolved": True, "to": "it@example.org"}]}
    authorised = {"authorization": {"credentials": "it's: #1"}}
    page = {"send_resolved": True, "url": "https://pager.example.org/x", "http_config": authorised}
    assert found["page"] == {"webhook_configs": [page]}


def test_a_page_goes_where_tickets_go_if_it_has_no_receiver_of_its_own() -> None:
    found = receivers(
        ALERT_TICKET_URL="https://chat.example.org/x", ALERT_TICKET_MAIL="it@x", **MAIL
    )
    assert found["page"] == found["ticket"]
    assert set(found["page"]) == {"webhook_configs", "email_configs"}


def test_mail_goes_by_tls_with_the_given_user() -> None:
    user = {"ALERT_SMTP_USER": "alpr", "ALERT_SMTP_PASSWORD": "a'b\"c$HOME`x`"}
    assert configuration(ALERT_TICKET_MAIL="it@x", **MAIL, **user)["global"] == {
        "smtp_require_tls": True,
        "smtp_smarthost": "mail.example.org:587",
        "smtp_from": "alpr@example.org",
        "smtp_auth_username": "alpr",
        "smtp_auth_password": "a'b\"c$HOME`x`",
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ALERT_TICKET_MAIL": "it@example.org"}, "needs ALERT_SMTP_HOST"),
        ({**MAIL, "ALERT_SMTP_HOST": "mail.example.org"}, "ALERT_SMTP_HOST is host:port"),
        ({**MAIL, "ALERT_MAIL_FROM": ""}, "ALERT_MAIL_FROM must be"),
        ({"ALERT_PAGE_URL": "http://pager.example.org/"}, "receiver page is https://host/path"),
        ({"ALERT_WATCHDOG_URL": "switch.example.org"}, "receiver dead-man is https://host/path"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(given: dict[str, str], why: str) -> None:
    done = rendered(**given)
    assert done.returncode == 2
    assert why in done.stderr


def test_a_file_with_receivers_of_its_own_stays_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"{BASE.read_text()}receivers:\n  - name: ticket\n")
    done = rendered(base=own, ALERT_TICKET_URL="https://chat.example.org/x")
    assert (done.returncode, done.stdout) == (0, own.read_text())


def test_the_container_renders_its_configuration_from_the_mounted_files() -> None:
    container = compose()["services"]["alertmanager"]
    mounted = {one["target"]: one["source"] for one in container["configs"]}
    files = {target: compose()["configs"][source]["file"] for target, source in mounted.items()}
    [command] = container["command"]
    script, base, written = (command.split()[n] for n in (1, 2, 4))
    assert files[script] == "./deploy/observability/receivers.sh"
    assert "deploy/observability/alertmanager.yaml" in files[base]
    assert f"--config.file={written.rstrip(';')}" in command
    assert container["entrypoint"] == ["/bin/sh", "-ec"], "it ends if the script refuses"


def test_an_alert_keeps_back_those_of_its_own_service_alone() -> None:
    """Else nothing is heard of hotlist's consumer, and so of alerts to officers, while release is down."""
    [rule] = configuration()["inhibit_rules"]
    assert rule["equal"] == ["app"]
    named = re.findall(r"[A-Z]\w+", f"{rule['source_matchers']} {rule['target_matchers']}")
    groups = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    rules = {one["alert"]: one for group in groups for one in group["rules"]}
    assert len(named) == 6
    for name in named:
        by = "by (app, " in rules[name]["expr"] or 'up{job="plateward"}' in rules[name]["expr"]
        assert by or "app" in rules[name]["labels"], name
