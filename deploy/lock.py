"""Renews the hashed requirement files: one for development, one per image.

No address of a registry is written: `uv pip compile` is told of none and its header is left out.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
SERVICES = ("audit", "hotlist", "identity", "ingest", "recognition", "release", "retention")


def lock(output: Path, *choice: str) -> None:
    """Write the versions and hashes of the chosen extras to `output`."""
    uv = Path(sys.executable).with_name("uv")
    command = [
        str(uv), "pip", "compile", "pyproject.toml", *choice,
        "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
        "--override", str(REQUIREMENTS / "overrides.txt"), "--output-file", str(output),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def main() -> None:
    """Lock everything."""
    lock(REQUIREMENTS / "dev.txt", "--all-extras")
    for service in SERVICES:
        lock(REQUIREMENTS / f"{service}.txt", "--extra", service)


if __name__ == "__main__":
    main()
