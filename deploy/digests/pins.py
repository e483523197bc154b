"""The file of digests, and the two files that compose and Kubernetes read, which are written from it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.digests.named import OWN, ROOT, Named

FILE = Path(__file__).with_name("digests.json")
COMPOSE = ROOT / "deploy" / "compose" / "digests.yaml"
COMPONENT = ROOT / "deploy" / "k8s" / "components" / "digests" / "kustomization.yaml"
HEADER = "# Written by `make digests` from deploy/digests/digests.json; edit neither by hand (docs/operations/install.md).\n"


def read_pins() -> dict[str, str]:
    """Return the digests by NAME:TAG."""
    return dict(json.loads(FILE.read_text()))


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the images whose tag names another digest than before."""
    return sorted(image for image, digest in now.items() if before.get(image, digest) != digest)


def written(named: Named, pins: Mapping[str, str]) -> dict[Path, str]:
    """Return the content of the three files; images without a digest stay as they are."""
    current = {image: pins[image] for image in named.all() if image in pins}
    return {
        FILE: json.dumps(current, indent=2, sort_keys=True) + "\n",
        COMPOSE: HEADER + yaml.safe_dump(_override(named, current), width=120),
        COMPONENT: HEADER + yaml.safe_dump(_component(named, current), width=120, sort_keys=False),
    }


def _override(named: Named, pins: Mapping[str, str]) -> dict[str, Any]:
    """Return the override of docker-compose.yml: public images, and the base of those that are built."""
    services: dict[str, Any] = {
        container: {"image": f"{image}@{pins[image]}"}
        for container, image in named.compose.items()
        if image in pins
    }
    if named.base in pins:
        tag = named.base.rpartition(":")[2]
        arguments = {"PYTHON": f"{tag}@{pins[named.base]}"}
        services |= {container: {"build": {"args": arguments}} for container in named.built}
    return {"services": services}


def _component(named: Named, pins: Mapping[str, str]) -> dict[str, Any]:
    """Return the component of the overlay: images that this repository builds, and that of CloudNativePG."""
    component: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
    }
    component[
        "images"
    ] = [  # at least the first, which changes nothing: kustomize refuses an empty component
        {"name": OWN.rstrip("/")},
        *(
            {"name": name, "newName": image.rpartition(":")[0], "digest": pins[image]}
            for name, image in sorted(named.own.items())
            if image in pins
        ),
    ]
    if named.operators in pins:
        value = f"{named.operators}@{pins[named.operators]}"
        patch = yaml.safe_dump([{"op": "replace", "path": "/spec/imageName", "value": value}])
        target = {"group": "postgresql.cnpg.io", "kind": "Cluster"}
        component["patches"] = [{"target": target, "patch": patch}]
    return component
