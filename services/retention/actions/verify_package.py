"""`python -m services.retention verify-package FILE --key PUBLIC.pem [--vkey AUDIT-KEY] [--booking STATEMENT.json]`.

For recipients of packages, and for people who check a copy on a medium against its booking into evidence.

Exit status: 0 if the package was verified with the given public key and has no fault; 1 if it has a fault;
2 if nothing was verified, because of a missing key or an unusable file.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.retention.domain.signing import KeyFault, load_public
from services.retention.domain.verifying import PackageReport, booking_faults, verify_package
from shared.core.errors import InternalFault
from shared.core.signed_notes import Verifier


def verify_command(given: argparse.Namespace) -> int:
    """Print the verdict; return the exit status. Raises: KeyFault, BadNote, OSError; InternalFault without a key."""
    key = _key(given.key)
    booking_key = _key(given.booking_key) or key
    booking = given.booking.read_bytes() if given.booking else None
    statements = _statements(given.changes)
    log_keys = [Verifier.parse(vkey) for vkey in given.vkey]
    if booking is not None and booking_key is None:
        raise InternalFault("a booking is checked with the department's public key: give --key")
    verdict = verify_package(given.file, key, statements, log_keys)
    faults = list(verdict.faults)
    digest = _sha256(given.file)
    if booking is not None and booking_key is not None:
        faults += booking_faults(booking, digest, booking_key)
    for fault in faults:
        print(f"FAULT  {fault}")
    if digest is not None:
        print(f"SHA-256 of the file: {digest}")
    if faults:
        print("The package does NOT hold.")
        return 1
    if not verdict.known_key:
        print(
            f"NOT VERIFIED: {verdict.files} files, signed with key {verdict.key_id}, which the package"
        )
        print(
            "itself brings: anybody can make such a package. Get the department's key and give --key."
        )
        return 2
    _print_checkpoint(verdict)
    print(f"{verdict.files} files, whole and unchanged, signed with key {verdict.key_id}.")
    if verdict.hits is not None:
        print(f"Hits: {verdict.hits}; each belongs to a read in the package, and none is missing.")
    if verdict.policy is not None:
        print(f"The policy in it is the one that was in force: digest {verdict.policy}.")
    if booking is not None:
        print("It is the copy that was booked into evidence.")
    return 0


def _print_checkpoint(verdict: PackageReport) -> None:
    """Print the package's checkpoint of the audit log, and whether it is verified."""
    if verdict.checkpoint is None:
        return
    print("The newest checkpoint of the audit log when it was made, for comparison with others:")
    print(verdict.checkpoint, end="")
    signed_at = verdict.log_signed_at or "a time that the package does not say"
    print(f"It covers the log's first {verdict.log_size} entries and was signed at {signed_at}.")
    if verdict.log_key is None:
        print("It is NOT VERIFIED: give the audit log's public key as --vkey.")
    else:
        print(f"It is verified with the log's key {verdict.log_key}.")


def declare_package(parser: argparse.ArgumentParser) -> None:
    """Declare the package and the keys that verify it."""
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--key", type=Path, help="the department's public signing key, got from the department"
    )
    parser.add_argument(
        "--changes",
        type=Path,
        help="GET /v1/signing-key as a file: leads from that key to those that followed it",
    )
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        help="a public key of the audit log, name+hash+key, got apart from the package: the checkpoint in "
        "it must be signed by it; given again: or by another that the log had",
    )
    parser.add_argument(
        "--booking", type=Path, help="the signed statement of a copy's booking into evidence"
    )
    parser.add_argument(
        "--booking-key", type=Path, help="the key of the booking, where another signs by now"
    )


def _key(path: Path | None) -> Ed25519PublicKey | None:
    """Return the key in a file. Raises: KeyFault naming the file, OSError."""
    if path is None:
        return None
    try:
        return load_public(path.read_bytes())
    except KeyFault as exc:
        raise KeyFault(f"{path}: {exc}") from None


def _statements(path: Path | None) -> list[dict[str, Any]]:
    """Return the changes of the key in a file. Raises: KeyFault naming the file, OSError."""
    if path is None:
        return []
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return msgspec.convert(document["changes"], type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        raise KeyFault(f"{path}: not the public signing keys") from None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None  # the verdict names it as a fault
