"""What `make test-k8s` adds to the example overlay, and what it expects of network policies."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster.cluster import OUTSIDE
from services.registry import SPECS
from tests.cluster import ingress, reach
from tests.cluster.department import NAMESPACE, OBJECTS, Department
from tests.deploy.reading import ROOT, built, of_kind, resources

STAND_INS = [
    found
    for name in ("stores", "objects")
    for found in yaml.safe_load_all((ROOT / "tests" / "cluster" / f"{name}.yaml").read_text())
]


@pytest.fixture
def department(tmp_path: Path) -> Department:
    found = Department(tmp_path)
    found.draw()
    return found


def references(content: Any, namespace: str) -> set[tuple[str, str, str]]:
    """Return namespace, name and key of the Secrets that pods cannot start without; key "" for all of it."""
    found: set[tuple[str, str, str]] = set()
    if isinstance(content, list):
        return found.union(*(references(one, namespace) for one in content))
    if not isinstance(content, dict):
        return found
    if (one := content.get("secretKeyRef")) and not one.get("optional"):
        found.add((namespace, one["name"], one["key"]))
    for way in ("secret", "secretRef"):
        if one := content.get(way):
            name = one.get("secretName", one.get("name"))
            found |= {(namespace, name, item["key"]) for item in one.get("items", [{"key": ""}])}
    return found.union(*(references(one, namespace) for one in content.values()))


def test_every_secret_that_a_pod_needs_is_drawn(department: Department) -> None:
    drawn = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["stringData"]
        for one in department.objects()
        if one["kind"] == "Secret"
    }
    needed: set[tuple[str, str, str]] = set()
    for found in (*resources(), *STAND_INS):
        if found["kind"] in ("Deployment", "Job", "CronJob", "StatefulSet"):
            needed |= references(found, found["metadata"]["namespace"])
    assert len(needed) > 40
    assert [one for one in needed if one[:2] not in drawn] == []
    assert [one for one in needed if one[2] and one[2] not in drawn[one[:2]]] == []


def test_the_overlay_adds_settings_and_one_way_out_and_changes_nothing_else(
    department: Department,
) -> None:
    def plain(found: dict[str, Any]) -> str:
        text = yaml.safe_dump({**found, "data": {}} if found["kind"] == "ConfigMap" else found)
        return re.sub(r"(plateward-(?:kafka|objects|trust))-[0-9a-z]{10}\b", r"\1-HASH", text)

    ours = {plain(one) for one in built(department.overlay())}
    example = {plain(one) for one in resources()}
    assert example < ours
    [added] = [yaml.safe_load(one) for one in ours - example]
    assert (added["kind"], added["metadata"]["name"]) == (
        "NetworkPolicy",
        "allow-to-stand-in-objects",
    )


def test_the_stand_in_of_the_controller_serves_every_path_of_the_overlay_and_no_other() -> None:
    ingresses = [*of_kind("Ingress").values()]
    text = ingress.caddyfile(ingresses)
    paths = [p for i in ingresses for rule in i["spec"]["rules"] for p in rule["http"]["paths"]]
    assert text.count("reverse_proxy ") == len(paths) > len(SPECS)
    assert (
        f"path /ingest/v1 /ingest/v1/*\n\thandle @3 {{\n\t\treverse_proxy ingest.{NAMESPACE}."
        in text
    )
    assert "path /ingest/docs\n" in text
    assert "metrics" not in text
    assert text.count("respond 404") == sum(len(i["spec"]["rules"]) for i in ingresses)
    assert "max_size 101MB" in text


def test_only_the_consoles_pods_may_ask_services_and_only_those_with_tables_the_database() -> None:
    assert reach.allowed("console") == {*SPECS} - {"console", "recognition"}
    assert reach.allowed("recognition") == {"kafka", "objects", "the S3 provider"}
    assert reach.allowed("identity") == {"kafka", "postgres", "the mail server"}
    for name in SPECS:
        assert "the cluster's API" not in reach.allowed(name)


def test_addresses_outside_are_in_the_ranges_that_the_overlay_opens() -> None:
    ranges = re.findall(r"'cidr': '([0-9./]+)'", str(of_kind("NetworkPolicy")))
    for target in reach.OUTSIDE:
        assert any(ip_address(target.host) in ip_network(opened) for opened in ranges)
    assert {target.host for target in reach.OUTSIDE} == set(OUTSIDE)


def test_the_s3_server_has_a_namespace_of_its_own() -> None:
    found = {one["metadata"]["namespace"] for one in STAND_INS}
    assert found == {NAMESPACE, OBJECTS}
