"""Reads the department's public keys from the files that outsiders have."""

from pathlib import Path
from typing import Any

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.retention.domain.signing import KeyFault, load_public

CHANGES = click.Option(
    ["--changes"],
    type=click.Path(path_type=Path),
    help="GET /v1/signing-key as a file: leads from that key to those that followed it.",
)


def key_in(path: Path) -> Ed25519PublicKey:
    """Return the key in a file. Raises: KeyFault naming the file, OSError."""
    try:
        return load_public(path.read_bytes())
    except KeyFault as exc:
        raise KeyFault(f"{path}: {exc}") from None


def changes_in(path: Path | None) -> list[dict[str, Any]]:
    """Return the changes of the key in a file. Raises: KeyFault naming the file, OSError."""
    if path is None:
        return []
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        return msgspec.convert(document["changes"], type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        raise KeyFault(f"{path}: not the public signing keys") from None
