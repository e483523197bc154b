"""The offline root's commands: `python -m shared.core.offline_root make-root | certify | revoke`.

They need no service, network or setting. Run them on a machine that is kept offline: the root's private half is a
file there, and no running process ever gets it.
"""

import argparse
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.core.certificates import (
    LONGEST,
    USAGES,
    Certificate,
    CertificateRefused,
    Revocation,
    Roots,
    certify,
    revoke,
)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits 1 with the reason of a refusal."""
    chosen = _parser().parse_args(arguments)
    try:
        print(chosen.do(chosen))
    except (CertificateRefused, ValueError, OSError) as exc:
        sys.exit(f"{chosen.command}: {exc}")


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read. Raises: FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def read_root(path: Path) -> Ed25519PrivateKey:
    """Return the private root in a file: base64 of 32 bytes. Raises: ValueError, OSError."""
    try:
        return Ed25519PrivateKey.from_private_bytes(
            b64decode(path.read_text().strip(), validate=True)
        )
    except ValueError:
        raise ValueError(f"{path} is not base64 of 32 bytes") from None


def public_half(key: Ed25519PrivateKey) -> str:
    """Return the public half in the format of settings: base64 of 32 bytes."""
    return b64encode(key.public_key().public_bytes_raw()).decode()


def _make_root(chosen: argparse.Namespace) -> str:
    root = Ed25519PrivateKey.generate()
    write_secret(chosen.root, b64encode(root.private_bytes_raw()).decode() + "\n")
    return f"ROOT_PUBLIC_KEYS={public_half(root)}"


def _certify(chosen: argparse.Namespace) -> str:
    """Certify a given public key, or a new key, whose private half is printed and not stored."""
    root = read_root(chosen.root)
    drawn = None if chosen.public_key else Ed25519PrivateKey.generate()
    public = drawn.public_key().public_bytes_raw() if drawn else b64decode(chosen.public_key)
    begins = datetime.now(UTC).replace(microsecond=0)
    certificate = Certificate(
        usage=chosen.usage,
        public_key=public,
        serial=chosen.serial,
        not_before=begins - timedelta(minutes=5),  # clocks differ
        not_after=begins - timedelta(minutes=5) + timedelta(days=chosen.days),
    )
    text = certify(root, certificate)
    Roots([root.public_key().public_bytes_raw()]).certificate(text)  # verify before handing it out
    names = {"tokens": "IDENTITY_ISSUER", "captures": "INGEST_SIGNING"}
    lines = [f"{names[chosen.usage]}_CERTIFICATE={text}"]
    if drawn is not None:
        seed = b64encode(drawn.private_bytes_raw()).decode()
        lines.insert(0, f"{names[chosen.usage]}_KEY={seed}")
    return "\n".join(lines)


def _revoke(chosen: argparse.Namespace) -> str:
    root = read_root(chosen.root)
    certificate = Roots([root.public_key().public_bytes_raw()]).certificate(chosen.certificate)
    return revoke(
        root,
        Revocation(
            usage=certificate.usage,
            kid=certificate.kid,
            serial=certificate.serial,
            revoked_at=datetime.now(UTC),
            reason=chosen.reason,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.core.offline_root")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    made = commands.add_parser("make-root", help="draw a root; prints its public half")
    made.add_argument("root", type=Path, help="the new file for the private half")
    made.set_defaults(do=_make_root)
    certified = commands.add_parser("certify", help="certify a key; draws one unless given")
    certified.add_argument("root", type=Path, help="the file of the private root")
    certified.add_argument("--usage", required=True, choices=USAGES)
    certified.add_argument(
        "--serial", type=int, default=int(time()), help="unique; the time in seconds if left out"
    )
    certified.add_argument("--public-key", help="base64 of the 32 bytes of an Ed25519 key")
    certified.add_argument(
        "--days",
        type=int,
        default=LONGEST.days,
        help=f"how long it is valid, {LONGEST.days} at most",
    )
    certified.set_defaults(do=_certify)
    revoked = commands.add_parser("revoke", help="revoke a certificate; prints the revocation")
    revoked.add_argument("root", type=Path, help="the file of the private root")
    revoked.add_argument("--certificate", required=True)
    revoked.add_argument("--reason", required=True)
    revoked.set_defaults(do=_revoke)
    return parser


if __name__ == "__main__":
    run()
