"""The keys that the embedded stack draws at its first start and stores beside its data."""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from json import loads
from pathlib import Path

from local.stack.key_material import (
    CERTIFIED,
    MAC_KEYS,
    ROOT_FILE,
    ROOTS,
    RootMissing,
    certified_keys,
    key,
    replace_secret,
    signing_key,
    write_secret,
)
from local.stack.process import LocalError

KEYS = {
    "IDENTITY_KEY_ENCRYPTION_KEY": key,
    "AUDIT_SIGNING_KEY": key,
    "RETENTION_SIGNING_KEY": signing_key,
    **dict.fromkeys(MAC_KEYS, key),
}
"""By setting; each is drawn like its counterpart in docker-compose.yml."""

REPLACEABLE = {"CONSOLE_SESSION_KEY": key, "INGEST_ID_KEY": key, "HOTLIST_ID_KEY": key}
"""Keys that may be drawn later: losing one only makes people sign in again, or data from before an upgrade lack
it. A service that cannot decrypt data of a lost key reports this and does not start."""

ADDED = {"AUDIT_VALUES_KEY": key}
"""Keys that data folders of earlier versions lack. Sealed data names the key that sealed it, so a lost one shows."""

UNDER_THE_ROOT = (
    ROOTS,
    *(f"{name}_{part}" for name in CERTIFIED for part in ("KEY", "CERTIFICATE")),
)
"""The root's public half, and the keys and certificates that it certifies."""

RENEWED_BEFORE = timedelta(days=60)
"""A certificate with less time left is replaced at the next start, with its key."""


def stored_keys(folder: Path, given: Mapping[str, str], *, first_start: bool) -> dict[str, str]:
    """Return the keys that `given` lacks, the same ones at every start.

    Raises: LocalError if a key is missing although data encrypted or signed with it may exist.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    drawable = set(KEYS if first_start else ()) | REPLACEABLE.keys() | ADDED.keys()
    if not any((folder / name.lower()).exists() for name in MAC_KEYS):
        drawable |= set(MAC_KEYS)  # data from before MACs
    stored = {
        name: _stored(folder / name.lower(), name, draw, may_draw=name in drawable)
        for name, draw in (KEYS | REPLACEABLE | ADDED).items()
        if name not in given
    }
    return stored | _certified(folder, given)


def root_file(folder: Path) -> Path:
    """Return the path of the root's private half; the file is absent once a person has moved it offline."""
    return folder / ROOT_FILE


def _certified(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the root's public half and its certified keys; draws or renews them if necessary."""
    paths = {name: folder / name.lower() for name in UNDER_THE_ROOT}
    if root_file(folder).exists():
        for name in CERTIFIED:
            with suppress(OSError):
                if _ends(paths[f"{name}_CERTIFICATE"].read_text()) < _soon():
                    paths[f"{name}_CERTIFICATE"].unlink()  # a key without one is drawn anew
    there = {name: path.read_text() for name, path in paths.items() if path.exists()}
    try:
        drawn = certified_keys({**there, **given}, root_file(folder))
    except RootMissing as exc:
        raise LocalError(f"{exc}, or give them") from exc
    for name, value in drawn.items():
        replace_secret(paths[name], value)
    return {name: value for name, value in {**there, **drawn}.items() if name not in given}


def _soon() -> datetime:
    return datetime.now(UTC) + RENEWED_BEFORE


def _ends(certificate: str) -> datetime:
    body = certificate.split(".")[0]
    fields = loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return datetime.fromisoformat(fields["not_after"])


def _stored(path: Path, name: str, draw: Callable[[], str], *, may_draw: bool) -> str:
    if path.exists():
        return path.read_text()
    if not may_draw:
        raise LocalError(f"{path} is gone: restore it, give {name}, or remove the data with it")
    drawn = draw()
    write_secret(path, drawn)
    return drawn
