"""Keys that the embedded stack draws at its first start and keeps beside its data."""

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.compose.make_env import key, signing_key
from deploy.local.process import LocalError

KEYS = {
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
    "AUDIT_SIGNING_KEY": key,
    "RETENTION_SIGNING_KEY": signing_key,
}
"""By setting; each is drawn like docker-compose.yml's."""


def kept_keys(folder: Path, given: Mapping[str, str], *, first_start: bool) -> dict[str, str]:
    """Return the keys that are not given already, the same at every start.

    Raises: LocalError when one is gone though what was encrypted or signed with it may be there.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return {
        name: _kept(folder / name.lower(), name, first_start=first_start)
        for name in KEYS
        if name not in given
    }


def _kept(path: Path, name: str, *, first_start: bool) -> str:
    if path.exists():
        return path.read_text()
    if not first_start:
        raise LocalError(f"{path} is gone: restore it, give {name}, or remove the data with it")
    drawn = KEYS[name]()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(drawn)
    return drawn
