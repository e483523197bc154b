"""Writes .env for docker-compose.yml with random secrets; needs only Python.

Existing values stay: a second run adds only missing ones. A reader of .env can read the data, so only its
owner may read it; store a copy with the department's other keys.

The root that certifies signing keys (docs/adr/0018-two-levels-of-keys.md) goes into a file of its own, root.key,
which no container gets: move it to a medium that is kept offline.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":  # a script's import path is its own folder only
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from local.stack.key_material import (
    MAC_KEYS,
    ROOT_FILE,
    RootMissing,
    certified_keys,
    key,
    password,
    replace_secret,
    signing_key,
)

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
    "GRAFANA_PASSWORD": password,
    **dict.fromkeys(MAC_KEYS, key),
}


def complete(path: Path) -> list[str]:
    """Add the missing values to an environment file; returns the names added. Raises: RootMissing."""
    lines = path.read_text().splitlines() if path.exists() else []
    present = dict(line.split("=", 1) for line in lines if "=" in line)
    drawn = {name: draw() for name, draw in NEEDED.items() if name not in present}
    drawn |= certified_keys(present, path.parent / ROOT_FILE)
    if "SITE_ADDRESS" in present and "CONSOLE_ADDRESS" not in present:
        drawn["CONSOLE_ADDRESS"] = f"console.{present['SITE_ADDRESS']}"
    lines += [f"{name}={_quoted(value)}" for name, value in drawn.items()]
    there = path.stat() if path.exists() else None
    replace_secret(path.resolve(), "".join(f"{line}\n" for line in lines))
    if there is not None and os.geteuid() == 0:
        os.chown(path, there.st_uid, there.st_gid)
    return list(drawn)


def _quoted(value: str) -> str:
    """Return a value in the syntax of an environment file: on one line."""
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
