"""The programs that see Plateward from outside, to try them: of Debian's packages, and built from Go's module proxy.

Debian's are unpacked and not installed, so none of them starts as a daemon. Its Alertmanager needs a file below
/usr/share, so that one is built with Go (a minute, once). The collector is built of the parts that
collector-builder.yaml names, by OpenTelemetry's builder (two minutes, once). Both have the version of compose's image.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from deploy.go import installed
from local.stack.process import LocalError, run_to_end

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "observability"
"""Cache of the programs between runs; never committed."""

PACKAGES = ("prometheus", "prometheus-node-exporter")
ALERTMANAGER = "github.com/prometheus/alertmanager/cmd/alertmanager"
ALERTMANAGER_VERSION = "v0.28.1"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
COLLECTOR_BUILDER = Path(__file__).parent / "collector-builder.yaml"


def debian(packages: Sequence[str] = PACKAGES, cache: Path = CACHE) -> Path:
    """Return the folder with the programs of Debian's packages; downloads them if `cache` lacks them.

    Raises: LocalError if this machine has no apt-get, or its packages lack one.
    """
    found = cache / f"debian-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    if not found.exists():
        for program in ("apt-get", "dpkg"):
            if shutil.which(program) is None:
                raise LocalError(
                    f"{program} is missing: {', '.join(packages)} are taken from Debian's packages"
                )
        found.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="debian-", dir=cache))
        unfinished.chmod(0o755)
        run_to_end(
            ["apt-get", "-qq", "download", *packages], "apt-get could not download", cwd=unfinished
        )
        for package in unfinished.glob("*.deb"):
            run_to_end(
                ["dpkg", "-x", str(package), str(unfinished)],
                f"dpkg could not unpack {package.name}",
            )
            package.unlink()
        with contextlib.suppress(OSError):  # another process was first
            unfinished.rename(found)
    return found / "usr" / "bin"


def alertmanager(cache: Path = CACHE) -> Path:
    """Return Alertmanager's program; builds it if `cache` lacks it. Raises: LocalError."""
    return installed(ALERTMANAGER, ALERTMANAGER_VERSION, cache)


def version() -> str:
    """Return the collector's version, that of its parts."""
    return COLLECTOR_BUILDER.read_text().partition("otlpreceiver ")[2].split()[0]


def collector(cache: Path = CACHE) -> Path:
    """Return the collector's program; builds it if `cache` lacks it. Raises: LocalError."""
    digest = hashlib.sha256(COLLECTOR_BUILDER.read_bytes()).hexdigest()[:12]
    found = cache / f"otelcol-{digest}"
    if not found.exists():
        builder = installed(BUILDER, version(), cache)
        with tempfile.TemporaryDirectory(prefix="plateward-collector-") as folder:
            run_to_end(
                [str(builder), "--config", str(_config_in(Path(folder)))],
                "the collector could not be built",
                env={**os.environ, "CGO_ENABLED": "0"},
            )
            unfinished = cache / f"{os.getpid()}.otelcol"
            shutil.copy(Path(folder) / "otelcol", unfinished)
        unfinished.rename(found)
    return found


def _config_in(folder: Path) -> Path:
    """Write the builder's configuration with `folder` as the place of what it builds; return the file."""
    config = yaml.safe_load(COLLECTOR_BUILDER.read_text())
    config["dist"]["output_path"] = str(folder)
    written = folder / COLLECTOR_BUILDER.name
    written.write_text(yaml.safe_dump(config))
    return written
