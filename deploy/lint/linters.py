"""Runs each linter over the deployment files, and reads what it reports."""

import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.lint.exceptions import Finding
from deploy.lint.programs import ROOT, Programs
from deploy.lint.schemas import KUBERNETES, schema_folder
from local.stack.process import LocalError

K8S = ROOT / "deploy" / "k8s"
BUILT = ("overlays/example", "overlays/operators", "admission", "monitoring", "strimzi")
"""The folders of deploy/k8s that are applied with `--kustomize`."""

COMPONENTS = ("cameras", "digests", "keda", "lag", "traces")
"""The components of deploy/k8s; each is checked together with the example."""

OPTIONAL = ("container-seccomp-profile", "container-ports-check")
"""Checks of kube-score that are off by default."""


def manifests(folder: Path) -> Iterator[Path]:
    """Write what `kubectl kustomize` makes of each overlay, and of the example with each component; yield the files."""
    for name in BUILT:
        yield _made(K8S / name, folder / f"{name.replace('/', '-')}.yaml")
    for name in COMPONENTS:
        over = folder / name
        over.mkdir()
        overlay: dict[str, object] = {
            "namespace": "plateward",
            "resources": [os.path.relpath(K8S / "overlays" / "example", over.resolve())],
            "components": [os.path.relpath(K8S / "components" / name, over.resolve())],
        }
        (over / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        yield _made(over, folder / f"{name}.yaml")


def dockerfiles() -> list[Path]:
    """Return every Dockerfile below deploy."""
    return sorted((ROOT / "deploy").rglob("Dockerfile"))


def findings(programs: Programs) -> list[Finding]:
    """Return what the linters find in deploy. Raises: LocalError if one fails."""
    with tempfile.TemporaryDirectory() as name:
        files = list(manifests(Path(name)))
        return [
            *kubeconform(programs.kubeconform, files),
            *kube_score(programs.kube_score, files),
            *hadolint(programs.hadolint, dockerfiles()),
        ]


def kubeconform(program: Path, files: Sequence[Path]) -> list[Finding]:
    """Return where manifests differ from the schemas of their kinds; unknown fields and kinds count."""
    with tempfile.TemporaryDirectory() as name:
        location = schema_folder(_kinds(files), Path(name))
        options = ["-strict", "-output", "json", "-kubernetes-version", f"{KUBERNETES}.0"]
        command = [str(program), *options, "-schema-location", location, *map(str, files)]
        report = _json_of(command)
    return [
        Finding("kubeconform", one["status"], f"{one['kind']}/{one['name']}", one["msg"])
        for one in report["resources"]
    ]


def kube_score(program: Path, files: Sequence[Path]) -> list[Finding]:
    """Return which objects lack what kube-score recommends."""
    optional = [word for check in OPTIONAL for word in ("--enable-optional-test", check)]
    options = ["--output-format", "json", "--kubernetes-version", f"v{KUBERNETES}", *optional]
    return [
        Finding("kube-score", check["check"]["id"], _place(scored), comment["summary"])
        for file in files  # one by one: each is a whole that is applied
        for scored in _json_of([str(program), "score", *options, str(file)]) or []
        for check in scored["checks"]
        if not check["skipped"] and check["grade"] < _GOOD
        for comment in check["comments"] or [{"summary": check["check"]["name"]}]
    ]


_GOOD = 10  # kube-score's grade of a check that found nothing


def hadolint(program: Path, files: Sequence[Path]) -> list[Finding]:
    """Return what hadolint finds in Dockerfiles."""
    report = _json_of([str(program), "--format", "json", *map(str, files)])
    return [
        Finding(
            "hadolint", one["code"], _below(one["file"]), f"line {one['line']}: {one['message']}"
        )
        for one in report
    ]


def _made(folder: Path, file: Path) -> Path:
    kubectl = Path(sysconfig.get_path("scripts")) / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"kubectl could not build {folder}: {done.stderr.decode().strip()}")
    file.write_bytes(done.stdout)
    return file


def _kinds(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        for document in yaml.load_all(file.read_bytes(), yaml.CSafeLoader):
            yield document["apiVersion"], document["kind"]


def _json_of(command: list[str]) -> Any:
    """Return a linter's report; its exit status says only whether it found something. Raises: LocalError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise LocalError(
            f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-1500:]}"
        ) from None


def _place(scored: dict[str, Any]) -> str:
    return f"{scored['type_meta']['kind']}/{scored['object_meta']['name']}"


def _below(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
