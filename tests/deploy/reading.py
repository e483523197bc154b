"""Reads compose and Kubernetes files as their tools would."""

import re
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local.stack.services import PAGES
from services.registry import SPECS
from shared.objects.rights import RIGHTS
from shared.service.settings import CommonSettings

ROOT = Path(__file__).parents[2]
SERVICES = (*SPECS,)
OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "example"

OTHERS_READ = {
    "AWS_ACCESS_KEY_ID",  # obstore, as every S3 client
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
    "AWS_REGION",
}
"""Names in a service's environment that a library reads, and no Settings class."""


@cache
def compose() -> dict[str, Any]:
    """Return docker-compose.yml with its anchors resolved, and its variables by default or as `given`."""
    text = (ROOT / "docker-compose.yml").read_text()
    document = yaml.safe_load(re.sub(r"\$\{[A-Z_]+:(?:-([^}]*)|\?[^}]*)\}", _value, text))
    assert isinstance(document, dict)
    return document


def _value(variable: re.Match[str]) -> str:
    # Compose puts a default in after YAML was read: an empty one is an empty text, not null.
    return "given" if variable[1] is None else variable[1] or '""'


@cache
def resources() -> tuple[dict[str, Any], ...]:
    """Return the resources that `kubectl apply --kustomize` would send for the example overlay."""
    found = built(OVERLAY)
    assert len(found) > len(SERVICES)
    return found


def built(overlay: Path) -> tuple[dict[str, Any], ...]:
    """Return the output of `kubectl kustomize` for an overlay."""
    kubectl = Path(sysconfig.get_path("scripts")) / "kubectl"
    done = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, check=True)
    return tuple(yaml.load_all(done.stdout, yaml.CSafeLoader))


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one kind by name; at least one."""
    found = {r["metadata"]["name"]: r for r in resources() if r["kind"] == kind}
    assert found, f"no {kind}: the walk is broken"
    return found


def settings_of(service: str) -> type[CommonSettings]:
    """Return the Settings class that a service is built from."""
    return SPECS[service].settings_class()


def environment_names(service: str) -> tuple[set[str], set[str]]:
    """Return the names that a service reads, and the required ones among them."""
    fields = settings_of(service).model_fields
    required = {name.upper() for name, field in fields.items() if field.is_required()}
    # These have defaults for a developer's machine that are of no use in a container.
    required.add("POLICY_FILE")
    if service not in PAGES:
        required |= {"KAFKA_BOOTSTRAP", "EVENT_MAC_KEY"}
        required.add("RECOGNITION_WORKERS" if service == "recognition" else "DATABASE_URL")
    if service in RIGHTS:
        required |= {"OBJECT_STORE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    return {name.upper() for name in fields}, required


def interpolated(text: str) -> set[str]:
    """Return the variables that compose requires from its environment."""
    return set(re.findall(r"\$\{([A-Z_]+):\?", text))
