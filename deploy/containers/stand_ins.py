"""Stand-ins for public images: the same names and contracts, from Debian and language packages.

They are for an engine of our own, which has no registry; an engine of the machine pulls the public images.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.containers.debian import BOOKWORM, CACHE, TRIXIE, archive
from deploy.go import installed
from deploy.kafka.java import jars
from deploy.objects import gateway
from local.stack.process import LocalError

IMAGES = Path(__file__).with_name("images")
CADDY, CADDY_VERSION = "github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.9"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
INDEX_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "timeout")

BASES = {"debian:bookworm-slim": BOOKWORM, "debian:trixie-slim": TRIXIE}
"""Images of a minimal Debian, and the suite of each."""


@dataclass(frozen=True)
class StandIn:
    """An image to build from `folder`, with further build contexts: a name, and what makes its folder."""

    image: str
    folder: str
    contexts: Mapping[str, Callable[[], Path]] = field(default_factory=dict)


def _caddy() -> Path:
    return installed(CADDY, CADDY_VERSION, CACHE / "caddy").parent


def _versitygw() -> Path:
    return gateway.program().parent


STAND_INS = (
    StandIn("python:3.11-slim-bookworm", "python", {"machine": lambda: _machine()}),
    StandIn("postgres:17", "postgres"),
    StandIn("apache/kafka:4.4.0", "kafka", {"jars": jars}),
    StandIn("caddy:2", "caddy", {"programs": _caddy}),
    StandIn(f"versity/versitygw:{gateway.VERSION}", "versitygw", {"programs": _versitygw}),
)


def build(docker: str, log: Path) -> None:
    """Make all bases and stand-ins that the engine lacks or whose files changed. Raises: LocalError."""
    for image, suite in BASES.items():
        if _run([docker, "image", "inspect", image], log) != 0:
            command = [docker, "import", "--change", 'CMD ["bash"]', str(archive(suite)), image]
            if _run(command, log) != 0:
                raise LocalError(f"{image} could not be imported; see {log}")
    for one in STAND_INS:
        contexts = [f"--build-context={name}={made()}" for name, made in one.contexts.items()]
        command = [docker, "build", "--tag", one.image, *contexts, str(IMAGES / one.folder)]
        if _run(command, log) != 0:
            raise LocalError(f"{one.image} could not be built; see {log}")


def pip_settings(listed: str) -> str:
    """Return a pip.conf with how to reach the package index, from the output of `pip config list`."""
    found = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    lines = [f"{name} = {found[name]}" for name in INDEX_OPTIONS if name in found]
    return "\n".join(["[global]", f"cert = {CERTIFICATES}", *lines, ""])


def _machine() -> Path:
    """Write the machine's accepted signers of certificates and pip's settings; returns their folder."""
    folder = CACHE / "machine"
    folder.mkdir(parents=True, exist_ok=True)
    signers = Path(os.environ.get("SSL_CERT_FILE", CERTIFICATES))
    (folder / "ca-certificates.crt").write_bytes(signers.read_bytes())
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    (folder / "pip.conf").write_text(pip_settings(listed.stdout))
    return folder


def _run(command: list[str], log: Path) -> int:
    with log.open("ab") as said:
        return subprocess.run(command, stdout=said, stderr=said, check=False).returncode
