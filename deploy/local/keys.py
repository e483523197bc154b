"""Keys that the embedded stack draws at its first start and keeps beside its data."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.compose.make_env import key, signing_key
from deploy.local.process import LocalError

KEYS = {
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
    "AUDIT_SIGNING_KEY": key,
    "RETENTION_SIGNING_KEY": signing_key,
}
"""By setting; each is drawn like docker-compose.yml's."""

REPLACEABLE = {"CONSOLE_SESSION_KEY": key}
"""Keys whose loss costs nothing but that people sign in again."""


def kept_keys(folder: Path, given: Mapping[str, str], *, first_start: bool) -> dict[str, str]:
    """Return the keys that are not given already, the same at every start.

    Raises: LocalError when one is gone though what was encrypted or signed with it may be there.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return {
        name: _kept(folder / name.lower(), name, draw, may_draw=first_start or name in REPLACEABLE)
        for name, draw in (KEYS | REPLACEABLE).items()
        if name not in given
    }


def _kept(path: Path, name: str, draw: Callable[[], str], *, may_draw: bool) -> str:
    if path.exists():
        return path.read_text()
    if not may_draw:
        raise LocalError(f"{path} is gone: restore it, give {name}, or remove the data with it")
    drawn = draw()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(drawn)
    return drawn
