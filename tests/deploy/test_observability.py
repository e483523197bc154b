"""Alerting rules and dashboards name metrics that the services have; each alert has a runbook and a test by promtool.

`make test-observability` runs those tests; these read the files alone.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import metrics
from deploy.observability import dashboards, kubernetes
from deploy.observability.panels import Dashboard, Panel
from tests.deploy.reading import ROOT

HERE = ROOT / "deploy" / "observability"
TARGET = {"job", "app", "instance"}
"""Labels that Prometheus adds to each series of a target."""

OUTSIDE: Mapping[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity"},
    "node_filesystem_avail_bytes": {"device", "fstype", "mountpoint"},
    "node_filesystem_size_bytes": {"device", "fstype", "mountpoint"},
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
}
"""Metrics of others, with their labels: of Prometheus itself, of node-exporter, of the kubelet."""

WORDS = {"and", "or", "unless", "offset", "bool"}
GROUPING = r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)"
NEVER_CLEARS = {"Watchdog"}


@cache
def known() -> Mapping[str, set[str]]:
    """Return the labels of each metric by its name in expressions."""
    found = {name: {*labels} for name, labels in OUTSIDE.items()}
    for metric in metrics.all_declared():
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{end}": {*metric.labels} for end in ("sum", "count")}
            found[f"{metric.name}_bucket"] = {*metric.labels, "le"}
        else:
            found[metric.name] = {*metric.labels}
    return found


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """Return the alerting rules."""
    groups = yaml.safe_load(kubernetes.RULES.read_text())["groups"]
    found = tuple(rule for group in groups for rule in group["rules"])
    assert len(found) > 30, "the walk is broken"
    return found


def metrics_of(expr: str) -> set[str]:
    """Return the metrics that a PromQL expression names."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", re.sub(GROUPING, "", bare))
    return set(re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)) - WORDS


def matchers_of(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each metric with matchers, and the labels that they name."""
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expr):
        bare = re.sub(r'"[^"]*"', "", matchers)
        yield name, set(re.findall(r"[a-z_]\w*", bare))


def faults_of(expr: str, *texts: str) -> list[str]:
    """Return what an expression, and texts that show its labels, name and no service has."""
    named = metrics_of(expr)
    found = [f"{name} is no metric" for name in sorted(named - known().keys())]
    labels = TARGET.union(*(known().get(name, set()) for name in named))
    for name, matched in matchers_of(expr):
        unknown = matched - TARGET - known().get(name, matched)
        found += [f"{name} has no label {label}" for label in sorted(unknown)]
    grouped = {one.strip() for some in re.findall(GROUPING, expr) for one in some.split(",")}
    displayed = {one for text in texts for one in re.findall(r"(?:\$labels\.|\{\{)(\w+)", text)}
    return found + [
        f"no metric has the label {label}"
        for label in sorted(grouped | displayed - {""})
        if label and label not in labels
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE) if page.is_file() else []
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def faults(rule: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an alerting rule."""
    annotations = rule.get("annotations", {})
    found = [
        f"no {name}" for name in ("summary", "description", "runbook") if not annotations.get(name)
    ]
    if rule.get("labels", {}).get("severity") not in {"page", "ticket", "none"}:
        found.append("no severity")
    runbook = re.fullmatch(r"(docs/operations/[\w-]+\.md)#([\w-]+)", annotations.get("runbook", ""))
    if runbook is None or runbook[2] not in anchors(ROOT / runbook[1]):
        found.append(f"no runbook at {annotations.get('runbook')}")
    if "/" in re.sub(r'"[^"]*"', "", rule["expr"]):
        found.append("it divides")
    texts = (annotations.get("summary", ""), annotations.get("description", ""))
    return found + faults_of(rule["expr"], *texts)


def test_each_rule_names_metrics_and_labels_that_exist_and_has_a_runbook() -> None:
    found = {rule["alert"]: faults(rule) for rule in rules()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == len(rules()), "two rules have one name"


RULE = {
    "alert": "Planted",
    "expr": "max by (service) (alpr_outbox_backlog) > 0",
    "labels": {"severity": "page"},
    "annotations": {
        "summary": "{{ $labels.service }}",
        "description": "It waits.",
        "runbook": "docs/operations/postgres.md#outboxwaiting",
    },
}


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ({"expr": "alpr_outbox > 0"}, "alpr_outbox is no metric"),
        ({"expr": "rate(alpr_alert_seconds[5m]) > 0"}, "alpr_alert_seconds is no metric"),
        ({"expr": 'alpr_outbox_backlog{topic="x"} > 0'}, "alpr_outbox_backlog has no label topic"),
        ({"expr": "max by (topic) (alpr_outbox_backlog) > 0"}, "no metric has the label topic"),
        ({"expr": "alpr_outbox_backlog / alpr_outbox_backlog > 0"}, "it divides"),
        ({"labels": {}}, "no severity"),
        ({"annotations": {**RULE["annotations"], "summary": "{{ $labels.topic }}"}}, "no metric has the label topic"),
        ({"annotations": {**RULE["annotations"], "description": ""}}, "no description"),
        (
            {"annotations": {**RULE["annotations"], "runbook": "docs/operations/postgres.md#planted"}},
            "no runbook at docs/operations/postgres.md#planted",
        ),
    ],
)  # fmt: skip
def test_a_faulty_rule_is_found(planted: dict[str, Any], fault: str) -> None:
    assert faults(RULE) == []
    assert fault in faults({**RULE, **planted})


