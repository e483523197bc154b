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


NEEDED: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "PLATEWARD_DATABASE_PASSWORD": password,
    "PLATEWARD_OBJECTS_SECRET": password,
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
}


def complete(path: Path) -> list[str]:
    """Add what is missing in an environment file; return the names added."""
    lines = path.read_text().splitlines() if path.exists() else []
    present = {line.split("=", 1)[0] for line in lines}
    added = [name for name in NEEDED if name not in present]
    lines += [f"{name}={NEEDED[name]()}" for name in added]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write("".join(f"{line}\n" for line in lines))
    return added


def main() -> int:
    """Complete .env in the current folder."""
    added = complete(Path(".env"))
    print(f".env: added {', '.join(added)}" if added else ".env is complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
