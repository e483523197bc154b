"""`python -m deploy.sbom`: write what each image of a service holds, from the image itself.

It fails if an image holds a distribution that its locked requirements do not have, or other code than the checkout.
"""

import argparse
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from deploy.sbom.content import read_content
from deploy.sbom.document import Subject, document, invalid
from deploy.sbom.locked import faults, locked_for, other_code
from local.stack.process import LocalError
from services.registry import SPECS

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents."""
    given = _parser().parse_args(arguments)
    services = given.service or sorted(SPECS)
    if given.tar is not None and len(services) != 1:
        print(
            "plateward: --tar is the file system of one image: name its --service", file=sys.stderr
        )
        return 2
    given.output.mkdir(parents=True, exist_ok=True)
    try:
        for service in services:
            image = f"{given.prefix}{service}:{given.tag}"
            with _exported(image, given) as stream:
                path = given.output / f"{service}.cdx.json"
                path.write_text(_listed(service, stream))
            print(path)
    except (LocalError, OSError, tarfile.TarError) as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 2
    return 0


def _listed(service: str, stream: IO[bytes]) -> str:
    """Return the document of an exported file system. Raises: LocalError if it is not what is locked."""
    content, locked = read_content(stream), locked_for(service)
    if wrong := [*faults(content, locked), *other_code(content, ROOT)]:
        raise LocalError(f"{service}: {'; '.join(wrong)}")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    made_at = datetime.now(UTC).replace(microsecond=0)
    text = document(Subject(service, version, _commit(), made_at), content, locked)
    if (fault := invalid(text)) is not None:
        raise LocalError(f"{service}: the document does not meet its schema: {fault}")
    return text


@contextmanager
def _exported(image: str, given: argparse.Namespace) -> Iterator[IO[bytes]]:
    """Yield the file system of an image as a tar: a file, or what the container engine exports."""
    if given.tar is not None:
        with given.tar.open("rb") as file:
            yield file
        return
    made = subprocess.run(
        [given.engine, "create", image], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise LocalError(f"{given.engine} cannot open {image}: {made.stderr.strip()}")
    container = made.stdout.strip()
    try:
        with subprocess.Popen(
            [given.engine, "export", container], stdout=subprocess.PIPE
        ) as running:
            if running.stdout is None:
                raise LocalError(f"{given.engine} exports nothing")
            yield running.stdout
            running.stdout.read()  # to its end, so that the engine is not cut off
    finally:
        subprocess.run([given.engine, "rm", container], capture_output=True, check=False)


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip() or "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.sbom", description=__doc__)
    parser.add_argument("--service", action="append", choices=sorted(SPECS), help="default: all")
    parser.add_argument(
        "--prefix", default="plateward/", help="what comes before the image's service"
    )
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--engine", default="docker", help="docker or podman")
    parser.add_argument(
        "--tar", type=Path, help="an exported file system of one image, instead of an engine"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "var" / "sbom", help="folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
