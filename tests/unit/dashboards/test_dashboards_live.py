"""What the trial of dashboards and rules stands on: the committed files, shortened and drawn by program."""

import json
import re

import yaml

from deploy.observability.programs import ALERTMANAGER_VERSION, COLLECTOR_BUILDER, version
from local.stack.servers import ROOT
from local.stack.services import APIS, WORKERS
from tests.chaos.rules import rules
from tests.dashboards.drawing import page
from tests.dashboards.hurried import Disk, hurried
from tests.dashboards.panels import RIGHTLY_EMPTY, FilledPanel, Line, dashboards, empty
from tests.dashboards.servers import OBSERVABILITY, prometheus_config
from tests.dashboards.traces import from_post_to_alert
from tests.dashboards.trials import ON_APACHE, TRIALS

SERVICES = sorted((*APIS, *WORKERS))
FREE = 50 * 2**30
DISK = Disk(size_bytes=200 * 2**30, free_bytes=FREE)


def by_name(groups):
    return {rule["alert"]: rule for group in groups["groups"] for rule in group["rules"]}


def test_each_rule_is_tried_live():
    tried = {name for trial in (*TRIALS, *ON_APACHE) for name in trial.rules}
    assert tried | {"Watchdog"} == by_name(rules()).keys()


def test_rules_in_a_hurry_differ_in_times_and_limits_alone():
    delivered, faster = by_name(rules()), by_name(hurried(DISK))
    assert delivered.keys() == faster.keys()
    names = re.compile(r"alpr_\w+|node_\w+|up|absent|by|unless|and|or")
    for name, rule in delivered.items():
        assert faster[name]["labels"] == rule["labels"]
        assert names.findall(faster[name]["expr"]) == names.findall(rule["expr"]), name
    assert faster["ServiceDown"]["for"] == "2000ms"
    assert faster["ServiceDown"]["expr"] == delivered["ServiceDown"]["expr"]
    assert "[5000ms]" in faster["RequestsFailing"]["expr"]
    assert "offset 60000ms" in faster["DeadLetters"]["expr"]
    assert "> 5 " in f"{faster['OutboxWaiting']['expr']} "
    assert f"< {FREE - 4 * 2**30} + 0 * node_filesystem_size_bytes" in faster["DiskFull"]["expr"]
    assert "< 0.08 * kubelet_volume_stats_capacity_bytes" in faster["DiskFull"]["expr"]
    assert faster["KafkaDiskFull"]["expr"].endswith("> 0.770000")
    assert faster["MonthsOverdue"]["for"] == "60000ms"


def test_prometheus_has_the_committed_configuration_with_other_addresses():
    committed = yaml.safe_load((OBSERVABILITY / "prometheus.yaml").read_text())
    urls = {name: f"http://127.0.0.1:{number}" for number, name in enumerate(SERVICES, 9000)}
    config = prometheus_config(urls, "127.0.0.1:1", "127.0.0.1:2")
    assert config["global"] == committed["global"]
    targets = [one["targets"] for one in config["scrape_configs"][0]["static_configs"]]
    assert [[url.removeprefix("http://")] for url in urls.values()] == targets
    assert config["alerting"]["alertmanagers"][0]["static_configs"] == [
        {"targets": ["127.0.0.1:1"]}
    ]


def test_the_programs_have_the_versions_of_the_images_in_compose():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert f":{version().removeprefix('v')}" in services["collector"]["image"]
    assert f":{ALERTMANAGER_VERSION}" in services["alertmanager"]["image"]
    parts = re.findall(r" (v[\d.]+)$", COLLECTOR_BUILDER.read_text(), re.MULTILINE)
    assert len(parts) == 4
    assert set(parts) == {version()}
    configured = yaml.safe_load((OBSERVABILITY / "collector.yaml").read_text())
    for kind, suffix in (
        ("receivers", "receiver"),
        ("processors", "processor"),
        ("exporters", "exporter"),
    ):
        for name in configured[kind]:
            assert f"/{name.replace('_', '')}{suffix} " in COLLECTOR_BUILDER.read_text(), name


def test_every_panel_of_every_dashboard_is_drawn_with_its_title_and_figures():
    line = Line("one & two", {"alertname": "Watchdog"}, ((1.0, 0.25), (6.0, 90.0)))
    for dashboard in dashboards():
        panels = [FilledPanel(dashboard["uid"], panel, (line,)) for panel in dashboard["panels"]]
        assert empty(panels) == []
        drawn = page(dashboard, panels)
        assert drawn.count("<section") == len(panels)
        assert "No data" not in drawn
        assert "& two" not in drawn
        assert "not by Grafana" in drawn
        bare = [FilledPanel(dashboard["uid"], panel, ()) for panel in dashboard["panels"]]
        titles = {panel.title for panel in bare}
        assert set(empty(bare)) == titles - RIGHTLY_EMPTY.keys()
        assert page(dashboard, bare).count("No data") == len(bare)


def test_a_trace_from_a_post_to_an_alert_is_found(tmp_path):
    path = tmp_path / "traces.json"
    assert from_post_to_alert(path) == []
    path.write_text(_line("ingest", "a", "POST /v1/reads", 1) + _line("hotlist", "b", "alert", 2))
    assert from_post_to_alert(path) == []
    path.write_text(path.read_text() + _line("hotlist", "a", "alert", 3) + '{"unfinished')
    assert from_post_to_alert(path) == ["ingest: POST /v1/reads", "hotlist: alert"]


def _line(service, trace, name, at):
    span = {"traceId": trace, "name": name, "startTimeUnixNano": str(at)}
    named = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    spans = {"resource": named, "scopeSpans": [{"spans": [span]}]}
    return json.dumps({"resourceSpans": [spans]}) + "\n"
