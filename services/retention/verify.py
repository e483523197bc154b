"""`python -m services.retention verify-package FILE [--key PUBLIC.pem]`: for who received a package."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from services.retention.domain.signing import KeyFault, load_public
from services.retention.domain.verifying import verify_package


def verify_command(arguments: Sequence[str]) -> int:
    """Print the verdict; return 0 if the package holds, 1 if not, 2 if the key cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m services.retention verify-package",
        description="Verify a release package offline: whole, unchanged, and by whom signed.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--key", type=Path, help="the department's public signing key, got from the department"
    )
    given = parser.parse_args(arguments)
    try:
        key = load_public(given.key.read_bytes()) if given.key else None
    except (KeyFault, OSError) as exc:
        print(f"{given.key}: {exc}")
        return 2
    verdict = verify_package(given.file, key)
    for fault in verdict.faults:
        print(f"FAULT  {fault}")
    if not verdict.holds:
        print("The package does NOT hold.")
        return 1
    print(f"{verdict.files} files, whole and unchanged, signed with key {verdict.key_id}.")
    if not verdict.known_key:
        print("The key is the package's own: compare its id with the department's, or give --key.")
    return 0
