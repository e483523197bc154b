"""Writes .env for docker-compose.yml with secrets drawn at random; needs nothing but Python.

What is there is kept: a second run adds only what is missing. Whoever can read .env can read the
data, so it is readable by its owner alone; keep a copy where the department keeps its keys.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path


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


NEEDED: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "PLATEWARD_DATABASE_PASSWORD": password,
    "PLATEWARD_SERVICES_PASSWORD": password,
    "PLATEWARD_OBJECTS_SECRET": password,
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
    "AUDIT_SIGNING_KEY": key,
    "RETENTION_SIGNING_KEY": signing_key,
    "CONSOLE_SESSION_KEY": key,
}


def complete(path: Path) -> list[str]:
    """Add what is missing in an environment file; return the names added."""
    lines = path.read_text().splitlines() if path.exists() else []
    present = {line.split("=", 1)[0] for line in lines}
    added = [name for name in NEEDED if name not in present]
    lines += [f"{name}={_quoted(NEEDED[name]())}" for name in added]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write("".join(f"{line}\n" for line in lines))
    return added


def _quoted(value: str) -> str:
    """Return a value as an environment file takes it: on one line."""
    return '"' + value.replace("\n", "\\n") + '"' if "\n" in value else value


def main() -> int:
    """Complete .env in the current folder."""
    added = complete(Path(".env"))
    print(f".env: added {', '.join(added)}" if added else ".env is complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
