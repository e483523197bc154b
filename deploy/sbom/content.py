"""Reads what an image holds from its file system, as `docker export` writes it."""

import re
import tarfile
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from hashlib import sha256
from typing import IO

DPKG = "var/lib/dpkg/status"
RELEASE = "etc/os-release"
OURS = "app/"
_METADATA = re.compile(r"^(.*)/[^/]+\.dist-info/METADATA$")
_PYTHON = re.compile(r"^usr/local/include/python3\.\d+/patchlevel\.h$")
MODEL = ".onnx"


@dataclass(frozen=True, order=True)
class Distribution:
    """An installed Python distribution."""

    name: str
    """In its normal form."""

    version: str
    folder: str
    licence: str | None = None
    """An SPDX expression, or what the project calls its licence."""


@dataclass(frozen=True, order=True)
class Package:
    """An installed Debian package."""

    name: str
    version: str
    architecture: str


@dataclass
class Content:
    """What an image holds."""

    release: dict[str, str] = field(default_factory=dict)
    """os-release of its distribution."""

    python: str | None = None
    """The version of a Python that is no Debian package."""

    packages: list[Package] = field(default_factory=list)
    distributions: list[Distribution] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    """SHA-256 (hex) of networks by their paths."""

    code: dict[str, str] = field(default_factory=dict)
    """SHA-256 (hex) of this repository's files by their paths; compiled ones are left out."""

    @property
    def code_digest(self) -> str:
        """SHA-256 (hex) over paths and digests of this repository's files."""
        lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(self.code.items()))
        return sha256(lines.encode()).hexdigest()


def read_content(exported: IO[bytes]) -> Content:
    """Read a file system from a tar, as a stream; tarfile raises its own error if it is none."""
    found = Content()
    with tarfile.open(fileobj=exported, mode="r|*") as archive:
        for member in archive:
            path = member.name.removeprefix("./").lstrip("/")
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                _read(found, path, file)
    found.packages.sort()
    found.distributions.sort()
    return found


def _read(found: Content, path: str, file: IO[bytes]) -> None:
    if path == DPKG:
        found.packages += _packages(file.read().decode())
    elif path in {RELEASE, "usr/lib/os-release"}:
        found.release = _settings(file.read().decode())
    elif metadata := _METADATA.match(path):
        found.distributions.append(_distribution(metadata[1], file.read()))
    elif _PYTHON.match(path):
        named = re.search(rb'#define\s+PY_VERSION\s+"([^"]+)"', file.read())
        found.python = named and named[1].decode()
    elif path.startswith(OURS) and not path.endswith(".pyc"):
        found.code[path] = _digest(file)
        if path.endswith(MODEL):
            found.models[path] = found.code[path]
    elif path.endswith(MODEL):
        found.models[path] = _digest(file)


def _packages(status: str) -> list[Package]:
    """Return the installed packages of dpkg's status file."""
    entries = (_fields(paragraph) for paragraph in status.split("\n\n"))
    return [
        Package(one["Package"], one["Version"], one["Architecture"])
        for one in entries
        if one.get("Status") == "install ok installed"
    ]


def _fields(paragraph: str) -> dict[str, str]:
    return dict(
        re.findall(r"^(Package|Version|Architecture|Status): (.*)$", paragraph, re.MULTILINE)
    )


def _settings(text: str) -> dict[str, str]:
    return {
        name: value.strip('"') for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)
    }


def _distribution(folder: str, metadata: bytes) -> Distribution:
    described = BytesHeaderParser().parsebytes(metadata)
    licence = described["License-Expression"] or (described["License"] or "").partition("\n")[0]
    name = normal_name(described["Name"])
    return Distribution(name, described["Version"], folder, licence.strip() or None)


def normal_name(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _digest(file: IO[bytes]) -> str:
    digest = sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
