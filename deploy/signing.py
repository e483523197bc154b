"""Signs images and what they hold with the department's key, by cosign: `python -m deploy.signing`.

Signatures are by a key of the department and go to no public log, so neither signing nor verifying needs the internet.
The key's password is COSIGN_PASSWORD of the environment.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.go import installed
from local.stack.process import LocalError

COSIGN = "github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.3"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "cosign"
_VARIABLE = "COSIGN_PASSWORD"
_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
FORMER = "--new-bundle-format=false"
"""Signatures in the format that admission controllers verify by key; the newer one they verify without keys alone."""

LOCAL = ("--use-signing-config=false", "--tlog-upload=false", "--yes")
"""Nothing goes to a public log, and no authority for time is asked."""


def cosign() -> Path:
    """Return cosign: the machine's, else one built with Go (6 min of two cores). Raises: LocalError."""
    found = shutil.which("cosign")
    return Path(found) if found else installed(*COSIGN, CACHE)


def sign(program: Path, image: str, key: Path, sbom: Path) -> None:
    """Sign an image, and the statement that it holds what `sbom` lists, where the image is.

    Raises: LocalError if `image` names no digest, the key's password is not set, or cosign fails.
    """
    if _VARIABLE not in os.environ:
        raise LocalError(f"{_VARIABLE} is not set: the password of {key}")
    if not _BY_DIGEST.search(image):
        raise LocalError(f"{image} is named by a tag, which may move: name it as NAME@sha256:…")
    by = ["--key", str(key), FORMER, *LOCAL]
    _run([str(program), "sign", *by, image])
    _run([str(program), "attest", *by, "--type", "cyclonedx", "--predicate", str(sbom), image])


def verify(program: Path, image: str, key: Path) -> None:
    """Verify an image's signature and the statement of what it holds. Raises: LocalError if one is missing or wrong."""
    by = [
        "--key",
        str(key),
        FORMER,
        "--insecure-ignore-tlog=true",
    ]  # there is no log: the key counts
    _run([str(program), "verify", *by, image])
    _run([str(program), "verify-attestation", *by, "--type", "cyclonedx", image])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        image = command[-1]
        raise LocalError(f"cosign {command[1]} of {image}: {done.stderr.strip()[-600:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Sign or verify one image."""
    parser = argparse.ArgumentParser(prog="python -m deploy.signing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    signing = commands.add_parser("sign", help="sign an image and its list")
    signing.add_argument("--sbom", type=Path, required=True, help="its list, of `make sbom`")
    verifying = commands.add_parser("verify", help="verify an image and that its list is signed")
    for one, half in ((signing, "private"), (verifying, "public")):
        one.add_argument("--key", type=Path, required=True, help=f"the {half} half")
        one.add_argument("image", help="NAME@sha256:…")
    given = parser.parse_args(arguments)
    try:
        if given.command == "sign":
            sign(cosign(), given.image, given.key, given.sbom)
        else:
            verify(cosign(), given.image, given.key)
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1
    print(f"{given.image}: {'signed' if given.command == 'sign' else 'verified'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
