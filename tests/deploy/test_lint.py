"""The checks of manifests and Dockerfiles: each linter finds what is planted, and exceptions cover what they name."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.cluster.programs import VERSION
from deploy.lint import __main__ as command
from deploy.lint.definitions import KINDS, schemas_of
from deploy.lint.exceptions import Finding, Waiver, left, read_waivers
from deploy.lint.linters import hadolint, kube_score, kubeconform, manifests
from deploy.lint.programs import WHEELS, Programs, lacking, programs
from deploy.lint.schemas import KUBERNETES, OPERATORS, file_name, schema_folder
from tests.deploy.reading import built, resources

FOUND = Finding("a-linter", "a-check", "Deployment/ingest", "lacks something")
WAIVER = Waiver("a-linter", "a-check", ["Deployment/ingest"], "it does not need it")


def test_a_finding_without_an_exception_is_left_and_one_with_it_is_not() -> None:
    other = Finding("a-linter", "a-check", "Deployment/audit", "lacks something")
    assert left([FOUND, other], [WAIVER]) == [
        "Deployment/audit: lacks something (a-linter a-check)"
    ]


def test_an_exception_that_covers_no_finding_is_a_finding() -> None:
    [line] = left([], [WAIVER])
    assert "is no longer needed" in line


@pytest.mark.parametrize("lacks", ["why", "places"])
def test_an_exception_names_its_places_and_a_reason(tmp_path: Path, lacks: str) -> None:
    parts = {"why": "because", "places": ["Job/a"], "linter": "a", "check": "b"}
    parts[lacks] = "" if lacks == "why" else []
    file = tmp_path / "exceptions.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in parts.items()]
    file.write_text("\n".join(["[[exception]]", *lines]))
    with pytest.raises(ValueError, match="names no reason, or no place"):
        read_waivers(file)


def test_no_exception_switches_a_check_off_whole() -> None:
    waivers = read_waivers()
    assert waivers
    assert all("*" not in place and "/" in place for one in waivers for place in one.places)


def test_the_schemas_are_of_the_cluster_s_version_of_kubernetes() -> None:
    assert VERSION.startswith(f"v{KUBERNETES}.")


def test_every_kind_of_an_operator_that_has_a_schema_is_checked_by_it() -> None:
    assert {path.name for path in OPERATORS.glob("*.json")} == {file_name(*kind) for kind in KINDS}
    assert {(one["apiVersion"], one["kind"]) for one in of_operators()} >= KINDS


@cache
def of_operators() -> tuple[dict[str, Any], ...]:
    """Return the resources of the folders that ask operators for something."""
    k8s = OPERATORS.parents[1] / "k8s"
    folders = ("overlays/operators", "monitoring", "admission")
    return tuple(one for name in folders for one in built(k8s / name))


def test_a_schema_of_a_definition_refuses_unknown_fields_and_takes_names_of_keywords() -> None:
    described = {"type": "string", "description": "words", "nullable": True}
    spec = {"type": "object", "properties": {"description": described, "size": SIZE, "any": ANY}}
    whole = {"type": "object", "properties": {"spec": spec, "metadata": {"type": "object"}}}
    version = {"name": "v1", "schema": {"openAPIV3Schema": whole}}
    definition = {
        "spec": {
            "group": "cert-manager.io",
            "names": {"kind": "Issuer"},
            "versions": [version, {**version, "name": "v0"}],
        }
    }
    [(name, schema)] = schemas_of(definition).items()
    assert name == "issuer-cert-manager-v1.json"
    fine: dict[str, Any] = {"description": None, "size": "1Gi", "any": {"a": 1}}
    jsonschema.validate({"spec": fine, "metadata": {"name": "a"}}, schema)
    for broken in ({"spec": {"sise": 1}}, {"spec": {"size": 1.5}}, {"spec": {"description": 1}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


SIZE = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}}


def test_kubernetes_own_schemas_stand_alone(tmp_path: Path) -> None:
    kinds = {(one["apiVersion"], one["kind"]) for one in resources()}
    location = schema_folder(kinds, tmp_path)
    assert location.startswith(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {file_name(*kind) for kind in kinds}
    for path in tmp_path.iterdir():
        assert "_definitions" not in path.read_text()


def test_where_go_is_missing_lint_says_so_in_one_line_and_the_own_target_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["--where-possible"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("deployment files not checked: there is no `go` here")
    monkeypatch.setattr("deploy.lint.programs.CACHE", tmp_path)
    monkeypatch.setattr(command, "programs", lambda: programs(tmp_path))
    assert command.main([]) == 2
    assert "install Go" in capsys.readouterr().err


def test_a_go_too_old_to_fetch_a_newer_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lacking() == "`go` is older than 1.21"


def test_hadolint_is_pinned_by_its_hash() -> None:
    assert "--hash=sha256:" in WHEELS.read_text()


@pytest.fixture(scope="module")
def linters() -> Programs:
    return programs()


def planted(tmp_path: Path, kind: str, change: dict[str, Any]) -> Path:
    """Return a file with the resources of the example in which one of `kind` is changed in its spec."""
    found = [dict(one) for one in resources()]
    one = next(r for r in found if r["kind"] == kind)
    one["spec"] = {**one["spec"], **change}
    file = tmp_path / "planted.yaml"
    file.write_text(yaml.safe_dump_all(found))
    return file


@pytest.mark.linters
def test_kubeconform_finds_an_unknown_field_and_a_wrong_type(
    linters: Programs, tmp_path: Path
) -> None:
    file = planted(tmp_path, "Deployment", {"replicaz": 2, "minReadySeconds": "often"})
    found = {one.what for one in kubeconform(linters.kubeconform, [file])}
    assert any("replicaz" in what for what in found)
    assert any("minReadySeconds" in what for what in found)


@pytest.mark.linters
@pytest.mark.parametrize("kind", sorted(kind for _, kind in KINDS))
def test_kubeconform_finds_an_unknown_field_of_an_operator_s_kind(
    linters: Programs, tmp_path: Path, kind: str
) -> None:
    one = next(dict(r) for r in of_operators() if r["kind"] == kind)
    file = tmp_path / "planted.yaml"
    file.write_text(yaml.safe_dump(one))
    assert kubeconform(linters.kubeconform, [file]) == []
    one["spec"] = {**one["spec"], "plantedField": 1}
    file.write_text(yaml.safe_dump(one))
    [found] = kubeconform(linters.kubeconform, [file])
    assert "plantedField" in found.what


@pytest.mark.linters
def test_kubeconform_refuses_a_kind_without_a_schema(linters: Programs, tmp_path: Path) -> None:
    file = tmp_path / "planted.yaml"
    file.write_text("{apiVersion: example.org/v1, kind: Unknown, metadata: {name: a}}")
    [found] = kubeconform(linters.kubeconform, [file])
    assert "could not find schema for Unknown" in found.what


@pytest.mark.linters
def test_kube_score_finds_a_disruption_budget_without_a_limit(
    linters: Programs, tmp_path: Path
) -> None:
    file = planted(tmp_path, "PodDisruptionBudget", {"maxUnavailable": None})
    before = {(one.check, one.place) for one in kube_score(linters.kube_score, [example(tmp_path)])}
    found = {(one.check, one.place) for one in kube_score(linters.kube_score, [file])} - before
    assert {check for check, _ in found} == {"poddisruptionbudget-has-policy"}


def example(folder: Path) -> Path:
    """Write the example as it is."""
    file = folder / "example.yaml"
    file.write_text(yaml.safe_dump_all(resources()))
    return file


@pytest.mark.linters
def test_hadolint_finds_an_image_without_a_tag_and_a_last_user_root(
    linters: Programs, tmp_path: Path
) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\nUSER root\nCMD echo started\n")
    found = {one.check for one in hadolint(linters.hadolint, [file])}
    assert found >= {"DL3006", "DL3002"}


@pytest.mark.linters
def test_every_overlay_and_component_is_checked(tmp_path: Path) -> None:
    k8s = OPERATORS.parents[1] / "k8s"
    folders = {str(path.parent.relative_to(k8s)) for path in k8s.rglob("kustomization.yaml")} - {
        "base"
    }
    assert len(list(manifests(tmp_path))) == len(folders)