@cache
def cases() -> tuple[dict[str, Any], ...]:
    """Return the tests that promtool runs."""
    files = [yaml.safe_load(path.read_text()) for path in sorted((HERE / "tests").glob("*.yaml"))]
    return tuple(case for file in files for case in file["tests"])


def is_seen(alert: str, case: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Return whether a test sees an alert quiet before it fires, firing, and cleared afterwards."""
    named = f'alertname="{alert}"'
    states = [bool(one["exp_samples"]) for one in case["promql_expr_test"] if named in one["expr"]]
    first = states.index(True) if True in states else len(states)
    return False in states[:first], True in states, False in states[first:]


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
def test_promtool_sees_each_alert_fire_and_clear(alert: str) -> None:
    seen = [is_seen(alert, case) for case in cases()]
    assert any(one[1] if alert in NEVER_CLEARS else all(one) for one in seen)


def test_an_alert_that_never_clears_in_its_test_is_found() -> None:
    expr = 'count(ALERTS{alertname="Planted", alertstate="firing"})'
    tests = [{"expr": expr, "exp_samples": some} for some in ([], [{"value": 1}])]
    assert is_seen("Planted", {"promql_expr_test": tests}) == (True, True, False)
    assert is_seen("Other", {"promql_expr_test": tests}) == (False, False, False)


def test_the_recorded_series_are_such_as_the_services_have() -> None:
    series = {one["series"] for case in cases() for one in case["input_series"]}
    assert len(series) > 50
    assert {one: faults_of(one) for one in series if faults_of(one)} == {}
    assert faults_of('alpr_outbox_backlog{schema="x"}') == [
        "alpr_outbox_backlog has no label schema"
    ]


def test_a_small_department_in_order_is_tested_to_be_quiet() -> None:
    [healthy] = [case for case in cases() if case["name"] == "a healthy small department"]
    [asked] = healthy["promql_expr_test"]
    assert [one["labels"] for one in asked["exp_samples"]] == ['{alertname="Watchdog"}']


def test_the_generated_files_are_fresh() -> None:
    written = {**dashboards.files(), **kubernetes.files()}
    stale = [path.name for path, text in written.items() if path.read_text() != text]
    assert not stale, "run `make dashboards`"
    assert {*written} >= {*(HERE / "dashboards").glob("*.json")}


def test_the_cluster_gets_the_very_same_rules() -> None:
    resource = yaml.safe_load(kubernetes.FILE.read_text())
    assert (resource["apiVersion"], resource["kind"]) == (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
    )
    assert resource["spec"] == yaml.safe_load(kubernetes.RULES.read_text())


@pytest.mark.parametrize("dashboard", dashboards.DASHBOARDS, ids=lambda one: one.name)
def test_each_panel_names_metrics_and_labels_that_exist(dashboard: Dashboard) -> None:
    found = {
        f"{panel.title}: {legend}": faults_of(expr, legend)
        for panel in dashboard.panels
        for legend, expr in panel.queries.items()
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(json.loads(dashboard.as_json())["panels"]) == len(dashboard.panels) > 5
    assert all(panel.about and panel.title for panel in dashboard.panels)


def test_a_panel_with_an_unknown_metric_and_a_row_that_is_too_wide_are_found() -> None:
    panel = Panel(title="x", about="x", queries={"{{topic}}": "alpr_outbox"}, width=13)
    [(legend, expr)] = panel.queries.items()
    assert faults_of(expr, legend) == ["alpr_outbox is no metric", "no metric has the label topic"]
    wide = Dashboard(name="x", title="x", about="x", rows=[[panel, panel]])
    with pytest.raises(ValueError, match="26 units wide"):
        wide.as_json()


def test_the_tests_of_rules_fail_without_promtool_and_say_how_to_get_it() -> None:
    make = ["make", "--silent", "test-observability", "PROMTOOL=/nowhere/promtool"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "apt-get install prometheus" in done.stdout
