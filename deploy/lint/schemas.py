"""Schemas for kubeconform, one file a kind: Kubernetes' own, and those of operators' kinds beside this file.

Kubernetes' come from kubernetes-validate, which has them from Kubernetes' OpenAPI documents; no network is used.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate

from local.stack.process import LocalError

KUBERNETES = "1.34"
"""The version of Kubernetes by whose schemas the files are checked; a test compares it with the cluster's."""

OPERATORS = Path(__file__).with_name("schemas")
_SHARED = "/api/_definitions.json#/$defs/"
_WITHIN = "#/$defs/"


def schema_folder(kinds: Iterable[tuple[str, str]], folder: Path) -> str:
    """Write the schemas of (apiVersion, kind) to `folder`; return kubeconform's `-schema-location` for it.

    A kind that has no schema gets no file, and kubeconform reports it.

    Raises: LocalError if kubernetes-validate lacks this version of Kubernetes.
    """
    own = _own_schemas()
    shared = json.loads((own / "_definitions.json").read_bytes())["$defs"]
    for version, kind in set(kinds):
        name = file_name(version, kind)
        for source in (own / name, OPERATORS / name):
            if source.exists():
                whole = _self_contained(json.loads(source.read_bytes()), shared)
                (folder / name).write_text(json.dumps(whole))
                break
    return f"{folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


def file_name(version: str, kind: str) -> str:
    """Return the name of a kind's file, such as deployment-apps-v1.json; `version` is its apiVersion."""
    group, _, number = version.rpartition("/")
    words = [kind, group.partition(".")[0], number] if group else [kind, number]
    return "-".join(words).lower() + ".json"


def _own_schemas() -> Path:
    folder = (
        Path(kubernetes_validate.__file__).parent
        / "kubernetes-json-schema"
        / f"v{KUBERNETES}.0-local-strict"
    )
    if not folder.is_dir():
        raise LocalError(f"kubernetes-validate has no schemas of Kubernetes {KUBERNETES}")
    return folder


def _self_contained(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with all definitions that it refers to; kubeconform follows no reference to another file."""
    found = dict[str, Any]()
    waiting = list(_referred(schema))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = shared[name]
            waiting += _referred(shared[name])
    text = json.dumps({**schema, "$defs": found} if found else schema)
    return dict(json.loads(text.replace(_SHARED, _WITHIN)))


def _referred(node: Any) -> Iterator[str]:
    """Yield the names of the shared definitions to which a schema refers directly."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_SHARED).removeprefix(_WITHIN)
        for value in node.values():
            yield from _referred(value)
    elif isinstance(node, list):
        for value in node:
            yield from _referred(value)
