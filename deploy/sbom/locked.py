"""The distributions that an image may hold: those of its locked requirements."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from deploy.sbom.content import OURS, Content, Distribution, normal_name

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
VENV = "venv/"
OF_VENV = frozenset({"pip", "setuptools"})
"""What `python -m venv` installs, from the base image."""

SHIM = "opencv-contrib-python"
"""The name-only distribution of ADR-0001, built from the checkout."""


@dataclass(frozen=True)
class Locked:
    """A pinned distribution."""

    version: str
    hashes: Sequence[str]
    """SHA-256 (hex) of the files that may be installed."""


def locked_for(service: str, folder: Path = REQUIREMENTS) -> dict[str, Locked]:
    """Return the pinned distributions of a service's image by name."""
    text = (folder / f"{service}.txt").read_text().replace("\\\n", " ")
    return {
        normal_name(name): Locked(version, tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)))
        for name, version, rest in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)(.*)$", text, re.MULTILINE)
    }


def faults(content: Content, locked: Mapping[str, Locked]) -> list[str]:
    """Return how the installed distributions differ from the locked ones."""
    found = []
    for one in content.distributions:
        pinned = locked.get(one.name)
        if not one.folder.startswith(VENV) or one.name in OF_VENV or one.name == SHIM:
            continue
        if pinned is None:
            found.append(f"{one.name} {one.version} is installed and not in the requirements")
        elif pinned.version != one.version:
            found.append(f"{one.name} {one.version} is installed, and {pinned.version} required")
    if not any(one.folder.startswith(VENV) for one in content.distributions):
        found.append("no distribution is installed in /venv: this is no image of a service")
    return found


def other_code(content: Content, checkout: Path) -> list[str]:
    """Return which of this repository's files differ in the image: the list names the checkout's commit."""
    found = []
    for path, digest in sorted(content.code.items()):
        own = checkout / path.removeprefix(OURS)
        if not own.is_file() or sha256(own.read_bytes()).hexdigest() != digest:
            found.append(f"/{path} is not the checkout's: build the image from this commit")
    return found


def hashes_of(one: Distribution, locked: Mapping[str, Locked]) -> Sequence[str]:
    """Return the digests of the files of which one was installed; none outside the requirements."""
    pinned = locked.get(one.name)
    return pinned.hashes if pinned and pinned.version == one.version else ()
