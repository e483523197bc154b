"""Writes the schemas of operators' kinds from the definitions (CRDs) that their projects publish.

`python -m deploy.lint.definitions FILE...`; schemas/README.md says where the files come from.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.lint.schemas import OPERATORS, file_name

KINDS = frozenset(
    {
        ("barmancloud.cnpg.io/v1", "ObjectStore"),
        ("cert-manager.io/v1", "Certificate"),
        ("cert-manager.io/v1", "Issuer"),
        ("external-secrets.io/v1", "ExternalSecret"),
        ("external-secrets.io/v1", "SecretStore"),
        ("kafka.strimzi.io/v1", "Kafka"),
        ("kafka.strimzi.io/v1", "KafkaNodePool"),
        ("kafka.strimzi.io/v1", "KafkaTopic"),
        ("kafka.strimzi.io/v1", "KafkaUser"),
        ("keda.sh/v1alpha1", "ScaledObject"),
        ("keda.sh/v1alpha1", "TriggerAuthentication"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("monitoring.coreos.com/v1", "PrometheusRule"),
        ("policy.sigstore.dev/v1beta1", "ClusterImagePolicy"),
    }
)
"""The operators' kinds that deploy/k8s uses and that a registry offers."""


def schemas_of(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of a CustomResourceDefinition by their files' names, without descriptions."""
    spec = definition["spec"]
    kind = spec["names"]["kind"]
    found = {}
    for version in spec["versions"]:
        named = (f"{spec['group']}/{version['name']}", kind)
        if named in KINDS:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
            }
            schema["properties"].pop("status", None)
            found[file_name(*named)] = schema
    return found


def _strict(node: Any) -> Any:
    """Return a structural schema as a JSON schema that refuses unknown fields, as the API server does strictly."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    schema = {
        name: _named(value) if name == "properties" else _strict(value)
        for name, value in node.items()
        if not _left_out(name)
    }
    known = "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields")
    if known and node.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    if schema.pop("nullable", False) and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _named(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties by name; a property may be called as a keyword, such as `description`."""
    return {name: _strict(value) for name, value in properties.items()}


def _left_out(name: str) -> bool:
    """Return whether a keyword checks nothing here: words for people, and rules of the API server."""
    return name in {"description", "example", "format", "default"} or name.startswith(
        "x-kubernetes-"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schemas of the kinds that deploy/k8s uses."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lint.definitions", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="YAML files of definitions")
    for file in parser.parse_args(arguments).files:
        for document in yaml.safe_load_all(file.read_bytes()):
            for name, schema in schemas_of(document).items():
                text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
                (OPERATORS / name).write_text(f"{text}\n")
                print(f"{OPERATORS / name}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
