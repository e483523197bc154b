"""The alerting rules during a run: Prometheus itself evaluates deploy/observability/rules.yaml, with shorter waits.

A day's load passes in an hour, so a rule's `for` is a 24th of what the file says; every other number is the file's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.registry import SPECS, names
from shared.objects.rights import RIGHTS
from shared.service.spec import Dependency, Kind
from tests.chaos.plan import ALL_BROKERS, POSTGRES, SERVICES, Fault, What
from tests.prometheus import Prometheus, at_every_s

RULES = Path("deploy/observability/rules.yaml")
FASTER = 24
"""By how much a `for` is shortened."""
EVERY_S = 1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

FOLLOW_THE_LOG = set(names(Kind.API)) - {"audit"}
"""Services that measure how far the log is behind by a clock other than the log's."""

USE_OBJECTS = {name for name in RIGHTS if Dependency.OBJECTS not in SPECS[name].ready_without}
"""Services whose readiness tries to write an object."""

NOTICED_S = 5.0
"""A probe that hangs, a readiness asked every second, a scrape and an evaluation: what comes before a rule's `for`."""


@dataclass(frozen=True, order=True)
class Alert:
    """An alert by its name, and the part that its labels name, if one is expected."""

    name: str
    part: str = ""


def shortened() -> dict[str, Any]:
    """Return the rules with each `for` shortened."""
    return {
        "groups": [
            {**group, "rules": [{**rule, **_waits(rule)} for rule in group["rules"]]}
            for group in rules()["groups"]
        ]
    }


def _waits(rule: Mapping[str, Any]) -> dict[str, str]:
    return {"for": f"{round(1000 * seconds(rule['for']) / FASTER)}ms"} if "for" in rule else {}


def seconds(text: str) -> int:
    """Return the seconds of a duration of one unit, as the rules have them."""
    return int(text[:-1]) * _UNITS[text[-1]]


@cache
def rules() -> dict[str, Any]:
    """Return the delivered rules."""
    loaded: dict[str, Any] = yaml.safe_load(RULES.read_text())
    return loaded


def waits_s(name: str) -> float:
    """Return the shortened `for` of a rule."""
    [found] = [r for g in rules()["groups"] for r in g["rules"] if r["alert"] == name]
    return seconds(found.get("for", "0s")) / FASTER


def expected(faults: Sequence[Fault], dead: int) -> set[Alert]:
    """Return the alerts that must fire in a run: those of faults that last longer than the rule waits.

    Kills are mended before a rule fires, one broker of three may be away, and a slow part still works: for them none
    must.
    """
    must = {Alert("Watchdog")}
    for fault in faults:
        must |= {alert for alert in _of(fault) if fault.lasts_s >= waits_s(alert.name) + NOTICED_S}
    return must | ({Alert("DeadLetters")} if dead else set())


def _of(fault: Fault) -> Iterable[Alert]:
    away = {What.CUT, What.SILENT}
    match fault:
        case Fault(what=What.STOP, part=part) if part in SERVICES:
            yield Alert("ServiceDown", part)
        case Fault(what=What.STOP, part="postgres"):
            yield Alert("PostgresDown")
        case Fault(what=what, part=part) if what in away and part == POSTGRES:
            yield Alert("PostgresDown")
        case Fault(what=what, part=part) if what in away and part == ALL_BROKERS:
            yield Alert("KafkaDown")
        case Fault(what=What.FULL, part=part) if part in USE_OBJECTS:
            yield Alert("ObjectStoreDown", part)
        case Fault(what=What.CLOCK, part=part, how=how) if part in FOLLOW_THE_LOG and how > 60:
            yield Alert("AuditLogBehind", part)


def missing(must: Iterable[Alert], fired: Sequence[Mapping[str, str]]) -> list[Alert]:
    """Return the alerts that must have fired and did not; `fired` has the labels of those that did."""
    return sorted(
        alert
        for alert in must
        if not any(
            labels["alertname"] == alert.name
            and (not alert.part or alert.part in (labels.get("app"), labels.get("service")))
            for labels in fired
        )
    )


def watching(program: str, folder: Path, urls: Mapping[str, str]) -> Prometheus:
    """Return Prometheus, not started: it scrapes the services and evaluates the shortened rules every second."""
    targets = [
        {"targets": [url.removeprefix("http://")], "labels": {"app": app}}
        for app, url in urls.items()
        if app in SERVICES
    ]
    config = {
        "global": at_every_s(EVERY_S),
        "scrape_configs": [{"job_name": "plateward", "static_configs": targets}],
    }
    return Prometheus(program, folder, config, shortened())
