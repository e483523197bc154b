"""Keys that the embedded stack draws at its first start and keeps beside its data."""

import base64
import os
import secrets
from pathlib import Path

from deploy.local.process import LocalError

KEY_BYTES = 32


def kept_key(path: Path, *, first_start: bool) -> str:
    """Return base64 of 32 random bytes, the same at every start, readable by the owner alone.

    Raises: LocalError when the key is gone though data encrypted with it may be there.
    """
    if path.exists():
        return path.read_text()
    if not first_start:
        raise LocalError(f"{path} is gone: restore it, or remove {path.parent} with the data in it")
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key)
    return key
