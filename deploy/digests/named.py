"""The images that the deployment files name, as they are written there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
POSTGRES = ROOT / "deploy" / "k8s" / "overlays" / "operators" / "postgres.yaml"
OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "example"
OWN = "plateward/"
"""The prefix of the images that this repository builds."""


@dataclass(frozen=True)
class Named:
    """The images of a checkout."""

    base: str
    """The base image of deploy/Dockerfile."""

    compose: dict[str, str]
    """Public images of docker-compose.yml by container."""

    built: tuple[str, ...]
    """The containers of docker-compose.yml whose image is built, on the base image."""

    operators: str
    """The image that CloudNativePG runs."""

    own: dict[str, str]
    """Images that this repository builds, by their names in the base, as the overlay names them."""

    def all(self) -> list[str]:
        """Return each image once, as NAME:TAG."""
        return sorted({self.base, self.operators, *self.compose.values(), *self.own.values()})


def named_images(overlay: Path = OVERLAY) -> Named:
    """Return the images that the files name; own ones only where the overlay says in which registry they are.

    Raises: ValueError for an image without a tag.
    """
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    images = {name: one["image"] for name, one in services.items()}
    found = Named(
        base=_base(DOCKERFILE.read_text()),
        compose={name: image for name, image in images.items() if not image.startswith(OWN)},
        built=tuple(name for name, one in services.items() if "build" in one),
        operators=next(_fields(list(yaml.safe_load_all(POSTGRES.read_text())), "imageName")),
        own=_own(yaml.safe_load((overlay / "kustomization.yaml").read_text())),
    )
    for image in found.all():
        if ":" not in image.rpartition("/")[2]:
            raise ValueError(f"{image} names no tag")
    return found


def _base(dockerfile: str) -> str:
    """Return the image of all stages, with the default of its argument."""
    given = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    [image] = {
        re.sub(r"\$\{(\w+)\}", lambda name: given[name[1]], line)
        for line in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    }
    return image


def _own(overlay: dict[str, Any]) -> dict[str, str]:
    return {
        one["name"]: f"{one['newName']}:{one['newTag']}"
        for one in overlay.get("images", ())
        if one["name"].startswith(OWN) and "newName" in one and "newTag" in one
    }


def _fields(node: Any, name: str) -> Iterator[str]:
    if isinstance(node, dict):
        if name in node:
            yield node[name]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _fields(one, name)
