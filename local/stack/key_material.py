"""Draws the keys of an installation, and certifies those that need the root's certificate.

Needs only Python, even an old one: `deploy/compose/make_env.py` runs it on a host that has nothing else.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from local.stack.ed25519 import public_key, sign


def password() -> str:
    """Return 32 random bytes in a form that needs no escaping in URLs and shells."""
    return secrets.token_urlsafe(32)


def key() -> str:
    """Return 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def signing_key() -> str:
    """Return a new Ed25519 private key as PEM (RFC 8410: a fixed header and 32 random bytes)."""
    header = bytes.fromhex("302e020100300506032b657004220420")
    body = base64.b64encode(header + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


MAC_KEYS = tuple(
    f"{service}__EVENT_MAC_KEY"
    for service in (
        "IDENTITY",
        "INGEST",
        "HOTLIST",
        "RETENTION",
        "RELEASE",
        "AUDIT",
        "RECOGNITION",
    )
)
"""Keys that each service shares with audit only; they prove which service made an event."""

ROOTS = "ROOT_PUBLIC_KEYS"
ROOT_FILE = "root.key"

CERTIFIED = {"IDENTITY_ISSUER": "tokens", "INGEST_SIGNING": "captures"}
"""Keys that the root certifies: for each, NAME_KEY and NAME_CERTIFICATE, and the usage it may sign for."""

CERTIFIED_FOR = timedelta(days=400)


class RootMissing(Exception):
    """A certificate is needed, but the root's private half is not here."""


def certified(root_seed: bytes, usage: str, index: int = 0) -> tuple[str, str]:
    """Return a new private key (base64) and its certificate, in the format of shared/core/certificates.py.

    The serial is the time in seconds, so that it increases without stored state; `index` distinguishes certificates
    of the same second.
    """
    seed = secrets.token_bytes(32)
    public = public_key(seed)
    begins = datetime.now(timezone.utc) - timedelta(minutes=5)  # noqa: UP017 - hosts have old Pythons
    fields = {
        "kid": sha256(public).hexdigest()[:32],
        "not_after": f"{begins + CERTIFIED_FOR:%Y-%m-%dT%H:%M:%SZ}",
        "not_before": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "public_key": base64.b64encode(public).decode(),
        "serial": int(begins.timestamp()) + index,
        "usage": usage,
    }
    body = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    signature = sign(root_seed, b"plateward certificate v1\n" + body)
    text = ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (body, signature)
    )
    return base64.b64encode(seed).decode(), text


def certified_keys(present: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the root's public half and the certified keys that `present` lacks.

    Draws the root if it does not exist yet, into the file `root`.

    Raises: RootMissing if a certificate is needed and that file is missing.
    """
    missing = [
        name
        for name in CERTIFIED
        if f"{name}_KEY" not in present or f"{name}_CERTIFICATE" not in present
    ]
    if ROOTS in present and not missing:
        return {}
    added: dict[str, str] = {}
    if ROOTS not in present and not root.exists():
        write_secret(root, key() + "\n")
    if not root.exists():
        raise RootMissing(
            f"{', '.join(missing)}: to certify this, restore {root} from its offline copy"
        )
    seed = base64.b64decode(root.read_text())
    if ROOTS not in present:
        added[ROOTS] = base64.b64encode(public_key(seed)).decode()
    for index, name in enumerate(missing):
        added[f"{name}_KEY"], added[f"{name}_CERTIFICATE"] = certified(seed, CERTIFIED[name], index)
    return added


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read, whole or not at all. Raises: FileExistsError."""
    if path.exists():
        raise FileExistsError(path)
    replace_secret(path, text)


def replace_secret(path: Path, text: str) -> None:
    """Like `write_secret`, also over an existing file: a full disk or a crash never leaves half a secret."""
    unfinished = path.with_name(path.name + ".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
