"""Writes .env for docker-compose.yml with secrets drawn at random; needs nothing but Python.

What is there is kept: a second run adds only what is missing. Whoever can read .env can read the
data, so it is readable by its owner alone; keep a copy where the department keeps its keys.

The root that certifies signing keys (docs/adr/0018-two-levels-of-keys.md) goes into a file of its own,
root.key, which no container is given: move it to a medium that is kept offline.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

if __name__ == "__main__":  # run as a file, Python looks for modules beside it only
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.compose.ed25519 import public_key, sign


def password() -> str:
    """Return 32 random bytes that a URL and a shell take as they are."""
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
"""Keys that each service shares with audit alone; they prove which service made an event."""

NEEDED: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "PLATEWARD_DATABASE_PASSWORD": password,
    "PLATEWARD_IDENTITY_PASSWORD": password,
    "PLATEWARD_INGEST_PASSWORD": password,
    "PLATEWARD_HOTLIST_PASSWORD": password,
    "PLATEWARD_RETENTION_PASSWORD": password,
    "PLATEWARD_RELEASE_PASSWORD": password,
    "PLATEWARD_AUDIT_PASSWORD": password,
    "PLATEWARD_OBJECTS_SECRET": password,
    "OBJECTS_SECRET_INGEST": password,
    "OBJECTS_SECRET_RECOGNITION": password,
    "OBJECTS_SECRET_HOTLIST": password,
    "OBJECTS_SECRET_RETENTION": password,
    "OBJECTS_SECRET_RELEASE": password,
    "OBJECTS_SECRET_AUDIT": password,
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
    "INGEST_ID_KEY": key,
    "HOTLIST_ID_KEY": key,
    "AUDIT_SIGNING_KEY": key,
    "AUDIT_VALUES_KEY": key,
    "RETENTION_SIGNING_KEY": signing_key,
    "CONSOLE_SESSION_KEY": key,
    **dict.fromkeys(MAC_KEYS, key),
}

ROOTS = "ROOT_PUBLIC_KEYS"
ROOT_FILE = "root.key"

CERTIFIED = {"IDENTITY_ISSUER": "tokens", "INGEST_SIGNING": "captures"}
"""Keys that the root certifies: for each, NAME_KEY and NAME_CERTIFICATE, and what it may sign."""

CERTIFIED_FOR = timedelta(days=400)


class RootMissing(Exception):
    """A certificate is to be made and the root's private half is not here."""


def certified(root_seed: bytes, usage: str, index: int = 0) -> tuple[str, str]:
    """Return a fresh private key (base64) and its certificate, as shared/certificates.py reads it.

    The serial is the time in seconds, so that it counts up without a memory; `index` tells those of
    one moment apart.
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
    """Return what is missing of the root's public half and of certified keys.

    Draws the root at first, into the file `root`.

    Raises: RootMissing when a certificate is needed and that file is elsewhere.
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
            f"{', '.join(missing)}: to certify this, put {root} back from where it is kept offline"
        )
    seed = base64.b64decode(root.read_text())
    if ROOTS not in present:
        added[ROOTS] = base64.b64encode(public_key(seed)).decode()
    for index, name in enumerate(missing):
        added[f"{name}_KEY"], added[f"{name}_CERTIFICATE"] = certified(seed, CERTIFIED[name], index)
    return added


def write_secret(path: Path, text: str) -> None:
    """Write a new file that its owner alone can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def complete(path: Path) -> list[str]:
    """Add what is missing in an environment file; return the names added. Raises: RootMissing."""
    lines = path.read_text().splitlines() if path.exists() else []
    present = dict(line.split("=", 1) for line in lines if "=" in line)
    drawn = {name: draw() for name, draw in NEEDED.items() if name not in present}
    drawn |= certified_keys(present, path.parent / ROOT_FILE)
    if "SITE_ADDRESS" in present and "CONSOLE_ADDRESS" not in present:
        drawn["CONSOLE_ADDRESS"] = f"console.{present['SITE_ADDRESS']}"
    lines += [f"{name}={_quoted(value)}" for name, value in drawn.items()]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write("".join(f"{line}\n" for line in lines))
    return list(drawn)


def _quoted(value: str) -> str:
    """Return a value as an environment file takes it: on one line."""
    return '"' + value.replace("\n", "\\n") + '"' if "\n" in value else value


def main() -> int:
    """Complete .env in the current folder."""
    try:
        added = complete(Path(".env"))
    except RootMissing as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f".env: added {', '.join(added)}" if added else ".env is complete")
    if Path(ROOT_FILE).exists():
        print(
            f"{ROOT_FILE} certifies the keys of all services. Nothing that runs needs it: move it to a"
            " medium that is kept offline before anything is exposed to a network."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
