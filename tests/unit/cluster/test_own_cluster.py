"""A cluster of our own: its programs, its credentials, and the images that its pods need."""

import csv
import json
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.cluster import images, place
from deploy.cluster.credentials import ADMINISTRATOR, Credentials
from deploy.cluster.images import IMAGES
from deploy.cluster.node import Node, make_cgroups, remove_cgroups
from deploy.cluster.place import Place
from deploy.cluster.programs import NODE, PROGRAMS, programs
from local.stack.process import LocalError
from tests.deploy.reading import ROOT, of_kind, resources

WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
FILES = (
    "deploy/cluster/objects.yaml",
    "tests/cluster/stores.yaml",
    "tests/cluster/objects.yaml",
)


@pytest.mark.parametrize("name", NODE)
def test_every_program_is_fixed_by_a_module_of_its_folder(name: str) -> None:
    wanted = PROGRAMS[name]
    assert {"go.mod", "go.sum"} <= {path.name for path in wanted.sources}
    required = re.findall(
        r"^(?:require|\t)\s*(\S+) v", (wanted.folder / "go.mod").read_text(), re.MULTILINE
    )
    assert wanted.package == "." or any(wanted.package.startswith(module) for module in required)


def test_a_program_is_built_once_and_again_when_its_modules_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, tools = tmp_path / "module", tmp_path / "bin"
    module.mkdir()
    tools.mkdir()
    for name in ("go.mod", "go.sum"):
        (module / name).write_text(name)
    go = tools / "go"
    go.write_text(
        f'#!/bin/sh\necho built >>{tmp_path}/builds\nfor word; do [ "$last" != -o ] || : >"$word"; last=$word; done\n'
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setitem(PROGRAMS, "coredns", PROGRAMS["coredns"].__class__(".", module))
    first = programs(["coredns"], tmp_path / "cache")["coredns"]
    assert programs(["coredns"], tmp_path / "cache")["coredns"] == first
    (module / "go.sum").write_text("another")
    assert programs(["coredns"], tmp_path / "cache")["coredns"] != first
    assert (tmp_path / "builds").read_text().splitlines() == ["built"] * 2


def test_a_missing_go_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="install Go"):
        programs(["coredns"], tmp_path)


def test_each_client_of_the_cluster_has_a_token_of_its_own(tmp_path: Path) -> None:
    drawn = Credentials(tmp_path / "secrets", "https://server:6443")
    drawn.draw(["server"], {"node1": "10.0.0.1"})
    with (tmp_path / "secrets" / "tokens.csv").open() as file:
        rows = {row[1]: (row[0], row[3:]) for row in csv.reader(file)}
    assert rows[ADMINISTRATOR][1] == ["system:masters"]
    assert rows["system:node:node1"][1] == ["system:nodes"]
    assert [groups for name, (_, groups) in rows.items() if name.startswith("system:kube")] == [
        []
    ] * 3
    assert len({token for token, _ in rows.values()}) == len(rows)
    for user, (token, _) in rows.items():
        given = json.loads(drawn.kubeconfig(user).read_text())
        assert given["users"][0]["user"] == {"token": token}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()}
    assert modes == {0o600}


def test_every_image_of_a_pod_is_handed_to_the_nodes() -> None:
    found = [r for r in resources() if r["kind"] in WORKLOADS]
    for name in FILES:
        found += [
            r for r in yaml.safe_load_all((ROOT / name).read_text()) if r["kind"] in WORKLOADS
        ]
    named = set(re.findall(r"'image': '([^']+)'", str(found)))
    assert len(named) > len(of_kind("Deployment"))
    assert named <= set(IMAGES)
    assert {image for image in IMAGES if image.startswith("plateward/")} == set(images.SERVICES)


def test_pods_and_addresses_of_nodes_do_not_meet(tmp_path: Path) -> None:
    nodes = [Node(Place(tmp_path / str(number)), number) for number in (1, 2)]
    for what in ("name", "address", "pods", "cgroup"):
        assert len({getattr(node, what) for node in nodes}) == 2


@pytest.mark.parametrize("version", [1, 2])
def test_control_groups_of_a_node_are_made_and_removed_with_all_below_them(
    version: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.cluster.node.CGROUPS", tmp_path)
    if version == 2:
        (tmp_path / "cgroup.controllers").touch()
    tops = [tmp_path] if version == 2 else [tmp_path / "memory", tmp_path / "pids"]
    for top in tops:
        top.mkdir(exist_ok=True)
    make_cgroups("of-a-test")
    for top in tops:
        (top / "of-a-test" / "pods" / "one").mkdir(parents=True)
    remove_cgroups("of-a-test")
    assert not list(tmp_path.rglob("of-a-test"))


def test_the_script_of_a_place_is_valid_shell() -> None:
    script = Path(place.__file__).with_name("place.sh")
    assert subprocess.run(["/bin/sh", "-n", script], check=False).returncode == 0


def test_a_cluster_of_our_own_needs_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalError, match="needs root; or name yours with KUBECONFIG"):
        Place(tmp_path).start()
